"""What Autoware's BEVFusion node takes of a model that sees lidar alone, and how it runs it."""
