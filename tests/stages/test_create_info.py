import hashlib
import os
import pickle
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from t4zoo.info import load
from tests.forked import command as forked
from tests.pipeline import ROOT
from tests.t4.scenes import write_workspace

INFOS = ["info_test.pkl", "info_train.pkl", "info_val.pkl"]
FILES = [*INFOS, "objects.csv", "pieces.json", "scenes.csv", "statistics.json"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    write_workspace(root)
    return root


BACKWARDS = """
import os
forwards, entries = os.listdir, os.scandir

class Entries(list):
    __enter__ = lambda self: self
    __exit__ = lambda self, *_: None

os.listdir = lambda *path: sorted(forwards(*path), reverse=True)
os.scandir = lambda *path: Entries(sorted(entries(*path), key=lambda entry: entry.name, reverse=True))
"""


def run(
    workspace: Path, out: Path, *overrides: str, seed: str = "", path: str = ""
) -> subprocess.CompletedProcess[str]:
    paths = [f"data_root={workspace / 'data'}", f"dataset_lists={workspace / 'lists'}", f"out={out}", "cache=''"]
    variables = {**os.environ, "PYTHONPATH": path, **({"PYTHONHASHSEED": seed} if seed else {})}
    return forked.run("stages.create_info", *paths, *overrides, cwd=ROOT, environment=variables)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def seen_on_a_screen(*command: str) -> str:
    """What a terminal gets of a command that ends well."""
    process, screen = pty.fork()
    if not process:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, *command])
    seen = b""
    while True:
        try:
            seen += os.read(screen, 65536)
        except OSError:  # nobody holds the other end any more
            break
    os.close(screen)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, seen.decode()
    return seen.decode()


def test_a_screen_shows_how_far_the_stage_is_and_the_files_are_the_same(workspace: Path, tmp_path: Path):
    paths = [f"data_root={workspace / 'data'}", f"dataset_lists={workspace / 'lists'}", "cache=''"]
    choices = ["product=base", "labels=t4", "workers=2"]
    screen = seen_on_a_screen("-m", "stages.create_info", *paths, *choices, f"out={tmp_path / 'info'}")
    assert all(f"{work} " in screen for work in ("checking", "converting")), screen
    assert "6/6" in screen, screen
    assert run(workspace, tmp_path / "silent" / "info", *choices).returncode == 0
    assert digests(tmp_path / "info") == digests(tmp_path / "silent" / "info")


def test_the_stage_writes_its_files_and_says_what_is_in_them(workspace: Path, tmp_path: Path):
    done = run(workspace, tmp_path / "info", "product=base", "labels=t4")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "info").iterdir()) == FILES
    assert "info_train.pkl: 6 frames of 2 scenes" in done.stdout
    data = pickle.loads((tmp_path / "info" / "info_train.pkl").read_bytes())
    made_from = [{"name": "db_sample_v1", "dataset_version": "db_sample_v1.0", "sample_steps": 1}]
    assert data["metainfo"]["datasets"] == made_from


def test_the_bytes_are_the_same_under_any_hash_seed(workspace: Path, tmp_path: Path):
    for seed in ("0", "1", "12345"):
        assert run(workspace, tmp_path / seed, "product=x2", seed=seed).returncode == 0
    assert digests(tmp_path / "0") == digests(tmp_path / "1") == digests(tmp_path / "12345")


def test_the_bytes_are_the_same_in_whatever_order_folders_are_listed(workspace: Path, tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(BACKWARDS)
    order = "import os, sys; print(*os.listdir(sys.argv[1]))"
    names = [
        subprocess.run([sys.executable, "-c", order, str(workspace / "data")], env=env, capture_output=True, text=True)
        for env in ({**os.environ}, {**os.environ, "PYTHONPATH": str(tmp_path)})
    ]
    assert names[1].stdout.split() == sorted(names[0].stdout.split(), reverse=True)  # it does turn them round
    assert run(workspace, tmp_path / "one").returncode == 0
    assert run(workspace, tmp_path / "other", path=str(tmp_path)).returncode == 0
    assert digests(tmp_path / "one") == digests(tmp_path / "other")


def test_each_product_gets_its_own_lidar(workspace: Path, tmp_path: Path):
    assert run(workspace, tmp_path / "x2", "product=x2").returncode == 0
    frames = load(tmp_path / "x2" / "info_val.pkl").frames
    assert all("/LIDAR_TOP/" in frame.lidar_path for frame in frames)
    assert abs(frames[0].lidar2ego[0, 1]) > 0.9


def test_a_broken_scene_is_one_line_on_stderr_and_leaves_nothing(workspace: Path, tmp_path: Path):
    shutil.copytree(workspace, tmp_path / "copy")
    annotation = sorted((tmp_path / "copy" / "data" / "db_sample_v1").glob("*/0/annotation"))[-1]
    (annotation / "sample.json").write_text("[]")
    done = run(tmp_path / "copy", tmp_path / "info")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith(f"error: create_info: scene {annotation.parent.parent.name}/0: ")
    assert not (tmp_path / "info").exists()


def test_an_unknown_dataset_is_a_mistake_of_the_configuration(workspace: Path, tmp_path: Path):
    done = run(workspace, tmp_path / "info", "product.datasets=[{name: db_nowhere_v1, sample_steps: 1}]")
    assert done.returncode == 2
    assert "db_nowhere_v1.yaml: no such dataset list; the datasets are: db_sample_v1" in done.stderr


def test_the_stage_loads_neither_torch_nor_what_writes_scenes():
    program = "import sys, stages.create_info; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True).stdout.split()
    )
    assert "t4zoo.t4.reader" in loaded
    assert not {"torch", "mmengine", "dvc", "t4zoo.t4.writer", "t4zoo.t4.synth", "t4zoo.zoo"} & loaded
