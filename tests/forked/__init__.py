"""Commands of the tests, in processes forked from one that has imported what commands import.

A test that runs a command of ours calls `command.run`: the command is real, with a process, memory, files and an end of
its own, and the seconds that Python takes to import torch and DVC are spent once a test process. `server.py` is what is
forked. A test starts Python itself where the start is what it looks at, where a signal or a stream has to reach the
command while it runs, or where it has another interpreter; test_forked.py holds both ways to the same results.
"""
