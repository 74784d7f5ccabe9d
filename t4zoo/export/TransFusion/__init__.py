"""What Autoware's TransFusion node (0.43) takes, and how it runs it."""
