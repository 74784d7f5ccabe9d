"""t4zoo: from T4 datasets to released, versioned lidar detectors and auto-labels."""
