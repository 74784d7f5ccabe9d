"""Manifests: one spelling, a published schema, and nothing in them that could hurt a reader."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from t4zoo.zoo.manifest import (
    LIMIT,
    Manifest,
    ManifestError,
    digest,
    parse_manifest,
    role_of,
    schema,
    schema_path,
)

SHA, MD5, COMMIT = "a" * 64, "b" * 32, "c" * 40


def example(**changes: Any) -> dict[str, Any]:
    files = [
        {"path": path, "role": role_of(path), "size": 3, "sha256": SHA, "md5": MD5}
        for path in ("config.py", "epoch_3.pth", "plots/a.csv")
    ]
    source = {"commit": COMMIT, "subject": "Train é", "committer": "Ada <a@b.c>", "time": "2026", "dvc_lock": SHA}
    return {
        **{"schema_version": 1, "name": "CenterPoint/t4base@v1.0.0", "kind": "base", "product": "base", "files": files},
        **{"source": source, "parent": None, "scenes": {"train": ["a/0"], "val": [], "test": ["b/1"]}},
        **{"config": SHA, "metrics": {"mAP": 0.5}, "packages": {"torch": "2.13.0"}},
        **changes,
    }


def parse(data: Any) -> Manifest:
    return parse_manifest(json.dumps(data).encode(), "here")


def with_paths(*paths: str) -> dict[str, Any]:
    return example(files=[{"path": p, "role": "other", "size": 3, "sha256": SHA, "md5": MD5} for p in paths])


def test_a_manifest_reads_back_what_it_writes_in_one_spelling() -> None:
    manifest = parse(example())
    content = manifest.to_bytes()
    assert parse_manifest(content, "here") == manifest
    shuffled = dict(reversed(example().items()))
    assert parse(shuffled).to_bytes() == content
    assert "é".encode() in content and content.endswith(b"}\n")


def test_labels_from_before_their_tracking_was_noted_are_read() -> None:
    labels = {"raw": [], "ensemble": {"iou_threshold": 0.2}, "ensemble_sha256": SHA, "scenes": ["a/0"]}
    old = example(name="auto_label/20241101_xx1", kind=None, product=None, labels=labels)
    jsonschema.validate(old, schema())
    found = parse(old).labels
    assert found is not None and found.tracking is None and found.tracking_sha256 is None


def test_a_manifest_from_before_there_were_waivers_is_read_and_written_as_it_was() -> None:
    old = example()
    content = (
        json.dumps(parse(old).model_dump(mode="json"), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    ).encode()
    assert b"waiver" not in content
    jsonschema.validate(json.loads(content), schema())
    found = parse_manifest(content, "here")
    assert found.scenes is not None and found.scenes.waivers == ()
    assert found.to_bytes() == content


def test_waivers_are_written_and_read_and_change_the_digest() -> None:
    waiver = {"scene": "a/0", "rule": "CNT004", "times": 3, "reason": "counted before the clouds were corrected"}
    told = example(scenes={**example()["scenes"], "waivers": [waiver]})
    found = parse(told)
    assert json.loads(found.to_bytes())["scenes"]["waivers"] == [waiver]
    jsonschema.validate(json.loads(found.to_bytes()), schema())
    assert parse_manifest(found.to_bytes(), "here") == found
    assert digest(found.to_bytes()) != digest(parse(example()).to_bytes())
    with pytest.raises(ManifestError, match="times"):
        parse(example(scenes={**example()["scenes"], "waivers": [waiver | {"times": 0}]}))


def test_the_published_schema_is_the_models_own_and_takes_what_is_written() -> None:
    published = json.loads(schema_path().read_text())
    assert published == schema()
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(json.loads(parse(example()).to_bytes()), published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(example(files=[{"path": "a"}]), published)


def test_any_change_changes_the_digest() -> None:
    whole = digest(parse(example()).to_bytes())
    for changes in ({"product": "x2"}, {"metrics": {"mAP": 0.51}}, {"name": "CenterPoint/t4base@v1.0.1"}):
        assert digest(parse(example(**changes)).to_bytes()) != whole


BAD_PATHS = ["", "../x", "/etc/passwd", "a/../../x", "a//b", "./a", "a/.", "a/", "a\\..\\b", "C:x", "a\nb"]


@pytest.mark.parametrize("path", [*BAD_PATHS, "a\x1b[2Jb", "manifest.json", ".claim", "notice.json"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ManifestError, match="here: not a manifest"):
        parse(with_paths(path))


@pytest.mark.parametrize("paths", [("b", "a"), ("a", "a"), ("A", "a"), ("a", "a-b", "a/b")])
def test_paths_that_could_not_stand_beside_each_other_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ManifestError, match="here: not a manifest"):
        parse(with_paths(*paths))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a manifest"),
        (b"x" * (LIMIT + 1), "more than any manifest"),
        (json.dumps(example(schema_version=2)).encode(), "newer t4zoo"),
        (json.dumps(example(extra=1)).encode(), "extra"),
        (json.dumps(example(name="latest")).encode(), "here: 'latest' names no version"),
        (json.dumps(example(config="abc")).encode(), "config"),
    ],
)
def test_what_is_no_manifest_is_named(content: bytes, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        parse_manifest(content, "here")


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("epoch_20.pth", "checkpoint"),
        ("transfusion_lidar_90m-768grid-t4xx1.py", "config"),
        ("log.log", "train_log"),
        ("test_log.log", "test_log"),
        ("transfusion.onnx", "onnx"),
        ("transfusion.param.yaml", "ros_param"),
        ("loss.png", "plot"),
        ("plots/metrics.json", "plot"),
        ("metrics.json", "metrics"),
        ("deploy_metadata.yaml", "other"),
    ],
)
def test_a_file_has_the_role_that_its_name_gives_it(path: str, role: str) -> None:
    assert role_of(path) == role
