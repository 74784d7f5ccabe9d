"""What is fixed in the code of Autoware's CenterPoint node: the sizes of its buffers, and the names of its tensors.

Source: centerpoint_config.hpp (contracts/ORIGIN.md names the commit).
"""

from __future__ import annotations

POINTS_PER_PILLAR = 32
PILLAR_CHANNELS = 32
POINT_FEATURES = {9: 4, 10: 4, 11: 5}  # encoder_in_feature_size -> the point_feature_size that it is made from

ENCODER_TENSORS = ("input_features", "pillar_features")
HEAD_TENSORS = ("spatial_features", "heatmap", "reg", "height", "dim", "rot", "vel")
