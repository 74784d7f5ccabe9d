"""Which boxes of a scene are one object: found in the map frame, forward and backward in time."""
