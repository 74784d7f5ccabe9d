"""The gate refuses what could not be trusted later, with every reason at once, in words that name the cure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import yaml

from t4zoo.errors import T4zooError
from t4zoo.zoo.address import zoo_of
from t4zoo.zoo.reading.index import update
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.verify import verify_zoo
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.refusal import RefusedError
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.version import VersionError
from tests.zoo.repository import FOLDER, NAME, Repository, forget_the_user


def plan(repository: Repository, name: str = NAME) -> Plan:
    return Releasing.here(repository.root, name).plan()


def refusals(repository: Repository, name: str = NAME) -> list[str]:
    with pytest.raises(RefusedError) as refused:
        plan(repository, name)
    return [str(refusal) for refusal in refused.value.refusals]


def commit(repository: Repository) -> None:
    repository.git("commit", "--quiet", "--all", "--message", "Spoil")


def object_of(repository: Repository, path: str) -> tuple[str, str]:
    """Bucket and key of a file's object in the store."""
    bucket, _, prefix = repository.url.removeprefix("s3://").partition("/")
    md5 = hashlib.md5((repository.root / "models/CenterPoint/t4base" / path).read_bytes()).hexdigest()
    return bucket, f"{prefix}/dvc/files/md5/{md5[:2]}/{md5[2:]}"


def test_all_reasons_are_told_at_once(repository: Repository) -> None:
    repository.git("tag", "-a", "-m", "too early", NAME)
    lock = yaml.safe_load((repository.root / "dvc.lock").read_text())
    del lock["stages"]["export@CenterPoint-t4base"]
    repository.write("dvc.lock", yaml.safe_dump(lock))
    commit(repository)
    repository.write("notes.txt", "never added")
    repository.write("stage.py", "# edited and not committed\n")
    told = refusals(repository)
    expected = ["stage.py, notes.txt", f"tag {NAME}", "models/CenterPoint/t4base/export", "role onnx", "role ros_param"]
    for words in [*expected, "not in step"]:
        assert any(words in line for line in told), (words, told)


def test_a_malformed_version_is_a_usage_error(repository: Repository) -> None:
    with pytest.raises(VersionError) as error:
        plan(repository, "CenterPoint/t4base@1.0")
    assert error.value.exit_code == 2


def test_a_model_that_is_not_in_params_is_refused(repository: Repository) -> None:
    assert "algorithm: CenterPoint, model: other" in refusals(repository, "CenterPoint/other@v1.0.0")[0]


def test_objects_that_were_not_pushed_are_refused(repository: Repository) -> None:
    repository.params(seed=2)
    repository.build(push=False)
    (told,) = refusals(repository)
    assert "lacks" in told and "epoch_3.pth" in told and told.endswith("; `dvc push`")


def test_an_object_that_dvc_push_overlooks_is_refused_with_a_cure_that_works(
    repository: Repository, client: Any
) -> None:
    bucket, key = object_of(repository, "train/epoch_3.pth")
    client.delete_object(Bucket=bucket, Key=key)
    assert "up to date" in repository.dvc("push").out  # it looks at the folder's list only
    (told,) = refusals(repository)
    assert "lacks epoch_3.pth" in told and ".dir, then `dvc push`" in told
    listed = told.partition("remove ")[2].partition(",")[0]
    client.delete_object(Bucket=bucket, Key=listed.removeprefix(f"s3://{bucket}/"))
    repository.dvc("push")
    assert plan(repository).manifest.files


@pytest.mark.parametrize("parts", [False, True], ids=["in one piece", "in parts"])
def test_a_corrupt_object_in_the_store_is_refused(repository: Repository, client: Any, parts: bool) -> None:
    bucket, key = object_of(repository, "train/epoch_3.pth")
    content = bytearray(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    content[1000] ^= 1
    put(client, bucket, key, bytes(content), parts)
    (told,) = refusals(repository)
    assert "epoch_3.pth" in told and key in told and "other bytes" in told


def test_an_object_that_was_stored_in_parts_is_read_and_taken(repository: Repository, client: Any) -> None:
    bucket, key = object_of(repository, "train/epoch_3.pth")
    content = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    put(client, bucket, key, content, parts=True)
    releasing = Releasing.here(repository.root, NAME)
    releasing.publish(releasing.plan())
    assert verify_zoo(locate(NAME, Where(repository.zoo))).findings == ()


def put(client: Any, bucket: str, key: str, content: bytes, parts: bool) -> None:
    where = {"Bucket": bucket, "Key": key}
    if not parts:
        client.put_object(**where, Body=content)
        return
    upload = client.create_multipart_upload(**where)["UploadId"]
    part = client.upload_part(**where, UploadId=upload, PartNumber=1, Body=content)
    finished = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=finished)


def test_a_lock_that_lost_its_md5_is_refused(repository: Repository) -> None:
    lock = yaml.safe_load((repository.root / "dvc.lock").read_text())
    (out,) = lock["stages"]["export@CenterPoint-t4base"]["outs"]
    out["files"] = []
    for field in ("md5", "size", "nfiles"):
        del out[field]
    repository.write("dvc.lock", yaml.safe_dump(lock))
    commit(repository)
    told = refusals(repository)
    assert any("files: []" in line and "models/CenterPoint/t4base/export" in line for line in told)


