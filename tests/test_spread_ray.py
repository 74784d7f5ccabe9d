"""Scenes are spread over the machines of a real Ray cluster, parts of which are killed."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from t4zoo.errors import UsageError
from t4zoo.spread import Processes, spread
from t4zoo.spread_node import code_here, do
from t4zoo.spread_process import opened
from t4zoo.spread_ray import Ray, _task
from t4zoo.t4.frames import FrameSettings
from t4zoo.t4.piece import settings_digest
from t4zoo.t4.pieces import Order, pieces
from t4zoo.t4.reader import ReadError
from t4zoo.t4.selection import read_selections
from tests.ray_machines import Machines, until
from tests.t4.check.spoilers import good_scene, text
from tests.t4.scenes import GIVEN, ROOT, write_list
from tests.test_spread import DEADLY, Recording

SCENES = 40
HALF = SCENES // 2
INFOS = ["info_train.pkl", "info_val.pkl", "info_test.pkl"]  # what the stage tells of, a line each
CHECK = [sys.executable, "-c", "from t4zoo.cli.main import main; main()", "t4", "check"]
PATIENCE = 200.0  # [s], for a whole run on a busy machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="machines are addresses of loopback, and /proc is read")


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    machines = Machines(1, 1, 2)
    try:
        yield machines
    finally:
        machines.end()


@pytest.fixture(scope="module")
def engine(machines: Machines) -> Iterator[Ray]:
    """The cluster, with this process as one that asks."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in machines.variables.items():
            patch.setenv(name, value)
        import ray  # which reads the token when it is imported

        engine = Ray(machines.address, cpus=1, memory=None, ahead=2)
        assert next(spread(Where(), [0], engine))[0] == 0  # which connects
        until(lambda: ray.cluster_resources().get("CPU") == 4, "all machines are there")
        yield engine
        ray.shutdown()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    names = [f"synth_2{number:02d}" for number in range(SCENES)]
    for name in names:
        shutil.copytree(GIVEN / "synth_2", root / "data/db_given_v1" / name)
    (root / "lists").mkdir()
    train, test = ([f"{name}/0" for name in part] for part in (names[:HALF], names[HALF:]))
    write_list(root / "lists", "db_given_v1", train=train, test=test)
    return root


@pytest.fixture(scope="module")
def expected(workspace: Path) -> dict[str, bytes]:
    """The files that one process makes."""
    assert finish(stage(workspace, "one", {}, "workers=1")) == (0, "")
    return files(workspace, "one")


