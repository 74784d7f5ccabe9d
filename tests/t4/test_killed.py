"""create_info, ended by SIGKILL between any two of the things that it does to files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.t4.scenes import ROOT, write_list
from tests.t4.test_pieces import convert, digests, workspace_in

# Counts what is done to files of the workspace, and ends the process at number KILL_AT; what of that is only read is
# left out, since nothing can be half done by it.
PROGRAM = """
import os, signal, sys
sys.path.insert(0, os.environ["ROOT"])
from pathlib import Path
import tests.t4.test_pieces as given

root, last = Path(sys.argv[1]), int(os.environ["KILL_AT"])
seen = 0

def hook(event, arguments):
    global seen
    changes = event in {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "os.chmod"}
    changes |= event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
    changes |= event == "ctypes.dlsym"
    if changes and (event == "ctypes.dlsym" or str(root) in str(arguments[0])):
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)

workers = int(sys.argv[2])
sys.addaudithook(hook)
given.convert(root, workers=workers)
print(seen)
"""


def start(root: Path, kill_at: int, workers: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), str(workers)],
        env={**os.environ, "ROOT": str(ROOT), "KILL_AT": str(kill_at), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(root: Path, kill_at: int = 0) -> tuple[int, str]:
    process = start(root, kill_at)
    said, error = process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL), error
    return process.returncode, said


def ask_for(root: Path, train: list[str]) -> None:
    write_list(root / "lists", "db_given_v1", train=train, test=["synth_2/0"])


ONE, OTHER = ["synth_1/0"], ["synth_1/0/odaiba/j6"]


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> tuple[int, dict[str, str], dict[str, str]]:
    """How many things are done to files when there are results already; the results before and after."""
    root = workspace_in(tmp_path_factory.mktemp("known"))
    ask_for(root, ONE)
    run(root)
    before = digests(root / "info/base")
    ask_for(root, OTHER)
    _, said = run(root)
    return int(said), before, digests(root / "info/base")


def test_whenever_it_is_killed_all_results_are_the_old_ones_or_the_new_ones(known, tmp_path: Path):
    count, before, after = known
    assert count > 20
    root, killed, kept = workspace_in(tmp_path), 0, 0
    # each of the last ones, where results change their place, and every third before
    for moment in [*range(1, count - 12, 3), *range(max(count - 12, 1), count + 1)]:
        ask_for(root, ONE)
        convert(root)
        assert digests(root / "info/base") == before
        ask_for(root, OTHER)
        for path in (root / "cache").glob("??/*"):
            path.unlink()  # so that the moments are those that were counted
        code, _ = run(root, moment)
        found = digests(root / "info/base")
        assert found in (before, after), moment
        killed, kept = killed + (code != 0), kept + (found == before)
        convert(root)
        assert digests(root / "info/base") == after
        assert [path.name for path in (root / "info").iterdir()] == ["base"]
    assert killed > 10
    assert 5 < kept < killed


def test_a_first_run_that_is_killed_leaves_no_results_that_look_whole(known, tmp_path: Path):
    root = workspace_in(tmp_path)
    ask_for(root, OTHER)
    assert run(root, known[0] // 2)[0] == -signal.SIGKILL
    assert not (root / "info" / "base").exists()
    assert run(root)[0] == 0
    assert digests(root / "info/base") == known[2]


def test_processes_end_with_the_one_that_started_them_and_the_next_run_is_right(known, tmp_path: Path):
    root = workspace_in(tmp_path)
    names = [f"synth_2{letter}" for letter in "abcdefghijklmnopqrst"]
    for name in names:
        (root / "data/db_given_v1" / name).symlink_to("synth_2")
    write_list(root / "lists", "db_given_v1", train=[f"{name}/0" for name in names], test=["synth_2/0"])
    process = start(root, 0, workers=3)
    until = time.monotonic() + 60
    while not list((root / "cache").glob("??/*")) and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=60)
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert run(root)[0] == 0
    told = json.loads((root / "info/base/statistics.json").read_text())
    assert len(told["train"]["scenes"]) == len(names)


# What every process of a run loads when it starts: ends one that is not the first, once, when it does KILL_AT.
IN_EVERY_PROCESS = """
import os, signal, sys

first = int(os.environ.setdefault("FIRST", str(os.getpid())))
root, moment, dead = os.environ["WORKSPACE"], os.environ["KILL_AT"], os.environ["DEAD"]

def hook(event, arguments):
    if event != moment or root not in str(arguments[0]) or os.getpid() == first:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    try:
        os.close(os.open(dead, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""


@pytest.mark.parametrize("moment", ["os.mkdir", "open", "os.chmod", "os.rename"])
def test_a_worker_that_is_killed_while_it_keeps_a_piece_costs_nothing_but_time(known, tmp_path: Path, moment: str):
    root, dead = workspace_in(tmp_path / "run"), tmp_path / "dead"
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(IN_EVERY_PROCESS)
    ask_for(root, OTHER)
    program = "import sys\nfrom pathlib import Path\nimport tests.t4.test_pieces as given\n"
    program += "given.convert(Path(sys.argv[1]), workers=2)"
    own = {"WORKSPACE": str(root), "KILL_AT": moment, "DEAD": str(dead), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **own, "PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert dead.exists()
    assert digests(root / "info/base") == known[2]
    assert len([path for path in (root / "cache").glob("??/*") if not path.name.startswith(".")]) == 2
