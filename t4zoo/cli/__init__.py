"""The `t4zoo` command, in one file a purpose. Each subcommand imports what it needs when it is called."""
