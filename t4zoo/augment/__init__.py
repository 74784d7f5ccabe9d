"""Training frames, changed anew each epoch."""
