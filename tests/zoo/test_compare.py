"""Comparing two versions, streaming a file, and showing one: everything that differs, and nothing of a stranger's."""

from __future__ import annotations

import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from t4zoo.cli.main import app
from t4zoo.errors import T4zooError, UsageError
from t4zoo.zoo.manifest import (
    FILE_NAME,
    NOTICE_NAME,
    Adopted,
    Manifest,
    ManifestError,
    ManifestFile,
    digest,
    parse_manifest,
)
from t4zoo.zoo.reading.cat import named, stream
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.reading.compare import changes, compare, figures, flatten, scenes
from t4zoo.zoo.reading.failure import FetchError
from t4zoo.zoo.reading.fetch import resolve
from t4zoo.zoo.reading.locate import Located, Where, locate
from t4zoo.zoo.reading.notice import Event, Notice
from t4zoo.zoo.reading.sides import view
from t4zoo.zoo.reading.transfer import RESUMABLE
from tests.zoo.repository import FILES, FOLDER, NAME, Repository
from tests.zoo.serving import serving

NEXT = "CenterPoint/t4base@v1.1.0"


def score(car: float) -> dict[str, Any]:
    """metrics.json as evaluate writes it, of one class in two bands."""
    bands = [
        {
            "range_m": [low, low + 50.0],
            "mAP": car,
            "classes": [{"name": "car", "AP": car, "AP_2m": None, "ground_truth": 3}],
        }
        for low in (0.0, 50.0)
    ]
    return {"mAP": car, "AP": {"car": car}, "frames": 7, "bands": bands}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def two(spoilable: Repository, client: Any) -> Repository:
    """A zoo with v1.0.0 and v1.1.0, which differs in each way that versions do."""
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    old = client.get_object(Bucket=bucket, Key=f"{prefix}/{FOLDER}/{FILE_NAME}")["Body"].read()
    data = json.loads(old)
    config = b"model = 't4base'\nepochs = 50\n"
    data["name"], data["metrics"], data["config"] = NEXT, {**data["metrics"], **score(0.8)}, sha256(config)
    data["scenes"] = {"train": ["a/1", "b/1", "e/0"], "val": ["c/0"], "test": []}
    data["packages"] = {**data["packages"], "numpy": "2.5.0", "\x1b[2Jevil": "1"}
    (file,) = (file for file in data["files"] if file["path"] == "config.py")
    file |= {"sha256": sha256(config), "size": len(config), "md5": "0" * 32}
    data["files"] = [file for file in data["files"] if file["path"] != "test_log.log"]
    folder = FOLDER.replace("v1.0.0", "v1.1.0")
    client.put_object(Bucket=bucket, Key=f"{prefix}/{folder}/config.py", Body=config)
    client.put_object(Bucket=bucket, Key=f"{prefix}/{folder}/{FILE_NAME}", Body=json.dumps(data).encode())
    return spoilable


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def notice(repository: Repository, client: Any) -> Notice:
    """Yank v1.0.0, as its notice does."""
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    released = locate(NAME, Where(repository.zoo)).released
    event = Event("yanked", "its labels were wrong", "ada@example.invalid", "2026-01-31T12:00:00Z")
    said = Notice(NAME, released.digest, (event,))
    client.put_object(Bucket=bucket, Key=f"{prefix}/{FOLDER}/{NOTICE_NAME}", Body=said.to_bytes())
    return said


def test_two_versions_are_compared_in_all_that_they_say(two: Repository) -> None:
    found = json.loads(run("compare", NAME, NEXT, "--zoo", two.zoo, "--json").stdout)
    assert (found["a"], found["b"], found["same_files"]) == (NAME, NEXT, FILES - 2)
    by_key = {tuple(one["key"]): one for one in found["figures"]}
    assert by_key["mAP",] == {"key": ["mAP"], "a": 0.75, "b": 0.8, "difference": pytest.approx(0.05)}
    assert by_key["bands", "50-100 m", "classes", "car", "AP"]["b"] == 0.8
    assert {one["path"]: (one["a"] is None, one["b"] is None) for one in found["files"]} == {
        "config.py": (False, False),
        "test_log.log": (False, True),
    }
    assert found["config"]["same"] is False and found["config"]["diff"][-1] == "+epochs = 50"
    train, val, test = found["scenes"]
    assert train == {"split": "train", "same": 1, "added": ["e"], "removed": [], "annotated": [["a", "0", "1"]]}
    assert val["same"] == 1 and test["removed"] == ["d"]
    assert [one["key"] for one in found["packages"]] == [["\x1b[2Jevil"], ["numpy"]]


