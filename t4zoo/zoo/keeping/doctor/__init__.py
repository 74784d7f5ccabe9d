"""`t4zoo doctor`: do tags, store and zoo agree? A check a file; each tells all that it finds."""
