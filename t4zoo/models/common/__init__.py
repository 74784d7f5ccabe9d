"""What every algorithm is built from: pillars, backbone, neck, targets, checkpoints, training and inference."""