def test_a_comparison_is_read_from_above_to_below_and_harmless(two: Repository) -> None:
    shown = run("compare", NAME, NEXT, "--zoo", two.zoo).stdout
    for text in (
        "version  CenterPoint/t4base@v1.0.0  CenterPoint/t4base@v1.1.0",
        "mAP              0.7500  0.8000  +0.0500",
        "50-100 m car AP       -  0.8000        -",
        "train: 1 the same, 1 added, 0 removed, 1 annotated anew",
        "~ a: revision 0 -> 1",
        "+epochs = 50",
        "- test_log.log (9 B)",
        "numpy: 2.4.0 -> 2.5.0",
    ):
        assert text in shown, shown
    assert "\x1b" not in shown and "AP_2m" not in shown
    assert "frames" in run("compare", NAME, NEXT, "--zoo", two.zoo, "--all").stdout


def test_a_version_compared_with_itself_differs_in_nothing(published: Repository) -> None:
    found = json.loads(run("compare", NAME, NAME, "--zoo", published.zoo, "--json").stdout)
    assert found["files"] == found["ros_parameters"] == found["packages"] == [] and found["config"]["diff"] == []
    assert found["config"]["same"] and all(not one["difference"] for one in found["figures"])
    assert not any(one["added"] or one["removed"] or one["annotated"] for one in found["scenes"])


scene = st.tuples(st.sampled_from("abcd"), st.sampled_from("012")).map("/".join)
split = st.lists(scene, max_size=8, unique_by=lambda text: text[0])


@given(split, split)
def test_what_changed_in_a_split_leads_from_the_first_to_the_second(a: list[str], b: list[str]) -> None:
    (found,) = scenes({"train": a}, {"train": b})
    after = {name: text for text in a if (name := text[0]) not in found.removed}
    after |= {name: f"{name}/{revision}" for name, _, revision in found.annotated}
    assert {*after, *found.added} == {text[0] for text in b}
    assert all(after[text[0]] == text for text in b if text[0] not in found.added)
    assert found.same == len(set(a) & set(b))
    assert len(found.added) + len(found.annotated) + found.same == len(b)


values: st.SearchStrategy[Any] = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text("ab", max_size=2), inner, min_size=1, max_size=3),
    max_leaves=6,
)
trees = st.dictionaries(st.text("ab", max_size=2), values, max_size=3)


