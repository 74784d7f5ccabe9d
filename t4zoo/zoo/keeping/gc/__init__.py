"""`t4zoo gc`: what nothing needs leaves the store; docs/decisions/what-gc-keeps.md says what is kept."""
