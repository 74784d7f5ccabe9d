"""TransFusion on lidar alone, as Autoware runs it."""