@given(trees, trees)
def test_a_change_is_told_of_every_value_that_is_another_and_of_no_other(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert changes(a, a) == () and bool(changes(a, b)) == (a != b)
    told = {one.key for one in changes(a, b)}
    before, after = dict(flatten(a)), dict(flatten(b))
    assert told == {
        key for key in before.keys() | after.keys() if key not in before or before.get(key) != after.get(key)
    }


def test_figures_of_scores_with_other_classes_and_bands_stand_side_by_side() -> None:
    one, other = score(0.5), score(0.75)
    other["AP"]["bus"] = None
    del other["bands"][1]
    found = {figure.key: figure for figure in figures(one, other)}
    assert found["mAP",].difference == 0.25 and found["frames",].difference == 0
    assert found["bands", "50-100 m", "mAP"].b is None and found["bands", "50-100 m", "mAP"].difference is None
    assert ("AP", "bus") not in found


def test_info_and_labels_are_compared_too(published: Repository) -> None:
    manifest = locate(NAME, Where(published.zoo)).released.manifest
    info = manifest.model_copy(
        update={
            "name": "info@v1.0.0",
            "kind": None,
            "metrics": None,
            "products": {"x2": manifest.scenes},
            "scenes": None,
        }
    )
    found = compare(manifest, info)
    assert [one.split for one in found.scenes] == ["train", "val", "test", "x2 train", "x2 val", "x2 test"]
    assert "x2 train: 0 the same, 2 added, 0 removed, 0 annotated anew" in "\n".join(view(found, []))


def test_a_file_is_streamed_by_name_or_by_reference(published: Repository) -> None:
    expected = (published.root / "models/CenterPoint/t4base/train/epoch_3.pth").read_bytes()
    for arguments in (
        (NAME, "epoch_3.pth"),
        ("zoo://CenterPoint/t4base/v1.0.0/epoch_3.pth",),
        (f"{published.zoo}/{FOLDER}/epoch_3.pth",),
    ):
        assert run("cat", *arguments, "--zoo", published.zoo).stdout_bytes == expected
    with pytest.raises(UsageError, match="name one file"):
        named(NAME, None, Where(published.zoo))
    with pytest.raises(ManifestError, match=r"has no file 'epoch_4\.pth'; it has config\.py, "):
        named(NAME, "epoch_4.pth", Where(published.zoo))


def test_nothing_of_a_small_file_with_other_bytes_is_written(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/{FOLDER}/epoch_3.pth", Body=b"other")
    given: list[bytes] = []
    with pytest.raises(FetchError):
        given.extend(stream(*named(NAME, "epoch_3.pth", Where(spoilable.zoo))))
    assert given == []


def large(base: str, content: bytes) -> tuple[Located, ManifestFile]:
    """A version at a web server, whose one file is large."""
    file = ManifestFile(path="big", role="other", size=len(content), sha256=sha256(content), md5="0" * 32)
    manifest = Manifest(
        **{"schema_version": 1, "name": NAME, "files": (file,), "packages": {}, "source": None},
        adopted=Adopted(location="below", spelling="v1", holes=()),
    )
    released = Released(manifest.version, "", manifest, manifest.to_bytes(), digest(manifest.to_bytes()))
    return Located(Where(base).open_zoo(), released, file), file


def test_a_large_file_streams_over_broken_lines_and_is_checked_at_its_end(alone: Path) -> None:
    content = os.urandom(RESUMABLE + 1000)
    asked: list[str | None] = []
    served = [content]

    class Breaking(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            asked.append(wanted)
            start = (
                int(wanted.split("=")[1].rstrip("-")) if wanted and len(asked) != 3 else 0
            )  # once it knows no ranges
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(served[0]) - start))
            self.end_headers()
            cut = len(asked) * 2_500_000
            self.wfile.write(served[0][start:cut])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Breaking) as base:
        assert b"".join(stream(*large(base, content))) == content
        assert asked[0] is None and len(asked) == 4
        for spoilt, words in ((content[:-1] + b"?", "other bytes"), (content + b"?", "other bytes")):
            served[0] = spoilt
            asked[:] = [None] * 3
            with pytest.raises(T4zooError, match=words):
                list(stream(*large(base, content)))


def test_what_was_said_of_a_version_is_said_by_every_reader(spoilable: Repository, client: Any, tmp_path: Path) -> None:
    said = str(notice(spoilable, client))
    assert said == f"{NAME} is yanked since 2026-01-31 by ada@example.invalid: its labels were wrong"
    assert said in run("show", NAME, "--zoo", spoilable.zoo).stdout
    for command in (
        ("show", NAME, "--json"),
        ("compare", NAME, NAME),
        ("cat", NAME, "config.py"),
        ("verify", NAME),
        ("pull", NAME, "--to", str(tmp_path / "pulled")),
    ):
        told = run(*command, "--zoo", spoilable.zoo)
        assert told.exit_code == 0 and told.stderr.splitlines()[0] == f"warning: {said}", command
    warned: list[str] = []
    assert resolve(NAME, Where(spoilable.zoo), warn=warned.append).name == "epoch_3.pth" and warned == [said]


def test_a_version_is_shown_with_its_line_its_node_and_its_scenes(published: Repository) -> None:
    shown = run("show", NAME, "--zoo", published.zoo).stdout
    for text in (
        "kind        base",
        "scenes      2 train, 1 val, 1 test",
        "mAP         0.7500",
        "node reads",
        "parameters",
    ):
        assert text in shown, shown
    content = run("show", NAME, "--zoo", published.zoo, "--json").stdout_bytes
    assert digest(content) in shown and parse_manifest(content, "here").name == NAME
