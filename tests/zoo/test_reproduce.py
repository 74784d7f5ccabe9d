"""A released version is made again from its commit: the same bytes, or the first difference by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.zoo.keeping.reproducing.choose import choose
from t4zoo.zoo.keeping.reproducing.difference import WIDTH, first_difference
from t4zoo.zoo.keeping.reproducing.metrics import MetricsError, compare_metrics
from t4zoo.zoo.keeping.reproducing.packages import other_packages
from t4zoo.zoo.releasing.lock import parse_lock
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.server import Server
from t4zoo.zoo.version import parse_name
from tests.zoo.conftest import settings
from tests.zoo.repository import DVC, NAME, STAGE, Repository, begin

LABELS, INFO = "auto_label/20241101_xx1", "info@v0.1.0"

# What a stage does on another machine, where it is not as it was: the environment says what is in its way.
LUCK = """
import os

luck = os.environ.get("LUCK")
if stage == "create_info":
    assert list(Path("data/scenes").iterdir())
if stage == "export" and luck == "chance":
    write(f"models/CenterPoint/{name}/export/pts_voxel_encoder.onnx", os.urandom(1000))
    package.write_text(package.read_text().replace("max_voxel_size: ", "max_voxel_size: 1"))
    write(f"models/CenterPoint/{name}/export/more.txt", "more")
if stage == "evaluate" and luck:
    write(f"models/CenterPoint/{name}/evaluate/metrics.json", json.dumps({"mAP": float(luck), "AP@2m": {"car": 0}}))
if stage == "autolabel" and luck == "poor":
    sys.exit("no room left on this machine")
"""


@pytest.fixture(scope="module")
def released_once(server: Server, quiet_home: Path) -> Iterator[Repository]:
    """A model, its info and labels that it made, all three released."""
    with settings(server, quiet_home):
        made = begin(quiet_home / "reproduced", f"s3://{server.bucket}/reproduced")
        made.write("stage.py", STAGE + LUCK)
        made.write(".gitignore", "/info/\n/models/\n/auto_label/\n/data/\n__pycache__/\n")
        made.write("data/scenes/a.txt", "a scene\n")
        made.params(
            predictions={"20241101_xx1-t4base": {"model": "t4base", "auto_label": "20241101_xx1"}},
            auto_labels={"20241101_xx1": {"raw": "20241101_xx1", "ensemble": "half", "tracking": "kalman"}},
        )
        made.write("dvc.yaml", DVC.replace("      deps: [stage.py]\n", "      deps: [stage.py, data/scenes]\n"))
        made.build()
        for name in (NAME, INFO, LABELS):
            releasing = Releasing.here(made.root, name)
            releasing.publish(releasing.plan())
        yield made


@pytest.fixture
def repository(released_once: Repository, s3: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    """To be read only; temporary folders are the test's own."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    return released_once


def reproduce(repository: Repository, name: str, *options: str, code: int = 0) -> dict[str, Any]:
    done = repository.t4zoo("reproduce", name, "--json", *options, check=False)
    assert done.code == code, done.out + done.err
    return json.loads(done.out)


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {outcome["output"]: outcome["verdict"] for outcome in report["outcomes"]}


def scratch(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    ("name", "outputs", "others"),
    [
        (NAME, ["info/base/info_train.pkl", "models/CenterPoint/t4base/export"], ["train", "evaluate"]),
        (INFO, ["info/base/info_train.pkl", "info/base/statistics.json"], []),
        (LABELS, [f"{LABELS}/info_all.pkl", f"{LABELS}/log.log"], ["predict"]),
    ],
)
def test_each_kind_of_version_is_the_same_byte_for_byte(
    repository: Repository, tmp_path: Path, name: str, outputs: list[str], others: list[str]
):
    before = repository.git("status", "--porcelain", "--ignored")
    report = reproduce(repository, name)
    found = verdicts(report)
    assert set(outputs) <= set(found)
    assert set(found.values()) == {"same bytes"}
    assert [stage.partition("@")[0] for stage in report["not_rerun"]] == others
    assert scratch(tmp_path) == []
    assert repository.git("status", "--porcelain", "--ignored") == before


