"""How good auto-labels are: reports with and without ground truth, and what another threshold or version changes."""
