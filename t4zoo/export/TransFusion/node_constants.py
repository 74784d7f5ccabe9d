"""What is fixed in the code of Autoware's TransFusion node: the sizes of its buffers, and the names of its tensors.

Sources: transfusion_config.hpp, network_trt.cpp and ros_utils.cpp (contracts/ORIGIN.md names the commits).
"""

from __future__ import annotations

CLASSES = 5
POINTS_PER_PILLAR = 20
POINT_FEATURES = 5  # x, y, z [m], intensity 0..255, lag [s]
CELL = 4  # pillars to a side of a cell in which the network counts centres
BOX_VALUES = 8

# Name -> the fixed dimensions behind the number of pillars, and what the buffer holds.
INPUTS = {
    "voxels": ((POINTS_PER_PILLAR, POINT_FEATURES), "FLOAT"),
    "num_points": ((), "INT32"),
    "coors": ((4,), "INT32"),
}
OUTPUTS = {"cls_score0": CLASSES, "bbox_pred0": BOX_VALUES, "dir_cls_pred0": 2}  # name -> rows; P columns

# Any other name is published as UNKNOWN.
OBJECT_CLASSES = ("CAR", "TRUCK", "BUS", "TRAILER", "MOTORCYCLE", "BICYCLE", "PEDESTRIAN")
