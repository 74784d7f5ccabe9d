"""Info files as a person asks about them: what one holds, what differs between two, and one form made of another."""
