"""`python -m t4zoo` is the `t4zoo` command."""

from t4zoo.cli.main import main

main()
