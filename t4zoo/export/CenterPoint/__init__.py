"""What Autoware's CenterPoint node (v4.1) takes, and how it runs it."""
