import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS

from t4zoo import info
from t4zoo.models.common import checkpoint
from tests.forked import command as forked
from tests.models.street import CLASSES, make_frames
from tests.pipeline import ROOT
from tests.stages.workspace import refusal
from tests.zoo.shelf import shelf

FILES = ["config.py", "epoch_1.pth", "loss.csv", "loss.png", "scalars.json", "train_log.log"]


def train(data: Path, out: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    named = [f"info={data}/info_train.pkl", f"data_root={data}", f"out={out}", "algorithm.epochs=1"]
    return forked.run("stages.train", *named, *overrides, cwd=ROOT)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    info.save(root / "info_train.pkl", info.Info(CLASSES, "base", make_frames(root, 4)))
    return root


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> tuple[Path, str]:
    """The folder of a training, and what it said."""
    out = tmp_path_factory.mktemp("models") / "CenterPoint" / "t4base" / "train"
    done = train(data, out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout + done.stderr


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(checkpoint.find(folder)).state_dict


def test_training_writes_the_named_files_and_nothing_else(trained):
    out, _ = trained
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert [path.name for path in out.parent.iterdir()] == ["train"]


def test_the_screen_shows_progress_and_no_page_of_settings(trained):
    _, said = trained
    assert "Epoch(train)" in said
    assert "warning" not in said.lower()
    assert len(said.splitlines()) < 5


def test_the_checkpoint_says_how_to_build_and_to_use_it(data, trained):
    meta = checkpoint.load(trained[0] / "epoch_1.pth").meta
    assert meta["class_names"] == list(CLASSES)
    assert (meta["algorithm"], meta["name"], meta["product"], meta["epoch"]) == ("CenterPoint", "t4base", "base", 1)
    assert meta["model"]["type"] == "t4zoo.models.CenterPoint.network.CenterPoint"
    assert meta["point_features"] == ["x", "y", "z", "lag"]
    assert meta["config_sha256"] == checkpoint.digest(trained[0] / "config.py")
    assert meta["info_sha256"] == checkpoint.digest(data / "info_train.pkl")
    assert checkpoint.build(trained[0] / "epoch_1.pth")[0].class_names == CLASSES


def test_config_py_alone_builds_the_same_network(trained):
    config = Config.fromfile(trained[0] / "config.py")
    MODELS.build(config.model).load_state_dict(weights(trained[0]))
    assert "work_dir" not in config


def test_curves_are_a_json_array_and_a_table_of_epochs(trained):
    rows = json.loads((trained[0] / "scalars.json").read_text())
    assert [row["iter"] for row in rows] == [2]
    with (trained[0] / "loss.csv").open() as file:
        (epoch,) = csv.DictReader(file)
    assert float(epoch["loss"]) == rows[0]["loss"] > 0


def test_the_same_seed_gives_the_same_bytes_and_replaces_what_was_there(data, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    out = tmp_path / "train"
    out.mkdir()
    (out / "epoch_99.pth").touch()
    assert train(data, out).returncode == 0
    assert sorted(path.name for path in out.iterdir()) == FILES
    for name in FILES:
        if name not in ("train_log.log", "config.py"):
            assert (out / name).read_bytes() == (trained[0] / name).read_bytes(), name
    assert (out / "config.py").read_text() == (trained[0] / "config.py").read_text()


@pytest.mark.parametrize("algorithm", sorted(folder.name for folder in (ROOT / "conf" / "algorithm").iterdir()))
def test_every_algorithm_is_trained_by_the_same_stage_and_twice_to_the_same_bytes(
    data, tmp_path, algorithm, monkeypatch
):
    for name in ("one", "two"):
        done = train(data, tmp_path / name, f"algorithm={algorithm}/tiny", "algorithm.epochs=2")
        assert done.returncode == 0, done.stderr
        monkeypatch.setenv("PYTHONHASHSEED", "2")
    first, second = ((tmp_path / name / "epoch_2.pth").read_bytes() for name in ("one", "two"))
    assert first == second
    assert checkpoint.build(tmp_path / "one" / "epoch_2.pth")[1]["algorithm"] == algorithm


def test_training_from_a_parent_begins_with_its_weights(data, trained, tmp_path):
    # With a learning rate of almost nothing, what comes out is what it began with.
    still = ["algorithm.optimizer.lr=1.0e-12", "seed=5"]
    child, orphan = tmp_path / "child", tmp_path / "orphan"
    done = train(data, child, f"parent={trained[0]}", *still)
    assert done.returncode == 0, done.stderr
    assert f"started from {trained[0]}" in (child / "train_log.log").read_text()
    assert train(data, orphan, *still).returncode == 0
    name = "backbone.stages.0.0.0.weight"
    parent = weights(trained[0])[name]
    torch.testing.assert_close(weights(child)[name], parent)
    assert (weights(orphan)[name] - parent).abs().max() > 0.01


def test_a_parent_behind_a_presigned_url_is_asked_for_once_and_its_permission_is_kept_nowhere(
    data, trained, tmp_path, alone
):
    with shelf({"epoch_1.pth": (trained[0] / "epoch_1.pth").read_bytes()}) as found:
        out = tmp_path / "child"
        done = train(data, out, f"parent='{found.url}/epoch_1.pth?X-Amz-Signature=aPermission'")
        assert done.returncode == 0, done.stderr
        assert found.asked == [("epoch_1.pth?X-Amz-Signature=aPermission", "")]
    assert f"started from {found.url}/epoch_1.pth" in (out / "train_log.log").read_text()
    written = [path for folder in (out, alone.parent / "cache") for path in folder.rglob("*") if path.is_file()]
    assert written and not [path for path in written if b"aPermission" in path.read_bytes()]
    assert "aPermission" not in done.stdout + done.stderr


def test_a_broken_parent_is_named_and_leaves_the_old_model_alone(data, tmp_path):
    parent, out = tmp_path / "epoch_3.pth", tmp_path / "model" / "train"
    parent.write_bytes(b"half a download")
    out.mkdir(parents=True)
    (out / "epoch_1.pth").write_bytes(b"older")
    done = train(data, out, f"parent={parent}")
    assert done.returncode == 1
    assert "error: train:" in done.stderr
    assert str(parent) in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in out.parent.iterdir()] == ["train"]
    assert (out / "epoch_1.pth").read_bytes() == b"older"


def test_a_missing_info_file_is_named(tmp_path):
    done = train(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert f"{tmp_path}/info_train.pkl" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_argument_that_the_network_does_not_have_is_named(data, tmp_path):
    done = train(data, tmp_path / "out", "+algorithm.network.colour=red")
    assert done.returncode == 2
    assert "'colour'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_training_that_diverges_is_stopped(data, tmp_path):
    done = train(data, tmp_path / "train", "algorithm.optimizer.lr=1.0e+30", "algorithm.epochs=4")
    assert done.returncode == 1
    assert "no longer a number" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_mixed_precision_without_a_gpu_is_refused_with_a_cure(data, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    done = train(data, tmp_path / "out", "launcher=gpu")
    assert done.returncode == 2
    assert "launcher=local" in done.stderr


@pytest.mark.parametrize(
    "override", ["algorithm.epochs=abc", "algorithm.epochs=0", "product.class_names=3", "parent=null"]
)
def test_a_value_of_the_wrong_kind_is_one_line_with_its_key(data, tmp_path, override):
    done = train(data, tmp_path / "out", override)
    line = refusal(done, "train")
    assert done.returncode == 2
    assert override.partition("=")[0] in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("algorithm.ema={momentun: 0.1}", "algorithm.ema is {'momentun': 0.1}; give null, or momentum and no more"),
        ("algorithm.ema={momentum: 7}", "algorithm.ema.momentum is 7"),
        ("algorithm.balance={threshold: often}", "algorithm.balance.threshold is often; give a number"),
        ("algorithm.paste={per_frame: {tram: 1}, epochs: 1, most: 9, min_points: 1}", "no class 'tram'"),
        ("algorithm.paste={per_frame: {car: -1}, epochs: 1, most: 9, min_points: 1}", "paste.per_frame.car is -1"),
        ("launcher.precision=float8", "launcher.precision is 'float8'"),
        ("resume=sometimes", "resume is 'sometimes'"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line_with_its_key(data, tmp_path, override, said):
    assert said in refusal(train(data, tmp_path / "out", override), "train")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("override", ["algorithm.epoch=3", "product=nope", "algorithm=CenterPoint/nope", "epochs"])
def test_a_misspelt_override_is_hydras_own_refusal_without_a_traceback(data, tmp_path, override):
    done = train(data, tmp_path / "out", override)
    assert done.returncode == 1
    assert override.rpartition(".")[2].partition("=")[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_what_training_did_not_make_is_never_replaced(data, tmp_path):
    folder, file = tmp_path / "thesis", tmp_path / "notes.txt"
    folder.mkdir()
    (folder / "chapter_1.tex").write_text("years of work")
    file.write_text("precious")
    assert "chapter_1.tex" in refusal(train(data, folder), "train")
    assert "is a file" in refusal(train(data, file), "train")
    assert (folder / "chapter_1.tex").read_text() == "years of work"
    assert file.read_text() == "precious"


def test_a_parent_that_is_no_yaml_is_named(data, tmp_path):
    for content in (b"checkpoint: [", b"\xff\xfe"):
        (tmp_path / "parent.yaml").write_bytes(content)
        assert f"{tmp_path}/parent.yaml: not YAML" in refusal(
            train(data, tmp_path / "out", f"parent={tmp_path}/parent.yaml"), "train"
        )


def test_an_out_below_a_file_is_the_systems_reason_in_one_line(data, tmp_path):
    (tmp_path / "file").write_text("")
    assert "Not a directory" in refusal(train(data, tmp_path / "file" / "below" / "train"), "train")


def stop_after_an_epoch(data: Path, out: Path, number: int, *overrides: str) -> tuple[int, str]:
    """Start a training, send it the signal once an epoch is kept; its return code and what it said."""
    command = [sys.executable, "-m", "stages.train", f"info={data}/info_train.pkl", f"data_root={data}", f"out={out}"]
    process = subprocess.Popen(
        [*command, *overrides],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not (out.parent / f".{out.name}.unfinished" / "snapshot.pth").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    said, _ = process.communicate()
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_stopped_says_where_it_goes_on_and_shows_no_traceback(data, tmp_path, number):
    code, said = stop_after_an_epoch(data, tmp_path / "train", number, "algorithm.epochs=100000")
    assert code != 0
    assert "stopped" in said and "Traceback" not in said
    assert f"goes on from {tmp_path}/.train.unfinished" in said
    assert [path.name for path in tmp_path.iterdir()] == [".train.unfinished"]


def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(data, tmp_path):
    code, _ = stop_after_an_epoch(data, tmp_path / "train", signal.SIGKILL, "algorithm.epochs=20")
    assert code == -signal.SIGKILL
    again, unbroken = train(data, tmp_path / "train", "algorithm.epochs=20"), tmp_path / "unbroken" / "train"
    assert "goes on after epoch" in again.stdout
    assert train(data, unbroken, "algorithm.epochs=20").returncode == 0
    for name in ("epoch_20.pth", "config.py", "loss.csv", "loss.png", "scalars.json"):
        assert (tmp_path / "train" / name).read_bytes() == (unbroken / name).read_bytes(), name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train", "unbroken"]
