"""A released version made again from its commit, and compared."""
