"""Pseudo T4 scenes, from raw predictions to what a reader finds in them."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from t4zoo.autolabel.labelling import Labelling
from t4zoo.autolabel.labels import Labels, SceneLabels
from t4zoo.autolabel.pseudo import PseudoError, PseudoScenes
from t4zoo.autolabel.raw import read_raw
from t4zoo.autolabel.rules import Ensemble, Merge, ModelRules
from t4zoo.autolabel.tracking.rules import TrackingRules
from t4zoo.boxes import ID
from t4zoo.info import Frame
from t4zoo.points import PointsError
from t4zoo.t4.dataset_list import read_dataset_list
from t4zoo.t4.frames import frames_of
from t4zoo.t4.reader import T4Scene, read_scene
from t4zoo.t4.tables import RECORDS
from tests.autolabel.workspace import CLASSES, DATASET, SET, TRUTH, digests, predict_truth, truth_frames
from tests.t4.scenes import ask_nuscenes

ONE, TWO = "CenterPoint-t4base", "TransFusion-t4base"
GROUPS = (("car", "truck", "bus"), ("bicycle",), ("pedestrian",))
Change = Callable[[Labels], Labels]


def ensemble(*names: str, threshold: float = 0.0, kind: Literal["nms", "wbf"] = "nms") -> Ensemble:
    rules = (ModelRules(name, 1.0, CLASSES, dict.fromkeys(CLASSES, threshold)) for name in names)
    return Ensemble(tuple(rules), GROUPS, 0.2, Merge(kind))


def labelling_of(root: Path, rules: Ensemble) -> Labelling:
    raw = read_raw(root / "auto_label" / SET / "raw", rules, DATASET)
    return Labelling(raw, rules, TrackingRules(None), root / "data" / "t4dataset")


def autolabel(
    root: Path, rules: Ensemble, out: Path | None = None, change: Change = lambda labels: labels
) -> tuple[list[SceneLabels], Path]:
    """Label the workspace, `change` the labels of each scene, and write the pseudo scenes."""
    labelling, target = labelling_of(root, rules), out or root / "pseudo_t4dataset" / SET
    scenes = [SceneLabels(scene.frames, change(scene.labels)) for scene in labelling]
    source = root / "data" / "t4dataset" / DATASET
    with PseudoScenes(source, target, labelling.classes, labelling.models, sample_steps=5) as pseudo:
        for scene in scenes:
            pseudo.write(scene)
    return scenes, target


@pytest.fixture(scope="module")
def labelled(made: Path, tmp_path_factory) -> tuple[list[SceneLabels], Path]:
    return autolabel(made, ensemble(ONE), tmp_path_factory.mktemp("pseudo") / SET)


def scenes_below(target: Path) -> list[T4Scene]:
    return [read_scene(path) for path in sorted(target.iterdir()) if path.is_dir()]


def frames_below(target: Path) -> list[Frame]:
    return [frame for scene in scenes_below(target) for frame in frames_of(scene, DATASET, TRUTH)]


def test_each_scene_has_a_revision_folder_and_every_mandatory_table(labelled) -> None:
    _, target = labelled
    assert sorted(scene.name.split("/")[1] for scene in scenes_below(target)) == ["0", "3"]
    for scene in scenes_below(target):
        assert {path.stem for path in (scene.folder / "annotation").iterdir()} == set(RECORDS)


def test_the_boxes_read_back_are_the_boxes_that_were_predicted(labelled) -> None:
    scenes, target = labelled
    read = {frame.token: frame.instances for frame in frames_below(target)}
    assert len(read) == sum(len(scene.frames) for scene in scenes)
    for scene in scenes:
        for number, frame in enumerate(scene.frames):
            back, wanted = read[frame.token], scene.labels.boxes.of_frame(number)
            assert len(back) == len(wanted) > 0
            nearest = np.linalg.norm(back.boxes[:, None, :3] - wanted.boxes[None, :, :3], axis=2).argmin(axis=0)
            assert sorted(nearest) == list(range(len(wanted)))
            assert back.boxes[nearest, :6] == pytest.approx(wanted.boxes[:, :6], abs=1e-6)
            turn = np.angle(np.exp(1j * (back.boxes[nearest, 6] - wanted.boxes[:, 6])))
            assert turn == pytest.approx(0, abs=1e-6)
            assert back.labels[nearest].tolist() == wanted.labels.tolist()
            # T4 velocities are three-dimensional, and a tilted lidar sees the flat one a little shorter
            assert back.velocities[nearest] == pytest.approx(wanted.velocities, rel=2e-3, abs=5e-3, nan_ok=True)


def test_points_are_counted_in_the_cloud_and_equal_those_of_the_true_boxes(made: Path, labelled) -> None:
    scenes, target = labelled
    truth = sum(int(frame.instances.num_lidar_pts.sum()) for frame in truth_frames(made))
    counts = sorted(int(count) for scene in scenes for count in scene.labels.num_lidar_pts)
    # The true box of a tilted lidar's scene is upright in the map, the predicted one in the lidar frame.
    assert sum(counts) == pytest.approx(truth, rel=0.1)
    assert sorted(row.num_lidar_pts for scene in scenes_below(target) for row in annotations(scene)) == counts


def annotations(scene: T4Scene):
    return scene.tables.sample_annotation


def test_every_annotation_is_automatic_and_names_its_model_and_score(labelled) -> None:
    scenes, target = labelled
    scores = []
    for path in sorted(target.glob("*/*/annotation/sample_annotation.json")):
        for row in json.loads(path.read_text()):
            assert row["automatic_annotation"] is True
            (model,) = row["autolabel_metadata"]
            assert model["name"] == "CenterPoint/t4base@v1.0.0"
            assert isinstance(model["score"], float)
            scores.append(model["score"])
    assert sorted(scores) == sorted(score for scene in scenes for score in scene.labels.boxes.scores.tolist())


def test_a_fused_label_is_signed_by_every_model_that_saw_it_with_its_own_score(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=5, shift=0.05)
    scenes, target = autolabel(workspace, ensemble(ONE, TWO, kind="wbf"))
    said = np.concatenate([scene.labels.said for scene in scenes])
    assert (~np.isnan(said)).all(axis=1).any(), "no label of both models"
    signed = [
        tuple((model.name, model.score) for model in row.autolabel_metadata)
        for scene in scenes_below(target)
        for row in annotations(scene)
    ]
    names = ("CenterPoint/t4base@v1.0.0", "TransFusion/t4base@v1.0.0")
    wanted = [
        tuple((name, round(float(score), 9)) for name, score in zip(names, row, strict=True) if not math.isnan(score))
        for row in said
    ]
    assert sorted(signed) == sorted(wanted)


def test_a_label_of_two_models_is_signed_by_the_one_that_won(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=5, shift=0.05)
    scenes, target = autolabel(workspace, ensemble(ONE, TWO))
    signers = [row.autolabel_metadata[0].name for scene in scenes_below(target) for row in annotations(scene)]
    assert set(signers) == {"CenterPoint/t4base@v1.0.0", "TransFusion/t4base@v1.0.0"}
    won = np.concatenate([~np.isnan(scene.labels.said[:, 1]) for scene in scenes])
    assert signers.count("TransFusion/t4base@v1.0.0") == int(won.sum())


def untracked_chains(target: Path) -> None:
    for scene in scenes_below(target):
        levels = {row.token: row.level for row in scene.tables.visibility}
        boxes = {row.instance_token: row for row in annotations(scene)}
        assert len(boxes) == len(annotations(scene)) == len(scene.tables.instance)
        for instance in scene.tables.instance:
            box = boxes[instance.token]
            assert instance.nbr_annotations == 1
            assert instance.first_annotation_token == instance.last_annotation_token == box.token
            assert (box.prev, box.next, levels[box.visibility_token]) == ("", "", "unavailable")
        assert {row.name for row in scene.tables.category} == set(CLASSES)


def test_until_tracking_each_box_is_an_object(labelled) -> None:
    untracked_chains(labelled[1])


def by_rank(labels: Labels) -> Labels:
    """As if tracking had found that the n-th box of every frame is one object."""
    starts = labels.boxes.starts
    ranks = np.concatenate([np.arange(n) for n in np.diff(starts)])
    names = b"".join(uuid.uuid5(uuid.NAMESPACE_URL, str(rank)).bytes for rank in ranks)
    boxes = dataclasses.replace(labels.boxes, labels=ranks % len(CLASSES))
    return dataclasses.replace(labels, boxes=boxes, tracks=np.frombuffer(names, ID))


def test_the_boxes_of_a_track_are_one_object_chained_in_the_order_of_time(workspace: Path) -> None:
    scenes, target = autolabel(workspace, ensemble(ONE), change=by_rank)
    longest = 0
    for read, scene in zip(scenes_below(target), sorted(scenes, key=lambda s: s.frames[0].scene), strict=True):
        assert len(read.tables.instance) == len({track.tobytes() for track in scene.labels.tracks})
        rows, times = {row.token: row for row in annotations(read)}, {s.token: s.timestamp for s in read.samples}
        for instance in read.tables.instance:
            chain = [rows[instance.first_annotation_token]]
            while chain[-1].next:
                chain.append(rows[chain[-1].next])
                assert chain[-1].prev == chain[-2].token
            assert chain[0].prev == ""
            assert chain[-1].token == instance.last_annotation_token
            assert len(chain) == instance.nbr_annotations
            assert {row.instance_token for row in chain} == {instance.token}
            stamps = [times[row.sample_token] for row in chain]
            assert stamps == sorted(set(stamps))
            longest = max(longest, len(chain))
    assert longest == 2, "no object in both frames"


def test_a_reader_that_is_not_ours_finds_the_same_boxes_through_the_links(workspace: Path) -> None:
    scenes, target = autolabel(workspace, ensemble(ONE), change=by_rank)
    for folder, samples in ask_nuscenes(*target.glob("*/*")).items():
        revision = Path(folder).name
        (scene,) = [one for one in scenes if one.frames[0].scene.endswith("/3") == (revision == "3")]
        assert set(samples) == {frame.token for frame in scene.frames}
        for number, frame in enumerate(scene.frames):
            wanted, rows = scene.labels.boxes.of_frame(number).boxes, samples[frame.token]
            found = np.array([row["box"] for row in rows])
            nearest = np.linalg.norm(found[:, None, :3] - wanted[None, :, :3], axis=2).argmin(axis=0)
            assert sorted(nearest) == list(range(len(wanted)))
            assert found[nearest, :6] == pytest.approx(wanted[:, :6], abs=1e-6)
            assert sum(row["points"] for row in rows) == sum(row["written"] for row in rows) > 0


def test_a_track_whose_boxes_keep_two_classes_is_an_object_of_each(workspace: Path) -> None:
    def one_track(labels: Labels) -> Labels:
        first = np.zeros(len(labels), dtype=bool)
        first[labels.boxes.starts[:-1]] = True
        kept = labels.take(first)
        boxes = dataclasses.replace(kept.boxes, labels=np.array([0, 1]))
        return dataclasses.replace(kept, boxes=boxes, tracks=np.frombuffer(b"1234567890abcdef" * 2, ID))

    _, target = autolabel(workspace, ensemble(ONE), change=one_track)
    for scene in scenes_below(target):
        names = {category.token: category.name for category in scene.tables.category}
        assert sorted(names[row.category_token] for row in scene.tables.instance) == ["car", "truck"]


def test_an_unknown_velocity_stays_unknown(workspace: Path) -> None:
    def forget(labels: Labels) -> Labels:
        velocities = np.full_like(labels.boxes.velocities, math.nan)
        return dataclasses.replace(labels, boxes=dataclasses.replace(labels.boxes, velocities=velocities))

    _, target = autolabel(workspace, ensemble(ONE), change=forget)
    velocities = [row.velocity for scene in scenes_below(target) for row in annotations(scene)]
    assert velocities
    assert set(velocities) == {None}


def test_two_runs_give_the_same_bytes_and_leave_the_input_alone(workspace: Path) -> None:
    before = digests(workspace / "data")
    _, first = autolabel(workspace, ensemble(ONE), workspace / "one" / SET)
    _, second = autolabel(workspace, ensemble(ONE), workspace / "two" / SET)
    assert digests(first) == digests(second)
    assert digests(workspace / "data") == before


def test_a_higher_threshold_keeps_the_ids_of_what_is_left(workspace: Path) -> None:
    def rows(threshold: float) -> dict[str, str]:
        _, target = autolabel(workspace, ensemble(ONE, threshold=threshold))
        return {
            row["token"]: json.dumps(row, sort_keys=True)
            for path in target.glob("*/*/annotation/sample_annotation.json")
            for row in json.loads(path.read_text())
        }

    everything, sure = rows(0.0), rows(0.6)
    assert 0 < len(sure) < len(everything)
    assert sure.items() <= everything.items()


def test_the_list_beside_the_scenes_says_whose_data_they_share_and_how_many_frames_to_take(labelled) -> None:
    _, target = labelled
    dataset = read_dataset_list(target, f"pseudo_{SET}")
    assert (dataset.data_of, dataset.sample_steps) == (DATASET, 5)
    assert [scene.key for scene in dataset.splits["train"]] == [scene.name for scene in scenes_below(target)]
    assert dataset.splits["val"] == dataset.splits["test"] == ()


def test_what_stood_in_the_place_of_a_pseudo_scene_is_replaced(workspace: Path) -> None:
    _, target = autolabel(workspace, ensemble(ONE))
    before = digests(workspace / "data")
    stale = target / "stale" / "0"
    (stale / "annotation").mkdir(parents=True)
    _, target = autolabel(workspace, ensemble(ONE))
    assert not stale.exists()
    assert [path.name for path in target.parent.iterdir()] == [SET]  # no temporary folder is left
    assert digests(workspace / "data") == before  # removing a link removes nothing behind it


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


def test_a_failure_on_the_way_leaves_the_scenes_of_before(workspace: Path) -> None:
    _, target = autolabel(workspace, ensemble(ONE, threshold=0.5))
    before = digests(target)
    source = workspace / "data" / "t4dataset" / DATASET
    first, *_ = labelling_of(workspace, ensemble(ONE))
    with (
        pytest.raises(PointsError, match="gone"),
        PseudoScenes(source, target, CLASSES, ["CenterPoint/t4base@v1.0.0"], 5) as pseudo,
    ):
        pseudo.write(first)
        raise PointsError("gone")
    assert digests(target) == before
    assert [path.name for path in target.parent.iterdir()] == [SET]


def test_a_file_and_scenes_beside_the_input_are_never_replaced(workspace: Path) -> None:
    data = workspace / "data" / "t4dataset"
    other, file = data / "annotated", data / "notes.txt"
    shutil.copytree(data / DATASET, other)
    file.write_text("precious")
    before = sorted(path for path in other.rglob("*"))
    for target, said in ((other, "may be somebody's input"), (file, "is a file")):
        with pytest.raises(PseudoError, match=said):
            PseudoScenes(data / DATASET, target, CLASSES, [], 5)
    assert sorted(path for path in other.rglob("*")) == before
    assert file.read_text() == "precious"
