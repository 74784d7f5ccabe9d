"""From a commit to a version that is whole, checked and never changes."""
