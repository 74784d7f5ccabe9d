"""Dataset lists as a whole: what is wrong with them, what differs between two of their revisions, what they hold."""
