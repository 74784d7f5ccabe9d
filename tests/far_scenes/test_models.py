"""Models learn from, are judged on and label scenes in a bucket as they do those on this disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from t4zoo.t4.dataset_list import read_dataset_list
from tests.far_scenes.bucket import Bucket
from tests.pipeline import CONF
from tests.stages.workspace import make_workspace, run
from tests.t4.scenes import write_list

DATASETS = ("db_sample_v1", "sample_raw_v1")
SET = Path("auto_label/20241101_sample")
PSEUDO = Path("pseudo_t4dataset/20241101_sample")
LOW = [
    f"ensemble.models.CenterPoint-t4base.confidence_thresholds.{name}=0.1"
    for name in ("car", "truck", "bus", "bicycle", "pedestrian")
]
BOUND = 2**20  # bytes: less than the clouds of a scene have


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose scenes are on this disk; never to be changed."""
    root = make_workspace(tmp_path_factory.mktemp("near"), frames=4)
    shutil.copytree(CONF, root / "conf")
    (scene,) = (root / "data/t4dataset/db_sample_v1").glob("*/0")
    write_list(root / "conf/dataset", "db_sample_v1", train=[], val=[], test=[f"{scene.parent.name}/0"])
    return root


@pytest.fixture
def both(near: Path, tmp_path: Path, bucket: Bucket) -> tuple[Path, Path]:
    """Two copies of it, of which the second has its scenes in a bucket."""
    folders = [Path(shutil.copytree(near, tmp_path / name)) for name in ("near", "far")]
    for name in DATASETS:
        bucket.take_in(folders[1] / "data/t4dataset" / name)
    bucket.proxy.let_pass()
    return folders[0], folders[1]


def done(folder: Path, stage: str, *overrides: str) -> None:
    result = run(folder, stage, *overrides)
    assert result.returncode == 0, result.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_model_learns_the_same_from_clouds_that_are_streamed_by_two_readers_through_a_small_cache(
    both: tuple[Path, Path], bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T4ZOO_SCENES_GIB", str(BOUND / 2**30))
    learning = ("info=info/base/info_test.pkl", "algorithm.epochs=1", "launcher.workers=2", "out=trained")
    for folder in both:
        done(folder, "train", *learning)
    name = "epoch_1.pth"
    assert (both[1] / "trained" / name).read_bytes() == (both[0] / "trained" / name).read_bytes()
    assert bucket.requests("/data/LIDAR_CONCAT/")
    assert bucket.requests("/annotation/") == []
    kept = [path.stat().st_size for path in (tmp_path / "cache/scenes/files").rglob("*") if path.is_file()]
    assert 0 < sum(kept) <= BOUND


def test_a_model_is_judged_the_same(both: tuple[Path, Path], bucket: Bucket) -> None:
    for folder in both:
        done(folder, "evaluate", "workers=1")
    metrics = Path("models/CenterPoint/t4base/evaluate/metrics.json")
    assert (both[1] / metrics).read_bytes() == (both[0] / metrics).read_bytes()
    assert bucket.requests("/data/LIDAR_CONCAT/")


def test_predictions_labels_and_pseudo_scenes_are_the_same_but_for_links_to_clouds(
    both: tuple[Path, Path], bucket: Bucket
) -> None:
    for folder in both:
        done(folder, "predict")
        done(folder, "autolabel", *LOW)
    near, far = both
    assert contents(far / SET) == contents(near / SET)
    scenes = [path.relative_to(near) for path in sorted((near / PSEUDO).iterdir()) if path.is_dir()]
    assert len(scenes) == 2
    for scene in scenes:
        assert contents(far / scene / "0/annotation") == contents(near / scene / "0/annotation")
        assert (near / scene / "0/data").is_symlink()
        assert not (far / scene / "0/data").exists()  # there is nothing on this disk that it could lead to
    listed = read_dataset_list(far / PSEUDO, f"pseudo_{PSEUDO.name}")
    assert listed.data_of == "sample_raw_v1"  # by which their clouds are found all the same

    bucket.proxy.let_pass()
    for folder in both:
        done(folder, "create_info", "product=pseudo", "check=[STR,REC,CLD]", "waivers=''", "workers=1")
    assert contents(far / "info/pseudo") == contents(near / "info/pseudo")
    judged = [request.path for request in bucket.requests() if "/db_sample_v1/" in request.path]
    assert len(judged) == len(bucket.requests())  # the clouds of the others were fetched to predict and to label
