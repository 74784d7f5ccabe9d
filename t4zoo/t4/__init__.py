"""T4 scenes: reading, writing, lists of them, and the sample data."""
