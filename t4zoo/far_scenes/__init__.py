"""Scenes that stay in a bucket: what a dataset's folder has in their place, how they are read, and what has changed."""
