"""What descends from a scene: directly by any split, and through parents, predictions and labels."""

from __future__ import annotations

from typing import Any

import pytest

from t4zoo.zoo.keeping.revoke import RevokeError, Withdrawn, descent
from t4zoo.zoo.manifest import Labels, Manifest, RawPrediction, Scenes, Source, Weights

SHA = "0" * 64
SOURCE = Source(commit="0" * 40, subject="x", committer="x", time="x", dvc_lock=SHA)


def scenes(train: str = "", val: str = "", test: str = "") -> Scenes:
    return Scenes(train=tuple(train.split()), val=tuple(val.split()), test=tuple(test.split()))


def weights(name: str) -> Weights:
    return Weights(name=name, manifest=SHA, file="epoch_3.pth", sha256=SHA)


def manifest(name: str, **fields: Any) -> Manifest:
    return Manifest(schema_version=1, name=name, files=(), source=SOURCE, packages={}, **fields)


def labels(day: str, model: str, labelled: str) -> Manifest:
    raw = RawPrediction(file="raw.pkl", holder=day, size=1, sha256=SHA, model=weights(model))
    said = Labels(raw=(raw,), ensemble={}, ensemble_sha256=SHA, scenes=tuple(labelled.split()))
    return manifest(day, labels=said)


BASE, CHILD, GRANDCHILD = (f"CenterPoint/{model}@v1.0.0" for model in ("t4base", "t4x2", "t4x2-50m"))
JUDGED, OTHER, OFFLINE = (f"CenterPoint/{model}@v1.0.0" for model in ("judged", "other", "offline"))
SET = "auto_label/20241101_xx1"

FAMILY = [
    manifest(BASE, scenes=scenes("a/0 b/0", "v/0", "t/0")),
    manifest(CHILD, scenes=scenes("c/0", "", "t/0"), parent=weights(BASE)),
    manifest(GRANDCHILD, scenes=scenes("d/0"), parent=weights(CHILD)),
    manifest(JUDGED, scenes=scenes("e/0", "", "a/0")),
    manifest(OTHER, scenes=scenes("e/0"), parent=weights(JUDGED)),
    labels(SET, CHILD, "p/0 q/0"),
    manifest(OFFLINE, scenes=scenes("p/0 e/0")),
    manifest("info@v0.3.0", products={"base": scenes("a/0", "v/0", "t/0"), "x2": scenes("c/0")}),
    manifest("CenterPoint/public@v1.0.0", kind="public"),
]


def reached(*texts: str) -> dict[str, str]:
    return {str(one.name): one.reach for one in descent(FAMILY, Withdrawn.of(texts)).descendants}


def test_a_training_scene_reaches_children_labels_and_what_was_trained_on_them() -> None:
    assert reached("a") == {
        **dict.fromkeys((BASE, CHILD, GRANDCHILD, SET, OFFLINE, "info@v0.3.0"), "learned"),
        JUDGED: "scored",
    }


def test_each_is_told_with_the_way_that_it_took() -> None:
    why = {str(one.name): one.why for one in descent(FAMILY, Withdrawn.of(["a/0"])).descendants}
    assert why == {
        BASE: "a/0 in train",
        CHILD: f"its parent {BASE}",
        GRANDCHILD: f"its parent {CHILD}",
        SET: f"predicted by {CHILD}",
        OFFLINE: f"labels of {SET} in train",
        "info@v0.3.0": "a/0 in train of base",
        JUDGED: "a/0 in test",
    }


def test_a_score_is_not_inherited() -> None:
    assert OTHER not in reached("a")
    assert reached("t") == {BASE: "scored", CHILD: "scored", "info@v0.3.0": "scored"}


def test_a_validation_scene_chose_the_checkpoint_and_all_that_came_of_it() -> None:
    assert reached("v") == dict.fromkeys((BASE, CHILD, GRANDCHILD, SET, OFFLINE, "info@v0.3.0"), "chosen")


def test_a_labelled_scene_reaches_its_labels_and_who_trained_on_that_very_scene() -> None:
    assert reached("q") == {SET: "learned"}
    assert reached("p") == {SET: "learned", OFFLINE: "learned"}


def test_a_revision_that_is_named_stands_for_itself() -> None:
    assert reached("a/1") == {} and BASE in reached("a/0")


def test_versions_that_name_no_scenes_are_told_apart_from_those_that_are_clean() -> None:
    assert [str(name) for name in descent(FAMILY, Withdrawn.of(["a"])).silent] == ["CenterPoint/public@v1.0.0"]


def test_a_scene_that_no_manifest_names_may_be_misspelled_and_is_told() -> None:
    assert descent(FAMILY, Withdrawn.of(["a", "A", "a/1", "q/0", "q"])).unknown == ("A", "a/1")


def test_two_that_name_each_other_as_parents_come_to_an_end() -> None:
    circle = [
        manifest(BASE, scenes=scenes("a/0"), parent=weights(CHILD)),
        manifest(CHILD, scenes=scenes(""), parent=weights(BASE)),
    ]
    assert len(descent(circle, Withdrawn.of(["a"])).descendants) == 2


@pytest.mark.parametrize("text", ["", "a/0/x", "a /0", "/0", "a/"])
def test_what_is_no_scene_is_refused(text: str) -> None:
    with pytest.raises(RevokeError, match="names no scene"):
        Withdrawn.of([text])