def test_what_differs_is_shown_and_left_to_look_at(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LUCK", "chance")
    done = repository.t4zoo("reproduce", NAME, check=False)
    assert done.code == 1
    assert "different: models/CenterPoint/t4base/export/ml_package.param.yaml line" in done.out
    assert "is DIFFERENT from what was released" in done.out
    (kept,) = scratch(tmp_path)
    assert str(kept) in done.out.replace("\n", "")
    report = reproduce(repository, NAME, code=1)
    (export,) = (item for item in report["outcomes"] if item["verdict"] == "different")
    package, more, onnx = export["details"]
    assert "more.txt was not released" in more
    assert "ml_package.param.yaml line" in package and "max_voxel_size" in package and "was" in package
    assert "pts_voxel_encoder.onnx from byte 0 on" in onnx and "now 1000" in onnx
    assert verdicts(report)["info/base/info_train.pkl"] == "same bytes"


@pytest.mark.parametrize(("luck", "code", "verdict"), [("0.74", 0, "same metrics"), ("0.7", 1, "other metrics")])
def test_a_training_is_compared_by_its_metrics(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, luck: str, code: int, verdict: str
):
    monkeypatch.setenv("LUCK", luck)
    report = reproduce(repository, NAME, "--train", "--tolerance", "0.02", code=code)
    assert report["tolerance"] == 0.02 and report["not_rerun"] == []
    judged = [item for item in report["outcomes"] if item["output"].endswith("metrics.json")]
    assert [item["verdict"] for item in judged] == [verdict]
    assert verdicts(report)["models/CenterPoint/t4base/train"] == "same bytes"
    assert verdicts(report)["models/CenterPoint/t4base/evaluate"] == "other bytes"
    if code:
        assert judged[0]["details"] == ["mAP was 0.7500, is 0.7000"]


def test_a_stage_without_its_scenes_is_not_proven_and_the_others_are(repository: Repository, tmp_path: Path):
    report = reproduce(repository, NAME, "--data", str(tmp_path / "nowhere"), code=2)
    assert report["result"] == "cannot"
    (info,) = (item for item in report["outcomes"] if item["verdict"] == "cannot")
    assert info["stage"] == "create_info@base" and "data/scenes is not here; --data" in info["details"][0]
    assert verdicts(report)["models/CenterPoint/t4base/export"] == "same bytes"


def test_a_stage_that_fails_is_told_in_its_own_words(repository: Repository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LUCK", "poor")
    report = reproduce(repository, LABELS, code=2)
    assert "no room left on this machine" in report["outcomes"][0]["details"][0]


def test_a_stranger_names_the_repository_and_needs_no_cache(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Outside any repository: inputs come from the store."""
    elsewhere = Repository(tmp_path / "elsewhere", repository.url)
    elsewhere.root.mkdir()
    asked = elsewhere.t4zoo("reproduce", NAME, "--zoo", repository.zoo, check=False)
    assert asked.code == 2 and "--repository" in asked.err
    bare = tmp_path / "bare.git"
    elsewhere.run("git", "clone", "--quiet", "--bare", str(repository.root), str(bare))
    options = ["--repository", f"file://{bare}", "--data", str(repository.root / "data"), "--zoo", repository.zoo]
    assert set(verdicts(reproduce(elsewhere, NAME, *options)).values()) == {"same bytes"}


def test_a_moved_tag_is_told_before_anything_is_run(repository: Repository, tmp_path: Path):
    moved = tmp_path / "moved"
    shutil.copytree(repository.root, moved, symlinks=True)
    spoilt = Repository(moved, repository.url)
    spoilt.git("commit", "--quiet", "--allow-empty", "-m", "later")
    spoilt.git("tag", "--force", "--annotate", "-m", "moved", NAME)
    done = spoilt.t4zoo("reproduce", NAME, check=False)
    assert done.code == 2 and f"tag {NAME} is at" in done.err and "doctor" in done.err


def test_a_repository_without_the_commit_is_told(repository: Repository, tmp_path: Path):
    other = Repository(tmp_path / "other", repository.url)
    other.root.mkdir()
    other.git("init", "--quiet")
    other.git("commit", "--quiet", "--allow-empty", "-m", "first")
    done = repository.t4zoo("reproduce", NAME, "--repository", str(other.root), check=False)
    assert done.code == 1 and "has no commit" in done.err and "Traceback" not in done.err
    assert scratch(tmp_path) == []


def test_a_tolerance_that_means_nothing_is_refused(repository: Repository):
    done = repository.t4zoo("reproduce", NAME, "--train", "--tolerance", "-1", check=False)
    assert done.code == 2 and "between 0 and 1" in done.err


def test_an_info_stage_is_run_for_the_model_that_read_it_and_not_for_its_parent(repository: Repository):
    lock = parse_lock((repository.root / "dvc.lock").read_bytes(), "dvc.lock")
    chosen = choose(parse_name(NAME), lock, True)
    assert chosen.cheap == ("create_info@base", "export@CenterPoint-t4base")
    assert chosen.trainings == ("train@CenterPoint-t4base", "evaluate@CenterPoint-t4base")
    assert choose(parse_name("CenterPoint/other@v1.0.0"), lock, True).cheap == ()


def test_packages_that_differ_are_told_first():
    (pytest_line, absent) = other_packages({"pytest": "0.1", "surely-not-there": "1.0", "pydantic": _installed()})
    assert pytest_line.endswith("was 0.1") and absent == "surely-not-there is not installed, was 1.0"


def _installed() -> str:
    from importlib.metadata import version

    return version("pydantic")


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(1, 255))
def test_the_first_byte_that_differs_is_named(content: bytes, at: int, step: int):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one.onnx", Path(folder) / "other.onnx"
        one.write_bytes(content)
        at = min(at, len(content))
        other.write_bytes(
            content[:at] + bytes((byte + step) % 256 for byte in content[at : at + 1]) + content[at + 1 :]
        )
        found = first_difference(one, other)
        assert (found is None) == (at == len(content))
        assert found is None or found == f"from byte {at} on ({len(content)} bytes)"
        other.write_bytes(content + b"x")
        assert (
            first_difference(one, other)
            == f"from byte {len(content)} on ({len(content)} bytes, now {len(content) + 1})"
        )


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("a: 1\nb: 2\n", "a: 1\nb: 3\n", "line 2: was 'b: 2\\n', is 'b: 3\\n'"),
        ("a: 1\n", "a: 1\nb: 3\n", "line 2: was not there, is 'b: 3\\n'"),
        ("a: 1\n", "a: 1\r\n", "line 1: was 'a: 1\\n', is 'a: 1\\r\\n'"),
        (f"{'x' * 500}1", f"{'x' * 500}2", "x1', is …'"),
    ],
)
def test_the_first_line_that_differs_is_shown(tmp_path: Path, before: str, now: str, told: str):
    (tmp_path / "a.yaml").write_bytes(before.encode())
    (tmp_path / "b.yaml").write_bytes(now.encode())
    found = first_difference(tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert found and told in found and len(found) < 3 * WIDTH


def test_metrics_without_an_map_cannot_be_compared(tmp_path: Path):
    (tmp_path / "metrics.json").write_text('{"mAP": NaN}')
    with pytest.raises(MetricsError, match="has no mAP"):
        compare_metrics(b'{"mAP": 0.5}', tmp_path / "metrics.json", 0.1)
    (tmp_path / "metrics.json").write_text('{"mAP": 0.5}')
    assert compare_metrics(b'{"mAP": 0.5, "mAP_2m": 0.1}', tmp_path / "metrics.json", 0.1) == [
        "mAP_2m was 0.1000, is nan"
    ]
