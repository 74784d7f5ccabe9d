"""CenterPoint with pillars, as Autoware runs it."""
