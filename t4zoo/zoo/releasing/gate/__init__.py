"""What a release must be before anything is written: each check returns its refusals, and none stops at the first."""
