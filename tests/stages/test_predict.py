"""`python -m stages.predict` as DVC runs it."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from t4zoo.info import load
from t4zoo.models.common.checkpoint import digest
from t4zoo.parquet import BoxFile
from tests.pipeline import ROOT
from tests.stages.workspace import CLASSES, make_workspace, refusal, run

OUT = Path("auto_label/20241101_sample/raw/pseudo_infos_raw_CenterPoint-t4base.pkl")
TWIN = OUT.with_suffix(".parquet")
SCRATCH = OUT.parent / f".{OUT.stem}.unfinished"
SCENES = Path("data/t4dataset/sample_raw_v1")
WEIGHTS = Path("models/CenterPoint/t4base/train/epoch_1.pth")


@pytest.fixture(scope="module")
def predicted(tmp_path_factory) -> tuple[Path, str]:
    """A workspace after the stage ran without arguments, and what it said."""
    root = make_workspace(tmp_path_factory.mktemp("workspace"))
    done = run(root, "predict")
    assert done.returncode == 0, done.stderr
    return root, done.stdout


def test_it_writes_one_file_and_its_twin_with_every_frame_of_every_scene(predicted) -> None:
    root, said = predicted
    assert sorted(path.name for path in (root / OUT).parent.iterdir()) == [TWIN.name, OUT.name]
    info = load(root / OUT)
    assert (info.classes, info.version) == (CLASSES, "sample_raw_v1")
    scenes = [frame.scene for frame in info.frames]
    assert scenes == sorted(scenes)
    assert (len(scenes), len(set(scenes))) == (6, 2)
    assert "2 of 2 scenes" in said and f"wrote {OUT} and its .parquet: " in said


def test_the_twin_holds_the_same_boxes(predicted) -> None:
    root, _ = predicted
    info, twin = load(root / OUT), BoxFile(root / TWIN)
    assert (twin.classes, twin.version, twin.extra) == (info.classes, info.version, info.extra)
    tables = [twin.boxes(scene) for scene in range(len(twin.scenes))]
    for name in ("boxes", "velocities", "labels", "scores"):
        both = [np.concatenate([getattr(rows, name) for rows in many])
                for many in ([frame.predictions for frame in info.frames], tables)]  # fmt: skip
        assert len(both[0]) > 0 and np.array_equal(*both)


def test_predictions_are_signed_with_the_weights_digest(predicted) -> None:
    root, _ = predicted
    sha256 = digest(root / WEIGHTS)
    assert load(root / OUT).extra == {
        "model": {"name": f"CenterPoint/t4base@sha256:{sha256[:12]}", "checkpoint_sha256": sha256}
    }


def test_ids_are_unique_and_boxes_below_the_least_score_are_left_out(predicted) -> None:
    root, _ = predicted
    rows = [frame.predictions for frame in load(root / OUT).frames]
    ids = [name for found in rows for name in found.ids]
    assert 0 < len(set(ids)) == len(ids)
    assert min(float(found.scores.min()) for found in rows if len(found)) >= 0.05
    done = run(root, "predict", "out=sure.pkl", "min_score=0.2")
    assert done.returncode == 0, done.stderr
    sure = [name for frame in load(root / "sure.pkl").frames for name in frame.predictions.ids]
    assert set(sure) == {name for found in rows for name, s in zip(found.ids, found.scores, strict=True) if s >= 0.2}


def test_the_same_weights_by_url_give_the_same_bytes_whatever_the_hash_seed(
    predicted, weights_server, monkeypatch, tmp_path
) -> None:
    root, _ = predicted
    monkeypatch.setenv("T4ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    done = run(root, "predict", "out=by_url.pkl", f"checkpoint={weights_server}/epoch_1.pth")
    assert done.returncode == 0, done.stderr
    assert (root / "by_url.pkl").read_bytes() == (root / OUT).read_bytes()


@pytest.fixture
def weights_server(predicted) -> Iterator[str]:
    """The URL of the train folder over plain HTTP."""
    folder = predicted[0] / WEIGHTS.parent
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("scenes=none_v1", "data/t4dataset/none_v1: no T4 scenes"),
        ("checkpoint=CenterPoint/t4base@v1.0.0", "T4ZOO_URL"),
        ("min_score=nan", "min_score is nan; give the least score of a box"),
        ("min_score=1", "min_score is 1; give the least score of a box"),
        ("workers=-1", "workers is -1; give it a number of processes"),
    ],
)
def test_what_is_missing_or_means_nothing_is_named_in_one_line(predicted, alone, override: str, said: str) -> None:
    root, _ = predicted
    assert said in refusal(run(root, "predict", override, "out=never.pkl"), "predict")
    assert not (root / "never.pkl").exists()


def test_a_broken_scene_stops_with_its_name_and_leaves_no_file(predicted, tmp_path) -> None:
    root = Path(shutil.copytree(predicted[0], tmp_path / "workspace"))
    shutil.rmtree((root / OUT).parent)
    broken = break_scene(root, 0)
    assert f"scene {broken}/0" in refusal(run(root, "predict"), "predict")
    assert list((root / OUT).parent.iterdir()) == []


def break_scene(root: Path, number: int) -> str:
    scene = sorted((root / SCENES).iterdir())[number]
    (scene / "0" / "annotation" / "ego_pose.json").write_text("[]")
    return scene.name


@pytest.fixture(scope="module")
def many(predicted, tmp_path_factory) -> Path:
    """A workspace with a dozen scenes, and the predictions of a run that nothing broke off."""
    root = Path(shutil.copytree(predicted[0], tmp_path_factory.mktemp("many") / "workspace"))
    shutil.rmtree((root / OUT).parent)
    for number, scene in enumerate(sorted((root / SCENES).iterdir()) * 5):
        shutil.copytree(scene, scene.with_name(f"{number}{scene.name[1:]}"))
    done = run(root, "predict")
    assert done.returncode == 0 and "12 of 12 scenes" in done.stdout, done.stderr
    return root


def without_outs(root: Path, to: Path) -> Path:
    copy = Path(shutil.copytree(root, to))
    shutil.rmtree((copy / OUT).parent)
    return copy


def same_outs(one: Path, other: Path) -> bool:
    assert sorted(path.name for path in (one / OUT).parent.iterdir()) == [TWIN.name, OUT.name]
    return all((one / path).read_bytes() == (other / path).read_bytes() for path in (OUT, TWIN))


def spread(root: Path, *overrides: str) -> list[str]:
    """The command that predicts with two processes on CPUs."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    on_cpu = ("launcher=gpus", "launcher.precision=float32", "launcher.workers=0")
    return [*torchrun, "-m", "stages.predict", *on_cpu, *overrides]


