"""A forked command is what the same command is when Python is started for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.forked import command as forked

TELLS = """\
import atexit, os, sys
import __main__
atexit.register(print, "at the end")
print(sys.argv, os.getcwd(), __name__, __main__.__spec__.name, sys.stdin.read())
print(sys.path[:2], os.environ.get("HELLO"), file=sys.stderr)
"""


@pytest.fixture
def program(tmp_path: Path):
    """`program(text)` is run as a module of its own, forked and started; both have to do the same."""

    def run(text: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "program.py").write_text(text)
        environment = {**os.environ, **variables}
        command = [sys.executable, "-m", "program", *arguments]
        started = subprocess.run(
            command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        done = forked.run("program", *arguments, cwd=tmp_path, environment=environment)
        assert (done.args, done.returncode, done.stdout) == (command, started.returncode, started.stdout)
        assert done.stderr.splitlines()[-1:] == started.stderr.splitlines()[-1:]
        return done

    return run


def test_it_has_the_arguments_the_folder_the_variables_and_the_end_of_its_own(program, tmp_path: Path) -> None:
    told = program(TELLS, "one", "two words", HELLO="you", PYTHONPATH=str(tmp_path / "more"))
    assert "two words" in told.stdout and told.stdout.endswith("at the end\n")
    assert str([str(tmp_path), str(tmp_path / "more")]) in told.stderr and "you" in told.stderr


LATE = "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()"
ENDS = ("exit(3)", "exit('no')", "exit()", "1 / 0", "raise KeyboardInterrupt", "import none", LATE)


@pytest.mark.parametrize("text", ENDS)
def test_it_ends_as_it_would_have_ended(program, text: str) -> None:
    program(text)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(program, number: signal.Signals) -> None:
    program(f"import os; os.kill(os.getpid(), {int(number)}); import time; time.sleep(60)")


def test_our_own_modules_are_imported_by_the_command_itself(program) -> None:
    told = program("import sys; print([n for n in sys.modules if n.split('.')[0] in ('t4zoo', 'stages')])")
    assert told.stdout == "[]\n"


def test_a_hash_seed_is_obeyed(program) -> None:
    assert program("print(hash('a'))", PYTHONHASHSEED="7").stdout


def test_its_temporary_folder_is_that_of_its_own_variables(program, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        told = program("import tempfile; print(tempfile.gettempdir())", TMPDIR=str(tmp_path / name))
        assert told.stdout == f"{tmp_path / name}\n"


def test_commands_at_the_same_time_have_words_and_codes_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "number.py").write_text("import sys; print(sys.argv[1]); exit(int(sys.argv[1]))")
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda number: forked.run("number", str(number), cwd=tmp_path), range(24)))
    assert [(one.returncode, one.stdout) for one in done] == [(number, f"{number}\n") for number in range(24)]


def test_the_process_that_forks_has_one_thread() -> None:
    forked.forks()
    assert forked.run("this", cwd=Path.cwd()).returncode == 0  # it has imported everything by now
    children = [
        int(one) for task in Path("/proc/self/task").iterdir() for one in (task / "children").read_text().split()
    ]
    (server,) = [one for one in children if b"forked/server.py" in Path(f"/proc/{one}/cmdline").read_bytes()]
    assert len(list(Path(f"/proc/{server}/task").iterdir())) == 1
