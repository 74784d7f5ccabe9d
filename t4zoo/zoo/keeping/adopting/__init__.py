"""A zoo that people filled by hand, read as versions: nothing in it is moved, renamed or written."""
