"""Pseudo T4 scenes, from raw predictions to what a reader finds in them."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from t4zoo.autolabel.labelling import Labelling, label
from t4zoo.autolabel.pseudo import PseudoError, write_scenes
from t4zoo.autolabel.raw import Raw, read_raw
from t4zoo.autolabel.rules import Ensemble, ModelRules
from t4zoo.info import Frame
from t4zoo.points import PointsError
from t4zoo.t4.frames import frames_of
from t4zoo.t4.reader import T4Scene, read_scene
from t4zoo.t4.tables import RECORDS
from tests.autolabel.workspace import CLASSES, DATASET, SET, TRUTH, digests, predict_truth, truth_frames

ONE, TWO = "CenterPoint-t4base", "TransFusion-t4base"
GROUPS = (("car", "truck", "bus"), ("bicycle",), ("pedestrian",))


def ensemble(*names: str, threshold: float = 0.0) -> Ensemble:
    rules = (ModelRules(name, 1.0, CLASSES, dict.fromkeys(CLASSES, threshold)) for name in names)
    return Ensemble(tuple(rules), GROUPS, 0.2)


def autolabel(root: Path, rules: Ensemble, out: Path | None = None) -> tuple[Raw, Labelling, Path]:
    target = out or root / "pseudo_t4dataset" / SET
    data_root = root / "data" / "t4dataset"
    raw = read_raw(root / "auto_label" / SET / "raw", rules, DATASET)
    labelling = label(raw, rules, data_root)
    write_scenes(data_root / DATASET, target, labelling.frames, labelling.labels, labelling.classes, raw.models)
    return raw, labelling, target


@pytest.fixture(scope="module")
def labelled(made: Path, tmp_path_factory) -> tuple[Raw, Labelling, Path]:
    return autolabel(made, ensemble(ONE), tmp_path_factory.mktemp("pseudo") / SET)


def scenes_below(target: Path) -> list[T4Scene]:
    return [read_scene(path) for path in sorted(target.iterdir())]


def frames_below(target: Path) -> list[Frame]:
    return [frame for scene in scenes_below(target) for frame in frames_of(scene, DATASET, TRUTH)]


def test_each_scene_has_a_revision_folder_and_every_mandatory_table(labelled) -> None:
    _, _, target = labelled
    assert sorted(scene.name.split("/")[1] for scene in scenes_below(target)) == ["0", "3"]
    for scene in scenes_below(target):
        assert {path.stem for path in (scene.folder / "annotation").iterdir()} == set(RECORDS)


def test_the_boxes_read_back_are_the_boxes_that_were_predicted(labelled) -> None:
    _, labelling, target = labelled
    read = {frame.token: frame.instances for frame in frames_below(target)}
    assert len(read) == len(labelling.frames)
    for frame, found in zip(labelling.frames, labelling.labels, strict=True):
        back, wanted = read[frame.token], found.boxes
        order = [back.tokens.index(token) for token in frame.instances.tokens]
        assert sorted(order) == list(range(len(wanted)))
        assert back.boxes[order, :6] == pytest.approx(wanted.boxes[:, :6], abs=1e-6)
        turn = np.angle(np.exp(1j * (back.boxes[order, 6] - wanted.boxes[:, 6])))
        assert turn == pytest.approx(0, abs=1e-6)
        assert back.labels[order].tolist() == wanted.labels.tolist()
        # T4 velocities are three-dimensional, and a tilted lidar sees the flat one a little shorter
        assert back.velocities[order] == pytest.approx(wanted.velocities, rel=2e-3, abs=5e-3, nan_ok=True)


def test_points_are_counted_in_the_cloud_and_equal_those_of_the_true_boxes(made: Path, labelled) -> None:
    _, labelling, target = labelled
    truth = {frame.token: frame.instances for frame in truth_frames(made)}
    differing = 0
    for frame in labelling.frames:
        counts, wanted = frame.instances.num_lidar_pts, truth[frame.token].num_lidar_pts
        assert counts.sum() > 0
        differing += int(np.abs(counts - wanted).sum())
    # The true box of a tilted lidar's scene is upright in the map, the predicted one in the lidar frame.
    assert differing <= 0.1 * sum(int(rows.num_lidar_pts.sum()) for rows in truth.values())
    tables = [row.num_lidar_pts for scene in scenes_below(target) for row in scene.tables.sample_annotation]
    assert sorted(tables) == sorted(int(n) for frame in labelling.frames for n in frame.instances.num_lidar_pts)


def test_every_annotation_is_automatic_and_names_its_model_and_score(labelled) -> None:
    _, labelling, target = labelled
    scores = []
    for path in sorted(target.glob("*/*/annotation/sample_annotation.json")):
        for row in json.loads(path.read_text()):
            assert row["automatic_annotation"] is True
            (model,) = row["autolabel_metadata"]
            assert model["name"] == "CenterPoint/t4base@v1.0.0"
            assert isinstance(model["score"], float)
            scores.append(model["score"])
    assert sorted(scores) == sorted(float(s) for found in labelling.labels for s in found.boxes.scores)


def test_chains_instances_and_visibility_are_consistent(labelled) -> None:
    _, _, target = labelled
    for scene in scenes_below(target):
        levels = {row.token: row.level for row in scene.tables.visibility}
        boxes = {row.instance_token: row for row in scene.tables.sample_annotation}
        assert len(boxes) == len(scene.tables.sample_annotation) == len(scene.tables.instance)
        for instance in scene.tables.instance:
            box = boxes[instance.token]
            assert instance.nbr_annotations == 1
            assert instance.first_annotation_token == instance.last_annotation_token == box.token
            assert (box.prev, box.next, levels[box.visibility_token]) == ("", "", "unavailable")
        assert {row.name for row in scene.tables.category} == set(CLASSES)


def test_an_unknown_velocity_stays_unknown(workspace: Path) -> None:
    predict_truth(workspace, ONE, seed=1)
    raw = read_raw(workspace / "auto_label" / SET / "raw", ensemble(ONE), DATASET)
    for rows in raw.predictions[0]:
        rows.velocities[:] = math.nan
    data_root, target = workspace / "data" / "t4dataset", workspace / "pseudo" / SET
    done = label(raw, ensemble(ONE), data_root)
    write_scenes(data_root / DATASET, target, done.frames, done.labels, done.classes, raw.models)
    assert all(row.velocity is None for scene in scenes_below(target) for row in scene.tables.sample_annotation)


def test_two_runs_give_the_same_bytes_and_leave_the_input_alone(workspace: Path) -> None:
    before = digests(workspace / "data")
    _, _, first = autolabel(workspace, ensemble(ONE), workspace / "one" / SET)
    _, _, second = autolabel(workspace, ensemble(ONE), workspace / "two" / SET)
    assert digests(first) == digests(second)
    assert digests(workspace / "data") == before
    clouds = {name: made_from for name, made_from in digests(first).items() if "/data/" in name}
    inputs = digests(workspace / "data" / "t4dataset" / DATASET)
    assert sorted(clouds.values()) == sorted(made_from for name, made_from in inputs.items() if "/data/" in name)


def test_editing_a_pseudo_scenes_cloud_does_not_touch_the_inputs(workspace: Path) -> None:
    before = digests(workspace / "data")
    _, _, target = autolabel(workspace, ensemble(ONE))
    clouds = sorted(target.glob("*/*/data/*/*.pcd.bin"))
    assert len(clouds) == 4
    for cloud in clouds:
        with cloud.open("r+b") as file:
            file.write(b"spoilt")
        cloud.chmod(0o444)
    assert digests(workspace / "data") == before


def test_dvc_links_no_input_into_its_cache(workspace: Path) -> None:
    # With cache.type hardlink, DVC made an input read-only whose hard link stood in an out.
    def dvc(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=workspace, check=True, capture_output=True)

    before = digests(workspace / "data")
    dvc("init", "-q", "--no-scm")
    dvc("config", "core.analytics", "false")
    dvc("config", "cache.type", "hardlink")
    _, _, target = autolabel(workspace, ensemble(ONE))
    dvc("add", "-q", "pseudo_t4dataset")
    assert {path.stat().st_nlink for path in target.rglob("*.pcd.bin")} == {2}  # the out and the cache
    assert {path.stat().st_nlink for path in (workspace / "data").rglob("*.pcd.bin")} == {1}
    assert digests(workspace / "data") == before


def test_a_higher_threshold_keeps_the_ids_of_what_is_left(workspace: Path) -> None:
    def annotations(threshold: float) -> dict[str, str]:
        _, _, target = autolabel(workspace, ensemble(ONE, threshold=threshold))
        return {
            row["token"]: json.dumps(row, sort_keys=True)
            for path in target.glob("*/*/annotation/sample_annotation.json")
            for row in json.loads(path.read_text())
        }

    everything, sure = annotations(0.0), annotations(0.6)
    assert 0 < len(sure) < len(everything)
    assert sure.items() <= everything.items()


def test_a_label_of_two_models_is_signed_by_the_one_that_won(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=5, shift=0.05)
    _, labelling, target = autolabel(workspace, ensemble(ONE, TWO))
    signers = [
        row.autolabel_metadata[0].name for scene in scenes_below(target) for row in scene.tables.sample_annotation
    ]
    assert set(signers) == {"CenterPoint/t4base@v1.0.0", "TransFusion/t4base@v1.0.0"}
    won = np.concatenate([found.models for found in labelling.labels])
    assert signers.count("TransFusion/t4base@v1.0.0") == int(won.sum())
    assert labelling.final.sum() < labelling.kept.sum()
    assert labelling.raw.sum() == labelling.kept.sum()


def test_what_stood_in_the_place_of_a_pseudo_scene_is_replaced(workspace: Path) -> None:
    _, _, target = autolabel(workspace, ensemble(ONE))
    stale = next(target.iterdir()).with_name("stale") / "0"
    (stale / "annotation").mkdir(parents=True)
    _, _, target = autolabel(workspace, ensemble(ONE))
    assert not stale.exists()
    assert [path.name for path in target.parent.iterdir()] == [SET]  # no temporary folder is left


def test_a_folder_that_holds_anything_else_is_refused_and_kept(workspace: Path) -> None:
    precious = workspace / "pseudo_t4dataset" / SET / "thesis" / "chapter_1.tex"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    with pytest.raises(PseudoError, match=r"chapter_1\.tex, which is no T4 scene"):
        autolabel(workspace, ensemble(ONE))
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize("place", ["data/t4dataset/raw_v1", "data/t4dataset", "data/t4dataset/raw_v1/pseudo"])
def test_the_input_is_no_place_for_pseudo_scenes(workspace: Path, place: str) -> None:
    before = digests(workspace / "data")
    with pytest.raises(PseudoError, match="where their input is"):
        autolabel(workspace, ensemble(ONE), workspace / place)
    assert digests(workspace / "data") == before


def test_a_lost_cloud_stops_with_its_name_and_nothing_is_written(workspace: Path) -> None:
    lost = sorted((workspace / "data" / "t4dataset" / DATASET).rglob("*.pcd.bin"))[-1]
    lost.unlink()
    with pytest.raises(PointsError, match=lost.name):
        autolabel(workspace, ensemble(ONE))
    assert not (workspace / "pseudo_t4dataset").exists()


def test_a_file_and_scenes_beside_the_input_are_never_replaced(workspace: Path) -> None:
    data = workspace / "data" / "t4dataset"
    other, file = data / "annotated", data / "notes.txt"
    shutil.copytree(data / DATASET, other)
    file.write_text("precious")
    before = sorted(path for path in other.rglob("*"))
    for target, said in ((other, "may be somebody's input"), (file, "is a file")):
        with pytest.raises(PseudoError, match=said):
            write_scenes(data / DATASET, target, [], [], CLASSES, [])
    assert sorted(path for path in other.rglob("*")) == before and file.read_text() == "precious"
