"""`t4zoo doctor` finds each fault that is planted, calls it by its name, and finds nothing else."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import boto3
import pytest

from t4zoo.zoo.address import find_store, zoo_of
from t4zoo.zoo.keeping.doctor.examine import examine
from t4zoo.zoo.keeping.doctor.finding import FAULTS
from t4zoo.zoo.keeping.doctor.mend import acts
from t4zoo.zoo.keeping.doctor.store import check_store
from t4zoo.zoo.keeping.doctor.versions import check_versions, etags_are_md5
from t4zoo.zoo.keeping.stored import list_store
from t4zoo.zoo.keeping.survey import survey
from t4zoo.zoo.reading.index import read_index, update
from t4zoo.zoo.storage.folder import open_folder
from t4zoo.zoo.storage.server import Server
from tests.zoo.keeping.planted import CHECKPOINT, INDEX, MANIFEST, OTHER, PLANTED, ill_path, locked, stored
from tests.zoo.keeping.ward import Ward
from tests.zoo.repository import FOLDER, NAME, copy_objects


@pytest.mark.parametrize("fault", PLANTED)
def test_doctor_finds(fault: str, ill: Ward) -> None:
    plant, expected = PLANTED[fault]
    config = stored(ill, "config.py")  # its place is known before it is spoilt
    plant(ill)
    assert sorted(ill.found()) == sorted((name, config if where == "config.py" else where) for name, where in expected)


def test_every_fault_that_doctor_knows_is_planted() -> None:
    assert {fault for _, expected in PLANTED.values() for fault, _ in expected} == FAULTS.keys()


def test_a_healthy_zoo_has_no_findings(ill: Ward) -> None:
    assert ill.found() == []
    assert ill.found(deep=True) == []
    assert ill.fix() == []


def test_faults_that_are_there_together_are_all_found(ill: Ward) -> None:
    together = [
        *("a missing file", "an extra file", "a release that was broken off", "an object of no version"),
        *("a version that was copied to another name", "a claim that was removed", "an unfinished push"),
        *("a tag without bytes", "a tag without a message", "an index with a version too many"),
        *("an object of another stage that the store has lost", "an unfinished upload"),
    ]
    expected: Counter[tuple[str, str]] = Counter()
    for fault in together:
        plant, found = PLANTED[fault]
        plant(ill)
        expected.update(found)
    expected["store-lacks-other", OTHER] += 1  # the tag without bytes has the same dvc.lock
    assert Counter(ill.found()) == expected


def test_bytes_whose_size_and_entity_tag_tell_nothing_are_found_by_reading(ill: Ward) -> None:
    object_, content = stored(ill, "epoch_3.pth"), bytearray(ill.get(CHECKPOINT))
    content[1000] ^= 1
    for path in (CHECKPOINT, object_):
        upload = ill.client.create_multipart_upload(**ill.key(path))["UploadId"]
        part = ill.client.upload_part(**ill.key(path), UploadId=upload, PartNumber=1, Body=bytes(content))
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        ill.client.complete_multipart_upload(**ill.key(path), UploadId=upload, MultipartUpload=parts)
    assert ill.found() == []
    assert ill.found(deep=True) == [("file-drifted", CHECKPOINT), ("store-drifted", object_)]


def test_what_can_be_mended_without_loss_is_mended(ill: Ward) -> None:
    before = ill.git("rev-parse", f"{NAME}^{{commit}}"), ill.git("tag", "-l", "--format=%(contents)", NAME)
    for fault in ("a deleted tag", "an index without a version"):
        PLANTED[fault][0](ill)
    assert len(ill.fix()) == 2
    assert ill.found() == []
    assert ill.git("cat-file", "-t", NAME) == "tag"
    assert (ill.git("rev-parse", f"{NAME}^{{commit}}"), ill.git("tag", "-l", "--format=%(contents)", NAME)) == before


@pytest.mark.parametrize("fault", [fault for fault in PLANTED if "index" in fault])
def test_the_index_is_mended(fault: str, ill: Ward) -> None:
    right = ill.get(INDEX)
    PLANTED[fault][0](ill)
    ill.fix()
    assert ill.found() == []
    assert ("notice" in fault) or ill.get(INDEX) == right


def test_what_would_lose_something_is_left_alone(ill: Ward) -> None:
    for fault in ("a missing file", "an extra file", "a release that was broken off", "an unfinished upload"):
        PLANTED[fault][0](ill)
    before = ill.paths("")
    assert ill.fix() == []
    assert ill.paths("") == before
    assert ("upload-unfinished", "autoware-ml/models/big") in ill.found()


def test_only_an_upload_that_nobody_can_still_be_at_is_ended(ill: Ward) -> None:
    PLANTED["an unfinished upload"][0](ill)
    told = ill.t4zoo("doctor", "--fix", "--days", "0")
    assert "end the upload of" in told.err and "agree" in told.out
    assert ill.found() == []


def test_a_dry_run_says_what_it_would_do_and_does_nothing(ill: Ward) -> None:
    PLANTED["an index without a version"][0](ill)
    PLANTED["a deleted tag"][0](ill)
    spoilt = ill.get(INDEX)
    told = ill.t4zoo("doctor", "--fix", "--dry-run", check=False)
    assert told.code == 1
    assert "would write 1 rows of the index" in told.err and f"would make the tag {NAME}" in told.err
    assert ill.get(INDEX) == spoilt and ill.git("tag", "--list") == ""


def test_the_index_keeps_what_others_changed_after_it_was_looked_at(ill: Ward) -> None:
    PLANTED["an index with another score"][0](ill)
    found = ill.examine()
    assert found.index is not None
    data = json.loads(ill.get(INDEX))
    state = data["fields"].index("state")
    data["rows"][0][state] = "yanked"  # a notice that came meanwhile
    ill.put(INDEX, json.dumps(data).encode())
    for _, act in acts(found, lambda: ill.writer, ill.root):
        act()
    assert json.loads(ill.get(INDEX))["rows"][0][state] == "yanked"


def test_a_version_that_is_released_while_doctor_looks_keeps_its_row(ill: Ward) -> None:
    """It is not in the listing that was taken before, and stands in the index when that is mended."""
    PLANTED["an index with another score"][0](ill)
    new = "CenterPoint/t4base@v7.0.0"

    def released(step: int | str) -> None:
        update(ill.writer, lambda index: index.with_rows([index.rows[0]._replace(name=new)]))

    found = examine(ill.patient(), lambda title, total: released if title == "reading manifests" else lambda step: None)
    assert [finding.fault for finding in found.findings] == ["index-row-wrong"]
    for _, act in acts(found, lambda: ill.writer, ill.root):
        act()
    index = read_index(ill.writer)
    assert index is not None and [row.name for row in index.rows] == [NAME, new]
    assert index.rows[0].score == 0.75


def test_without_a_repository_the_zoo_alone_is_looked_at(ill: Ward) -> None:
    ill.delete(CHECKPOINT)
    found = ill.examine(repository=False)
    assert [finding.fault for finding in found.findings] == ["file-missing", "not-looked-at", "not-looked-at"]


def test_an_open_zoo_is_looked_at_over_the_web(ill: Ward, s3: Server) -> None:
    ill.delete(CHECKPOINT)
    url = ill.zoo.replace("s3://", f"{s3.endpoint}/")
    told = ill.t4zoo("doctor", "--zoo", url, "--json", check=False)
    assert told.code == 1
    assert "file-missing" in {finding["fault"] for finding in json.loads(told.out)["findings"]}


def test_another_zoo_is_not_compared_with_the_tags_of_this_repository(ill: Ward, client: Any) -> None:
    copy_objects(ill.zoo, f"{ill.url}/other", client)
    told = ill.t4zoo("doctor", "--zoo", f"{ill.url}/other", "--json")
    assert [finding["where"] for finding in json.loads(told.out)["findings"]] == ["tags", "the store"]


def test_the_command_tells_each_finding_with_its_cure_and_fails(ill: Ward) -> None:
    PLANTED["a manifest that was edited"][0](ill)
    told = ill.t4zoo("doctor", check=False)
    assert told.code == 1 and "error: manifest-not-claimed" in told.out and "remove the other" in told.out
    assert ill.get(MANIFEST) != b""


def test_an_index_that_is_none_is_told_once_and_one_of_a_newer_t4zoo_is_left_alone(ill: Ward) -> None:
    ill.put(INDEX, b"{")
    (finding,) = ill.examine().findings
    assert str(finding).count("index.json") == 1 and str(finding).count("doctor --fix") == 1
    newer = b'{"schema_version": 99, "fields": [], "rows": []}'
    ill.put(INDEX, newer)
    (finding,) = ill.examine().findings
    assert finding.fault == "index-broken" and "update t4zoo" in str(finding)
    assert ill.fix() == [] and ill.get(INDEX) == newer


@pytest.mark.parametrize(
    "fault", ["a manifest that was edited", "a manifest that is cut off", "a claim that was removed"]
)
def test_a_manifest_or_claim_comes_back_by_the_cure_that_is_told(ill: Ward, fault: str) -> None:
    before = ill.get(MANIFEST), ill.get(ill.of_version(".claim"))
    PLANTED[fault][0](ill)
    assert f"`t4zoo release {NAME}` on its commit writes it again" in ill.t4zoo("doctor", check=False).out
    if "manifest" in fault:
        ill.delete(MANIFEST)
    config = (ill.root / ".dvc/config").read_text()
    ill.git("checkout", "--quiet", NAME)
    (ill.root / ".git/info/exclude").write_text("config.local\n")
    (ill.root / ".dvc/config.local").write_text(config)  # the copy of the zoo is named by a later commit
    assert "released" in ill.t4zoo("release", NAME).out
    assert (ill.get(MANIFEST), ill.get(ill.of_version(".claim"))) == before
    assert ill.found() == []


def test_a_folder_list_that_lost_its_files_is_opened(ill: Ward) -> None:
    """DVC looks at the list alone, and would say that everything is up to date."""
    ill.git("tag", "--annotate", "-m", "x", "v9.0.0", NAME)
    ill.git("tag", "--delete", NAME)
    key = stored(ill, "scalars.json")
    for path in ill.paths(ill_path("")):
        ill.delete(path)
    ill.delete(key)
    assert locked(ill, "models/CenterPoint/t4base/train") in ill.paths("dvc/")
    finding = next(finding for finding in ill.examine().findings if finding.fault == "store-lacks-other")
    assert finding.where == "v9.0.0" and "models/CenterPoint/t4base/train/scalars.json" in finding.what


def test_a_second_look_reads_no_manifest_again(ill: Ward) -> None:
    ill.examine()
    asked: list[str] = []
    zoo = open_folder(zoo_of(ill.root), lambda method, url: asked.append(url))
    examine(replace(ill.patient(), zoo=zoo), lambda title, total: lambda step: None)
    assert len(asked) == 2 and asked[0].endswith("index.json")  # the index, and a listing


def test_an_adopted_zoo_is_looked_at_where_people_put_its_files(s3: Server, prefix: str) -> None:
    client, url = boto3.Session().client("s3"), f"s3://{s3.bucket}/{prefix}/autoware-ml"
    folder = f"{prefix}/autoware-ml/models/centerpoint/centerpoint/t4base/v1.3"
    for name, content in {"epoch_20.pth": b"weights", "config.py": b"model = 1\n"}.items():
        client.put_object(Bucket=s3.bucket, Key=f"{folder}/{name}", Body=content)
    command = [sys.executable, "-m", "t4zoo"]
    layout = ["--layout", "models/{project}/{algorithm}/{model}/{version}"]
    subprocess.run([*command, "adopt", url, *layout], check=True, capture_output=True)
    told = subprocess.run([*command, "doctor", "--zoo", url, "--json"], capture_output=True, text=True, check=True)
    assert {finding["fault"] for finding in json.loads(told.stdout)["findings"]} == {"not-looked-at"}
    # Its folder is another version's, if the word above it is read as another.
    renamed = f"{prefix}/autoware-ml/models/oldname/t4base/v1.0.0"
    client.put_object(Bucket=s3.bucket, Key=f"{renamed}/epoch_1.pth", Body=b"old")
    told = subprocess.run([*command, "doctor", "--zoo", url], capture_output=True, text=True)
    assert told.returncode == 0 and "1 files, no claim; `t4zoo adopt` takes what people put there" in told.stdout
    subprocess.run([*command, "adopt", url, "--rename", "oldname=NewName"], check=True, capture_output=True)
    told = subprocess.run([*command, "doctor", "--zoo", url, "--json"], capture_output=True, text=True, check=True)
    assert {finding["fault"] for finding in json.loads(told.stdout)["findings"]} == {"not-looked-at"}
    client.put_object(Bucket=s3.bucket, Key=f"{folder}/epoch_20.pth", Body=b"Weights")
    told = subprocess.run([*command, "doctor", "--zoo", url], capture_output=True, text=True)
    assert told.returncode == 1 and f"{folder}/epoch_20.pth" in told.stdout and "file-drifted" in told.stdout


def test_entity_tags_that_are_no_md5_are_no_faults(ill: Ward) -> None:
    """As of a server that encrypts by keys of its own: sizes are compared, and claims read."""
    patient = ill.patient()
    seen = survey(patient.zoo, patient.layout)
    store = list_store(open_folder(find_store(ill.root)))
    for entries in (seen.objects, store.objects, *(held.entries for held in seen.held.values())):
        for path, entry in entries.items():
            entries[path] = replace(entry, etag=hashlib.md5(b"secret" + entry.path.encode()).hexdigest())
    assert not etags_are_md5(seen)
    assert check_versions(seen, patient.zoo) == [] and list(check_store(seen, store, plain=False)) == []
    seen.objects[f"{FOLDER}/epoch_3.pth"] = replace(seen.objects[f"{FOLDER}/epoch_3.pth"], size=1)
    assert [finding.fault for finding in check_versions(seen, patient.zoo)] == ["file-drifted"]
