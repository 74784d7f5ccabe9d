"""`python -m stages.predict` as DVC runs it."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from t4zoo.info import load
from t4zoo.models.common.checkpoint import digest
from tests.stages.workspace import CLASSES, make_workspace, refusal, run

OUT = Path("auto_label/20241101_sample/raw/pseudo_infos_raw_CenterPoint-t4base.pkl")
WEIGHTS = Path("models/CenterPoint/t4base/train/epoch_1.pth")


@pytest.fixture(scope="module")
def predicted(tmp_path_factory) -> tuple[Path, str]:
    """A workspace after the stage ran without arguments, and what it said."""
    root = make_workspace(tmp_path_factory.mktemp("workspace"))
    done = run(root, "predict")
    assert done.returncode == 0, done.stderr
    return root, done.stdout


def test_it_writes_one_file_with_every_frame_of_every_scene(predicted) -> None:
    root, said = predicted
    assert [path.name for path in (root / OUT).parent.iterdir()] == [OUT.name]
    info = load(root / OUT)
    assert (info.classes, info.version) == (CLASSES, "sample_raw_v1")
    scenes = [frame.scene for frame in info.frames]
    assert scenes == sorted(scenes)
    assert (len(scenes), len(set(scenes))) == (6, 2)
    assert "6 of 6 frames" in said


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
    ],
)
def test_what_is_missing_is_named_in_one_line(predicted, alone, override: str, said: str) -> None:
    root, _ = predicted
    assert said in refusal(run(root, "predict", override, "out=never.pkl"), "predict")
    assert not (root / "never.pkl").exists()


def test_a_broken_scene_stops_with_its_name_and_leaves_no_file(predicted, tmp_path) -> None:
    root = Path(shutil.copytree(predicted[0], tmp_path / "workspace"))
    (root / OUT).unlink()
    table = sorted(root.glob("data/t4dataset/sample_raw_v1/*/0/annotation/ego_pose.json"))[0]
    table.write_text("[]")
    assert f"scene {table.parts[-4]}/0" in refusal(run(root, "predict"), "predict")
    assert list((root / OUT).parent.iterdir()) == []
