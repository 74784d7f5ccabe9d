"""Released versions through the years: proven, withdrawn, reproduced."""
