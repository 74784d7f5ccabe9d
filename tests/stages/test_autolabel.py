"""`python -m stages.autolabel` as DVC runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from t4zoo.info import load
from t4zoo.t4.reader import T4Scene, read_scene
from tests.stages.workspace import CLASSES, make_workspace, refusal, run

SET = Path("auto_label/20241101_sample")
PSEUDO = Path("pseudo_t4dataset/20241101_sample")
THRESHOLDS = "ensemble.models.CenterPoint-t4base.confidence_thresholds"
RAW = SET / "raw" / "pseudo_infos_raw_CenterPoint-t4base.parquet"
PAIR = ("TransFusion-t4base", "BEVFusion-t4base")
LOW = tuple(f"{THRESHOLDS}.{name}=0.1" for name in ("car", "truck", "bus", "bicycle", "pedestrian"))


@pytest.fixture(scope="module")
def predicted(tmp_path_factory) -> Path:
    root = make_workspace(tmp_path_factory.mktemp("workspace"), frames=2)
    done = run(root, "predict")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def here(predicted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(predicted, tmp_path / "workspace"))


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def pseudo_scenes(root: Path) -> list[T4Scene]:
    return [read_scene(path) for path in sorted((root / PSEUDO).iterdir()) if path.is_dir()]


def test_without_arguments_it_writes_the_four_files_and_the_pseudo_scenes(here: Path) -> None:
    before = files_below(here / "data")
    done = run(here, "autolabel")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (here / SET).iterdir()) == [
        "dataset_id_list.yaml",
        "info_all.pkl",
        "log.log",
        "pseudo_infos_filtered.pkl",
        "raw",
    ]
    assert len(pseudo_scenes(here)) == 2
    assert files_below(here / "data") == before


def test_it_runs_where_torch_and_mmengine_cannot_be_imported(here: Path, tmp_path: Path) -> None:
    for name in ("torch", "mmengine", "dvc"):
        (tmp_path / "poison").mkdir(exist_ok=True)
        (tmp_path / "poison" / f"{name}.py").write_text(f"raise ImportError('{name} is not for this stage')")
    done = run(here, "autolabel", *LOW, path=str(tmp_path / "poison"))
    assert done.returncode == 0, done.stderr
    assert "torch is not for this stage" in run(here, "predict", path=str(tmp_path / "poison")).stderr


def test_the_same_input_gives_the_same_bytes(here: Path, monkeypatch) -> None:
    results = []
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        assert run(here, "autolabel", *LOW).returncode == 0
        results.append({**files_below(here / SET), **files_below(here / PSEUDO)})
    assert results[0] == results[1]
    assert "log.log" in results[0]


def test_another_threshold_gives_other_labels_of_the_same_predictions(here: Path) -> None:
    def labels() -> int:
        return sum(len(frame.instances) for frame in load(here / SET / "info_all.pkl").frames)

    raw = files_below(here / SET / "raw")
    assert run(here, "autolabel", *LOW).returncode == 0
    many = labels()
    assert run(here, "autolabel").returncode == 0
    assert labels() < many
    annotated = [row for scene in pseudo_scenes(here) for row in scene.tables.sample_annotation]
    assert len(annotated) == labels()
    assert files_below(here / SET / "raw") == raw


def test_a_model_that_was_not_predicted_is_named_in_one_line(here: Path) -> None:
    done = run(here, "autolabel", "+ensemble.models.TransFusion-t4base=${ensemble.models.CenterPoint-t4base}")
    assert "pseudo_infos_raw_TransFusion-t4base.parquet: the ensemble wants" in refusal(done, "autolabel")
    assert not (here / PSEUDO).exists()


def test_a_class_that_the_model_does_not_know_is_named_in_one_line(here: Path) -> None:
    model = "ensemble.models.CenterPoint-t4base"
    done = run(here, "autolabel", f"{model}.use_label=[car,tram]", f"+{THRESHOLDS}.tram=0.5")
    assert "CenterPoint-t4base: use_label names tram" in refusal(done, "autolabel")


def test_a_class_without_a_threshold_is_named_with_the_file(here: Path) -> None:
    line = refusal(run(here, "autolabel", f"~{THRESHOLDS}.car"), "autolabel")
    assert "conf/ensemble/tiny.yaml: CenterPoint-t4base uses the label car" in line


def test_it_reads_the_columns_and_never_the_pickle(here: Path) -> None:
    for pickle in (here / SET / "raw").glob("*.pkl"):
        pickle.unlink()
    assert run(here, "autolabel", *LOW).returncode == 0
    assert len(load(here / SET / "info_all.pkl").frames) == 4


@pytest.mark.parametrize("choice", ["pair", "pair_wbf"])
def test_the_shipped_pairs_label_what_two_models_said(here: Path, choice: str) -> None:
    for model in PAIR:
        shutil.copy(here / RAW, here / SET / "raw" / f"pseudo_infos_raw_{model}.parquet")
    low = [f"ensemble.models.{model}.confidence_thresholds.{name}=0.1" for model in PAIR for name in CLASSES]
    done = run(here, "autolabel", f"ensemble={choice}", "ensemble.filters.points=null", *low)
    assert done.returncode == 0, done.stderr
    signers = {
        len(row.autolabel_metadata or ()) for scene in pseudo_scenes(here) for row in scene.tables.sample_annotation
    }
    assert signers == ({1} if choice == "pair" else {2})


def test_tracked_boxes_are_fewer_objects_and_untracked_ones_are_not(here: Path) -> None:
    objects = {}
    for tracking in ("kalman", "none"):
        assert run(here, "autolabel", *LOW, f"tracking={tracking}").returncode == 0
        tables = [scene.tables for scene in pseudo_scenes(here)]
        objects[tracking] = sum(len(one.instance) for one in tables)
        boxes = sum(len(one.sample_annotation) for one in tables)
    assert objects["kalman"] < objects["none"] == boxes


def test_a_filter_that_makes_no_sense_is_named_with_its_file_and_key(here: Path) -> None:
    line = refusal(run(here, "autolabel", "ensemble.filters.points={all: many}"), "autolabel")
    assert "conf/ensemble/tiny.yaml: filters.points.all is 'many', not a number of points" in line


@pytest.mark.parametrize("out", ["data/t4dataset/sample_raw_v1", PSEUDO, PSEUDO / "set"])
def test_its_files_are_not_written_among_scenes(here: Path, out: Path | str) -> None:
    before = files_below(here / "data")
    assert f"out is {out}: " in refusal(run(here, "autolabel", f"raw={SET}/raw", f"out={out}"), "autolabel")
    assert files_below(here / "data") == before and not (here / PSEUDO).exists()


def test_a_list_of_no_frame_at_all_is_refused(here: Path) -> None:
    assert "sample_steps is 0; give a whole number" in refusal(run(here, "autolabel", "sample_steps=0"), "autolabel")


def test_classes_that_no_group_names_are_told(here: Path) -> None:
    for model in PAIR:
        shutil.copy(here / RAW, here / SET / "raw" / f"pseudo_infos_raw_{model}.parquet")
    done = run(here, "autolabel", "ensemble=pair", "ensemble.label_groups=[[car,truck,bus],[pedestrain]]")
    assert "conf/ensemble/pair.yaml: no group of label_groups names bicycle, pedestrian" in done.stdout


def test_what_breaks_in_the_last_scene_leaves_what_was_there(here: Path) -> None:
    assert run(here, "autolabel", *LOW).returncode == 0
    before = files_below(here / SET), files_below(here / PSEUDO)
    sorted((here / "data" / "t4dataset" / "sample_raw_v1").rglob("*.pcd.bin"))[-1].unlink()
    line = refusal(run(here, "autolabel", *LOW, "tracking=none"), "autolabel")
    assert ".pcd.bin: cannot read this lidar file" in line
    assert (files_below(here / SET), files_below(here / PSEUDO)) == before
