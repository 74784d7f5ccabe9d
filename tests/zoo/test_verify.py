"""`verify` finds every object that is flipped, truncated, missing, swapped or extra: in the zoo or in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t4zoo.zoo.manifest import FILE_NAME
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.pull import FetchError, pull
from t4zoo.zoo.reading.verify import Report, verify_folder, verify_zoo
from tests.zoo.repository import FILES, FOLDER, NAME, Repository

Content = dict[str, bytes | None]  # path -> bytes to put there, None to remove

SPOILS: dict[str, tuple[Callable[[dict[str, bytes]], Content], list[tuple[str, str]]]] = {
    "nothing": (lambda whole: {}, []),
    "one bit": (lambda whole: {"epoch_3.pth": flip(whole["epoch_3.pth"])}, [("epoch_3.pth", "other bytes")]),
    "the last byte": (lambda whole: {"config.py": whole["config.py"][:-1]}, [("config.py", "other size")]),
    "an empty file": (lambda whole: {"metrics.json": b""}, [("metrics.json", "other size")]),
    "a missing file": (lambda whole: {"plots/car.csv": None}, [("plots/car.csv", "missing")]),
    "two swapped": (
        lambda whole: {
            "pts_voxel_encoder.onnx": whole["pts_backbone_neck_head.onnx"],
            "pts_backbone_neck_head.onnx": whole["pts_voxel_encoder.onnx"],
        },
        [("pts_backbone_neck_head.onnx", "other size"), ("pts_voxel_encoder.onnx", "other size")],
    ),
    "an extra file": (lambda whole: {"plots/bus.csv": b"x"}, [("plots/bus.csv", "extra")]),
    "an edited manifest": (
        lambda whole: {FILE_NAME: whole[FILE_NAME].replace(b"0.75", b"0.99")},
        [(FILE_NAME, "other manifest")],
    ),
}


def flip(content: bytes) -> bytes:
    return content[:500] + bytes([content[500] ^ 1]) + content[501:]


def found(report: Report) -> list[tuple[str, str]]:
    return sorted((finding.path, finding.problem) for finding in report.findings)


def test_every_spoilt_object_of_the_zoo_is_found(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = f"{spoilable.zoo}/{FOLDER}".removeprefix("s3://").partition("/")

    def put(content: Content) -> None:
        for path, data in content.items():
            where = {"Bucket": bucket, "Key": f"{prefix}/{path}"}
            client.delete_object(**where) if data is None else client.put_object(**where, Body=data)

    items = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]
    whole = {
        item["Key"].removeprefix(f"{prefix}/"): client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for item in items
    }
    assert len(whole) == FILES + 2  # and the manifest, and the claim
    for name, (spoil, expected) in SPOILS.items():
        put(spoil(whole))
        assert found(verify_zoo(locate(NAME, Where(spoilable.zoo)))) == expected, name
        put({path: whole.get(path) for path in spoil(whole)})


def test_every_spoilt_file_of_a_pulled_folder_is_found(published: Repository, tmp_path: Path) -> None:
    located = locate(NAME, Where(published.zoo))
    folder = tmp_path / "pulled"
    pull(located, folder)
    whole = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name, (spoil, expected) in SPOILS.items():
        for path, data in spoil(whole).items():
            (folder / path).unlink(missing_ok=True) if data is None else (folder / path).write_bytes(data)
        assert found(verify_folder(located, folder)) == expected, name
        for path in spoil(whole):
            (folder / path).write_bytes(whole[path]) if path in whole else (folder / path).unlink()


def test_a_folder_that_is_not_there_is_no_list_of_missing_files(published: Repository, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no such folder; `t4zoo pull"):
        verify_folder(locate(NAME, Where(published.zoo)), tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match="is no folder; name the one"):
        verify_folder(locate(NAME, Where(published.zoo)), tmp_path / "file")


def test_only_files_of_a_role_are_read(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = f"{spoilable.zoo}/{FOLDER}".removeprefix("s3://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/config.py", Body=b"another")
    located = locate(NAME, Where(spoilable.zoo))
    assert verify_zoo(located, roles=["onnx"]).files == 2 and found(verify_zoo(located, roles=["onnx"])) == []
    assert found(verify_zoo(located, roles=["config"])) == [("config.py", "other size")]
    told = spoilable.t4zoo("verify", NAME, "--zoo", spoilable.zoo, "--role", "onxx", check=False)
    assert told.code == 1 and "no file of the role 'onxx'" in told.err


def test_verify_names_what_is_wrong_and_fails(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = f"{spoilable.zoo}/{FOLDER}".removeprefix("s3://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/config.py", Body=b"another")
    told = spoilable.t4zoo("verify", NAME, "--zoo", spoilable.zoo, check=False)
    assert told.code == 1 and "config.py: other size" in told.err and told.out == ""


@pytest.mark.parametrize("address", ["s3", "http"])
def test_a_version_can_be_verified_by_its_address_alone(
    published: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, s3: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    base = published.zoo if address == "s3" else published.zoo.replace("s3://", f"{s3.endpoint}/")
    report = verify_zoo(locate(f"{base}/{FOLDER}/", Where()))
    assert (report.files, report.findings, report.unlisted) == (FILES, (), False)
