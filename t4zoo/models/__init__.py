"""The detectors, one folder an algorithm, and what they share. Nothing here imports another algorithm."""