def begin(root: Path, command: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def parts_after(root: Path, process: subprocess.Popen[str], number: int) -> list[str]:
    """The scenes that are kept once the process was sent the signal, as soon as there is one of them."""
    while not any((root / SCRATCH).glob("*.parquet")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate()
    return sorted(path.stem for path in (root / SCRATCH).glob("*.parquet"))


def test_a_killed_run_predicts_what_is_missing_and_ends_as_if_nothing_had_happened(many, tmp_path) -> None:
    root = without_outs(many, tmp_path / "workspace")
    process = begin(root, [sys.executable, "-m", "stages.predict"])
    kept = parts_after(root, process, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and 0 < len(kept) < 12
    # Scenes that are done are not read again: other points in the clouds of one would make other boxes.
    for cloud in (root / SCENES / kept[0]).rglob("*.pcd.bin"):
        status = cloud.stat()
        cloud.write_bytes(bytes(status.st_size))
        os.utime(cloud, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = run(root, "predict")
    assert f"goes on: {len(kept)} of 12 scenes are taken from {SCRATCH}" in again.stdout, again.stderr
    assert same_outs(root, many)


def test_a_run_that_is_stopped_by_hand_says_where_it_goes_on(many, tmp_path) -> None:
    root = without_outs(many, tmp_path / "workspace")
    process = begin(root, [sys.executable, "-m", "stages.predict"])
    kept = parts_after(root, process, signal.SIGTERM)
    assert process.returncode not in (0, -signal.SIGTERM) and kept
    other = run(root, "predict", "min_score=0.2")
    assert f"since {SCRATCH} was left, min_score changed" in other.stdout
    assert "goes on" not in other.stdout
    assert len(load(root / OUT).frames) == len(load(many / OUT).frames)


def test_two_processes_write_the_bytes_of_one(many, tmp_path) -> None:
    root = without_outs(many, tmp_path / "workspace")
    said = begin(root, spread(root)).communicate()
    assert "wrote" in said[0], said[1]
    assert same_outs(root, many)


def test_one_process_that_fails_ends_them_all_and_what_was_done_is_kept(many, tmp_path) -> None:
    root = without_outs(many, tmp_path / "workspace")
    broken = break_scene(root, 11)  # the last of the second process
    process = begin(root, spread(root))
    out, errors = process.communicate()
    assert process.returncode != 0 and "wrote" not in out
    assert f"error: predict: scene {broken}/0" in errors
    assert not (root / OUT).exists() and not (root / TWIN).exists()
    shutil.copytree(many / SCENES / broken, root / SCENES / broken, dirs_exist_ok=True)
    assert "goes on: " in run(root, "predict").stdout
    assert same_outs(root, many)


@pytest.mark.parametrize(
    ("environment", "override", "said"),
    [
        ({}, "launcher=gpus", "run `torchrun --standalone --nproc-per-node N -m stages.predict`"),
        ({}, "launcher=slurm", "run `srun"),
        ({"WORLD_SIZE": "2"}, "launcher=local", "choose launcher=gpus, or cpus"),
        ({}, "launcher.launcher=mpi", "choose from none, pytorch, slurm"),
    ],
)
def test_a_launcher_that_is_not_the_one_that_started_it_is_refused(
    predicted, monkeypatch, environment: dict[str, str], override: str, said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert said in refusal(run(predicted[0], "predict", override), "predict")


def test_frames_of_other_batches_give_the_same_boxes_but_for_the_last_digits(predicted) -> None:
    root, _ = predicted
    done = run(root, "predict", "out=one.pkl", "batch_size=1")
    assert done.returncode == 0, done.stderr
    for one, four in zip(load(root / "one.pkl").frames, load(root / OUT).frames, strict=True):
        assert one.predictions.ids == four.predictions.ids
        np.testing.assert_allclose(one.predictions.boxes, four.predictions.boxes, atol=1e-4, rtol=0)
