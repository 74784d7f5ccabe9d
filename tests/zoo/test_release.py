"""A release from a clean, pushed state: what is then in the zoo, in git, and in a stranger's hands."""

from __future__ import annotations

import hashlib
import re
import urllib.request
from pathlib import Path

import pytest

from t4zoo.zoo.manifest import Manifest, Weights
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.releasing.refusal import RefusedError
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.server import Server
from tests.zoo.repository import FILES, FOLDER, NAME, Repository


def test_release_puts_files_and_manifest_in_the_zoo_and_a_tag_on_the_commit(repository: Repository) -> None:
    said = repository.t4zoo("release", NAME).out
    requests = re.search(r"(\d+) requests", said)
    assert requests and int(requests[1]) <= 2 * FILES + 6, said
    manifest = Manifest.model_validate_json(repository.t4zoo("show", NAME, "--json").out)
    assert manifest.name == NAME and len(manifest.files) == FILES
    assert {file.path: file.role for file in manifest.files} == {
        "config.py": "config",
        "detection_class_remapper.param.yaml": "ros_param",
        "epoch_3.pth": "checkpoint",
        "metrics.json": "metrics",
        "ml_package.param.yaml": "ros_param",
        "plots/car.csv": "plot",
        "pts_backbone_neck_head.onnx": "onnx",
        "pts_voxel_encoder.onnx": "onnx",
        "scalars.json": "scalars",
        "test_log.log": "test_log",
        "train_log.log": "train_log",
    }
    digest = hashlib.sha256(manifest.to_bytes()).hexdigest()
    assert digest in said
    assert repository.git("cat-file", "-t", NAME) == "tag"
    assert repository.git("rev-parse", f"{NAME}^{{commit}}") == repository.git("rev-parse", "HEAD")
    assert f"manifest-sha256: {digest}" in repository.git("tag", "-l", "--format=%(contents)", NAME).splitlines()


def test_manifest_says_where_the_version_came_from(published: Repository) -> None:
    manifest = Manifest.model_validate_json(published.t4zoo("show", NAME, "--json").out)
    assert manifest.source.commit == published.git("rev-parse", "HEAD")
    assert manifest.source.committer == "Ada Tester <ada@example.invalid>"
    assert manifest.source.dvc_lock == hashlib.sha256((published.root / "dvc.lock").read_bytes()).hexdigest()
    assert manifest.scenes is not None and manifest.scenes.train == ("a/0", "b/1") and manifest.scenes.test == ("d/2",)
    config = published.root / "models/CenterPoint/t4base/train/config.py"
    assert manifest.config == hashlib.sha256(config.read_bytes()).hexdigest()
    assert manifest.packages == {"torch": "2.13.0", "numpy": "2.4.0"}
    assert manifest.parent is None and manifest.product == "base"
    # JSON has no NaN: the score of a class without boxes is null.
    assert manifest.metrics == {"mAP": 0.75, "AP@2m": {"car": 0.9, "bus": None}}


def test_anyone_can_get_a_released_file_by_its_readable_url_and_nothing_of_the_store(
    published: Repository, server: Server
) -> None:
    base = published.url.replace("s3://", f"{server.endpoint}/")
    with urllib.request.urlopen(f"{base}/autoware-ml/{FOLDER}/epoch_3.pth") as answer:
        content = answer.read()
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    local = published.root / "models/CenterPoint/t4base/train/epoch_3.pth"
    assert content == local.read_bytes()
    md5 = hashlib.md5(content).hexdigest()
    try:
        urllib.request.urlopen(f"{base}/dvc/files/md5/{md5[:2]}/{md5[2:]}")
        raise AssertionError("the store can be read by anyone")
    except urllib.error.HTTPError as error:
        assert error.code == 403


def test_checkout_of_the_tag_and_dvc_pull_bring_the_exact_bytes(released: Repository, tmp_path: Path) -> None:
    expected = {path.name: path.read_bytes() for path in (released.root / "models").rglob("*") if path.is_file()}
    released.params(seed=2)
    released.build("Train again")  # the branch moves on
    clone = Repository(tmp_path / "clone", released.url)
    released.git("clone", "--quiet", str(released.root), str(clone.root))
    clone.git("checkout", "--quiet", NAME)
    clone.dvc("pull", "--quiet")
    found = {path.name: path.read_bytes() for path in (clone.root / "models").rglob("*") if path.is_file()}
    assert {name: content for name, content in found.items() if name != ".gitignore"} == {
        name: content for name, content in expected.items() if name != ".gitignore"
    }


def test_releasing_the_same_state_again_says_so_and_only_brings_back_a_lost_tag(released: Repository, client) -> None:
    def state() -> list[tuple[str, str, object]]:
        bucket, _, prefix = released.zoo.removeprefix("s3://").partition("/")
        items = client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        return [(item["Key"], item["ETag"], item["LastModified"]) for item in items]

    before, note = state(), released.git("tag", "-l", "--format=%(contents)", NAME)
    assert "already released" in released.t4zoo("release", NAME).out
    released.git("tag", "-d", NAME)
    released.t4zoo("release", NAME)
    assert released.git("tag", "-l", "--format=%(contents)", NAME) == note
    assert state() == before


def test_the_same_commit_gives_the_same_manifest_in_another_clone_without_a_cache(
    released: Repository, tmp_path: Path
) -> None:
    clone = Repository(tmp_path / "clone", released.url)
    released.git("clone", "--quiet", str(released.root), str(clone.root))
    assert "already released" in clone.t4zoo("release", NAME).out


def test_a_dry_run_shows_the_plan_and_writes_nothing(repository: Repository, client) -> None:
    said = repository.t4zoo("release", NAME, "--dry-run").out
    assert "epoch_3.pth" in said and "manifest-sha256: " in said and f"{repository.zoo}/{FOLDER}" in said
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    assert "Contents" not in client.list_objects_v2(Bucket=bucket, Prefix=prefix)
    assert repository.git("tag", "--list") == ""


def test_a_model_trained_from_another_is_released_after_it_and_names_it(repository: Repository) -> None:
    repository.write("conf/parents/t4base.yaml", f"checkpoint: {NAME}\n")
    trained, named = "CenterPoint/t4x2@v1.0.0", "CenterPoint/t4x3@v1.0.0"
    parents = {"t4x2": "models/CenterPoint/t4base/train", "t4x3": "conf/parents/t4base.yaml"}
    repository.params(t4base="conf/parents/scratch.yaml", **parents)
    repository.build("Train t4x2 from t4base as trained here, t4x3 from t4base as released")
    with pytest.raises(RefusedError, match=r"models/CenterPoint/t4base/train: .* release that model first"):
        Releasing.here(repository.root, trained).plan()
    with pytest.raises(RefusedError, match=f"{NAME} is not in the zoo"):
        Releasing.here(repository.root, named).plan()
    for name in (NAME, trained, named):
        releasing = Releasing.here(repository.root, name)
        releasing.publish(releasing.plan())
    parent, *children = (locate(name, Where(repository.zoo)).released for name in (NAME, trained, named))
    (checkpoint,) = parent.manifest.of_role("checkpoint")
    for child in children:
        expected = Weights(name=NAME, manifest=parent.digest, file="epoch_3.pth", sha256=checkpoint.sha256)
        assert child.manifest.parent == expected