def stage(workspace: Path, out: str, variables: dict[str, str], *overrides: str) -> subprocess.Popen[str]:
    paths = [f"data_root={workspace}/data", f"dataset_lists={workspace}/lists", f"out={workspace}/{out}/base"]
    product = "product.datasets=[{name: db_given_v1, sample_steps: 1}]"
    return subprocess.Popen(
        [sys.executable, "-m", "stages.create_info", *paths, product, "waivers=''", "cache=''", *overrides],
        cwd=ROOT,
        env={**os.environ, **variables, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(begun: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        said, told = begun.communicate(timeout=PATIENCE)
    finally:
        begun.kill()
    assert not said or [line.partition(":")[0].rpartition("/")[2] for line in said.splitlines()] == INFOS
    return begun.returncode, told


def files(workspace: Path, out: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((workspace / out / "base").iterdir())}


@dataclass(frozen=True)
class Where:
    """Says on which machine it was done."""

    def __call__(self, number: int) -> tuple[int, str]:
        import ray

        time.sleep(0.05)
        return number, ray.util.get_node_ip_address()


def test_results_of_several_machines_come_in_order(engine: Ray):
    found = list(spread(Where(), range(30), engine, lambda number: (number, "here") if number % 10 == 0 else None))
    assert [number for number, _ in found] == list(range(30))
    assert len({machine for _, machine in found} - {"here"}) == 3


@pytest.mark.parametrize(("most", "bound"), [(None, 10), (2, 3)])
def test_no_more_is_begun_than_the_machines_are_busy_with(engine: Ray, most: int | None, bound: int):
    begun = []

    def things() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    results = spread(Where(), things(), dataclasses.replace(engine, most=most))
    assert next(results)[0] == 0
    results.close()
    assert len(begun) < bound


def refuse(number: int) -> None:
    raise ReadError(f"{number} is broken")


def test_an_error_on_a_machine_is_raised_here(engine: Ray):
    with pytest.raises(ReadError, match="1 is broken"):
        list(spread(refuse, [1, 2], engine))


def test_a_killed_process_costs_its_own_thing_only(engine: Ray, tmp_path: Path):
    work = Recording(tmp_path, always=False)
    assert list(spread(work, range(30), engine)) == [number * number for number in range(30)]
    assert len(work.notes(DEADLY)) == 3  # begun, begun again, done
    assert {len(work.notes(number)) for number in set(range(30)) - {DEADLY}} == {2}


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_scene_that_always_kills_its_process_is_named_and_the_others_are_made(
    where: str, engine: Ray, workspace: Path, tmp_path: Path
):
    orders = [deadly(order) if number == 5 else order for number, order in enumerate(orders_of(workspace))]
    found = []
    with pytest.raises(ReadError, match=r"^scene synth_205: its process was ended from outside, and again"):
        found.extend(pieces(orders, engine if where == "there" else Processes(2), tmp_path / "cache", tmp_path))
    assert len(list((tmp_path / "cache").glob("??/*"))) == len(orders) - 1


@dataclass(frozen=True)
class Deadly(Order):
    """A scene that ends each process that reads it, but for the one that asks."""

    asks: int = 0

    def recipe(self):
        if os.getpid() != self.asks:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().recipe()


def deadly(order: Order) -> Order:
    return Deadly(**vars(order), asks=os.getpid())


def orders_of(workspace: Path) -> list[Order]:
    product = {"name": "base", "datasets": [{"name": "db_given_v1", "sample_steps": 1}]}
    (selection,) = read_selections(product, workspace / "lists")
    settings = FrameSettings(None, 1, 1, 50.0, None)
    scenes = selection.dataset.splits["train"][:12]
    return [Order(selection, scene, settings, settings_digest(settings), workspace / "data") for scene in scenes]


def test_what_a_machine_does_not_see_is_told(engine: Ray, tmp_path: Path):
    with pytest.raises(UsageError, match=r"does not see .*/gone; the machines of a cluster must see the same files"):
        list(spread(Where(), [1], engine, reads=lambda number: [tmp_path / "gone"]))
    answer = _task()(str(tmp_path / "gone"), str(ROOT), [], code_here(), b"", b"", [])
    assert isinstance(answer, str)
    assert "gone" in answer
    with pytest.raises(UsageError, match=r"t4zoo/errors.py is not what .* was when the work began"):
        opened(do(str(ROOT), (("t4zoo/errors.py", "another digest"),), b"", b"", []))


def test_the_stage_makes_the_same_files_and_is_quiet(machines: Machines, workspace: Path, expected: dict[str, bytes]):
    for out, address in (("inside", "launcher.address=auto"), ("outside", f"launcher.address={machines.client}")):
        assert finish(stage(workspace, out, machines.variables, "launcher=ray", address)) == (0, "")
        assert files(workspace, out) == expected


def test_the_stage_finishes_when_a_process_is_killed_at_work(
    machines: Machines, workspace: Path, expected: dict[str, bytes]
):
    begun = stage(workspace, "process", machines.variables, "launcher=ray")
    for _ in range(3):
        os.kill(machines.stop_one_at_work(), signal.SIGKILL)
    assert begun.poll() is None
    assert finish(begun)[0] == 0
    assert files(workspace, "process") == expected


def test_more_cores_than_any_machine_has_are_refused(machines: Machines, workspace: Path):
    code, told = finish(stage(workspace, "none", machines.variables, "launcher=ray", "launcher.cpus=9"))
    assert code == 2
    assert "no machine of the Ray cluster has 9 cores" in told


def test_a_check_tells_the_same_as_on_one_machine(machines: Machines, tmp_path: Path):
    scene = good_scene(tmp_path / "data")
    for number in range(4):
        shutil.copytree(scene, tmp_path / "data" / f"scene {number}" / "0")
    text("weather", "[]")(tmp_path / "data" / "scene 1" / "0")
    told = []
    for options in (["--workers", "1"], ["--launcher", "ray", "--address", machines.client]):
        command = [*CHECK, "data", "--json", "--cache", f"kept {len(told)}", *options]
        told.append(subprocess.run(command, cwd=tmp_path, env=environment(machines), capture_output=True, check=False))
    assert told[0].stdout == told[1].stdout
    assert len(json.loads(told[1].stdout)["reports"]) > 4
    assert b"STR006" in told[1].stdout
    assert told[1].returncode == 0
    kept = [sorted(path.name for path in tmp_path.glob(f"kept {number}/*/*")) for number in range(2)]
    assert kept[0] == kept[1] != []


def environment(machines: Machines) -> dict[str, str]:
    return {**machines.variables, "PYTHONPATH": str(ROOT)}


def test_what_is_under_way_ends_with_the_process_that_asked(machines: Machines, workspace: Path):
    begun = stage(workspace, "killed", machines.variables, "launcher=ray")
    held = machines.stop_one_at_work()
    begun.kill()
    begun.communicate()
    os.kill(held, signal.SIGCONT)
    until(lambda: not machines.working(), "nothing is at work")
    assert not (workspace / "killed" / "base").exists()


def test_the_stage_finishes_when_a_whole_machine_is_killed_at_work(
    machines: Machines, workspace: Path, expected: dict[str, bytes]
):
    begun = stage(workspace, "machine", machines.variables, "launcher=ray")
    machines.stop_one_at_work(2)
    machines.kill(2)
    assert begun.poll() is None
    assert finish(begun)[0] == 0
    assert files(workspace, "machine") == expected


def test_where_the_last_machine_that_is_large_enough_is_killed_another_is_waited_for(
    machines: Machines, workspace: Path, expected: dict[str, bytes]
):
    machines.add(3)
    begun = stage(workspace, "large", machines.variables, "launcher=ray", "launcher.cpus=3")
    machines.stop_one_at_work(3)
    machines.kill(3)
    assert begun.stderr is not None
    while "waiting: the Ray cluster has no machine with 3 cores left" not in begun.stderr.readline():
        assert begun.poll() is None
    machines.add(3)
    assert finish(begun)[0] == 0
    assert files(workspace, "large") == expected


def test_a_cluster_that_is_not_there_is_told_at_once(workspace: Path):
    code, told = finish(stage(workspace, "none", {}, "launcher=ray", "launcher.address=127.0.0.1:1"))
    assert code == 2
    assert "no Ray cluster can be used at 127.0.0.1:1" in told
    assert "docs/cluster.md" in told
    assert "Traceback" not in told


def test_where_ray_is_not_installed_the_command_that_does_is_told(tmp_path: Path):
    program = "import sys; sys.modules['ray'] = None; from t4zoo.cli.main import main; main()"
    scene = good_scene(tmp_path / "data")
    command = [sys.executable, "-c", program, "t4", "check", str(scene), "--no-cache", "--launcher", "ray"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install -e '.[ray]'" in done.stderr
    assert "Traceback" not in done.stderr
