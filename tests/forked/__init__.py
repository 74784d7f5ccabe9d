"""Commands of the tests, in processes forked from one that has imported what commands import."""