def test_a_workspace_out_of_step_with_the_lock_is_refused(repository: Repository) -> None:
    repository.params(seed=7)
    commit(repository)
    told = refusals(repository)
    assert any("train@CenterPoint-t4base is not in step" in line and "`dvc repro`" in line for line in told)


def test_another_model_that_is_out_of_step_is_no_reason(repository: Repository) -> None:
    repository.params(t4base="conf/parents/scratch.yaml", t4x2="conf/parents/scratch.yaml")
    commit(repository)
    assert plan(repository).name.model == "t4base"


def test_a_missing_role_a_second_checkpoint_and_two_files_for_one_place_are_refused(repository: Repository) -> None:
    stage = (repository.root / "stage.py").read_text()
    spoiled = stage.replace("train/train_log.log", "train/log.txt").replace("train/config.py", "train/epoch_2.pth")
    repository.write("stage.py", spoiled.replace("evaluate/test_log.log", "evaluate/scalars.json"))
    repository.build(push=False)
    told = refusals(repository)
    assert any("models/CenterPoint/t4base/train/scalars.json" in line for line in told)
    repository.write("stage.py", spoiled)
    repository.build(push=False)
    told = refusals(repository)
    assert any("no file of the role train_log" in line for line in told)
    assert any("no file of the role config" in line for line in told)
    assert any("several checkpoints: epoch_2.pth, epoch_3.pth" in line for line in told)


def test_a_second_release_with_other_bytes_is_refused_with_both_digests(released: Repository) -> None:
    before = locate(NAME, Where(released.zoo)).released.digest
    released.params(seed=2)
    released.build("Train again")
    tag, told = refusals(released)
    assert f"tag {NAME}" in tag and FOLDER in told
    digests = {word.strip(";:") for word in told.split() if len(word.strip(";:")) == 64}
    assert len(digests) == 2 and before in digests


def test_a_dry_run_knows_a_released_version_that_the_index_does_not(released: Repository) -> None:
    zoo = S3Folder(zoo_of(released.root))
    update(zoo, lambda index: index.without([NAME]))
    assert json.loads(released.t4zoo("release", NAME, "--dry-run", "--json").out)["is_released"] is True
    released.git("tag", "--delete", NAME)
    released.write("requirements.lock", "torch==2.0.0\n")
    commit(released)
    told = released.t4zoo("release", NAME, "--dry-run", check=False)
    assert told.code == 1 and "is released already with other bytes" in told.err


@pytest.mark.parametrize("value", ['"\\ud800"', "1" * 30])  # half a character, and more digits than a number has
def test_a_parameter_that_no_reader_of_the_manifest_would_take_is_refused(repository: Repository, value: str) -> None:
    package = repository.root / "bundle/ml_package.param.yaml"
    package.write_text(f"{package.read_text().rstrip()}\n    odd: {value}\n")
    repository.build(stages=("export@CenterPoint-t4base",))
    assert any(line.startswith("the manifest") for line in refusals(repository)), refusals(repository)


def test_a_release_goes_to_the_repositorys_own_zoo_whatever_a_reader_has_set(
    published: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T4ZOO_URL", "s3://bucket/of/others")
    assert Releasing.here(published.root, NAME).zoo.address.url == published.zoo


def test_a_folder_that_is_no_repository_cannot_be_released_from(alone: Any, tmp_path: Any) -> None:
    with pytest.raises(T4zooError, match="git repository"):
        Releasing.here(tmp_path, NAME)


def test_who_cannot_tag_is_told_before_anything_is_published(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_the_user(monkeypatch)
    (told,) = refusals(repository)
    assert told.startswith("git: does not know who you are") and "user.email" in told


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("params.yaml", b"models: [1, 2]", "no entry of `models`"),
        ("params.yaml", b"models: {", "not YAML"),
        ("params.yaml", b"\xff\xfe", "not YAML"),
        ("dvc.lock", b"stages: {a: {outs: [{path: models/CenterPoint/t4base/train, md5: 3}]}}", "not a lock"),
        ("dvc.lock", b"stages: {a: {outs: [{path: models, md5: ../../secret}]}}", "not a lock"),
        ("dvc.lock", b"<<<<<<< HEAD", "not a lock"),
        ("dvc.lock", b"\xff\xfe", "not a lock"),
    ],
)
def test_a_broken_file_of_the_commit_is_named_with_its_fault(
    repository: Repository, path: str, content: bytes, words: str
) -> None:
    (repository.root / path).write_bytes(content)
    commit(repository)
    with pytest.raises(T4zooError, match=words) as error:
        plan(repository)
    assert path in str(error.value)


def test_a_broken_dvc_yaml_is_told_in_dvcs_words(repository: Repository) -> None:
    repository.write("dvc.yaml", "stages: [")
    commit(repository)
    assert any(told.startswith("dvc status: ") and "dvc.yaml" in told for told in refusals(repository))
