"""BEVFusion, of lidar alone: the offline model whose labels the others are trained on."""
