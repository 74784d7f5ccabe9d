"""A model that is not ours: whatever an mmengine configuration file names, run through the same stages."""
