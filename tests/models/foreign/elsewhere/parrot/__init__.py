"""Another project: a model, data and a metric in a registry scope of their own. Nothing in t4zoo knows it."""
