"""What is fixed in the code of Autoware's BEVFusion node: the sizes of its buffers, and the names of its tensors.

Sources: bevfusion_config.hpp and bevfusion_trt.cpp (contracts/ORIGIN.md names the commits).
"""

from __future__ import annotations

BOX_VALUES = 10  # x, y [cells], z [m], logarithms of l, w, h [m], sin, cos of yaw, vx, vy [m/s]
GRID_AXES = 3  # of a voxel's place, as (z, y, x)
POINT_FEATURES = {False: 4, True: 5}  # use_intensity -> x, y, z [m], (intensity 0..255,) lag [s]

# What a model without cameras says of them.
CAMERAS: dict[str, int | float] = {
    "num_cameras": 0,
    "raw_image_height": 0,
    "raw_image_width": 0,
    "img_aug_scale_x": 0.0,
    "img_aug_scale_y": 0.0,
    "roi_height": 0,
    "roi_width": 0,
    "features_height": 0,
    "features_width": 0,
    "num_depth_features": 0,
    "image_feature_channel": 0,
}

# Any other name is published as UNKNOWN, as are the last two, for which the node's launch files have thresholds.
OBJECT_CLASSES = (
    "CAR",
    "TRUCK",
    "BUS",
    "TRAILER",
    "MOTORCYCLE",
    "BICYCLE",
    "PEDESTRIAN",
    "TRAFFIC_CONE",
    "BARRIER",
)
