"""The name under which a model signs."""

from __future__ import annotations

from pathlib import Path

import pytest

from t4zoo.models.common.signature import signature

SHA = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("CenterPoint/t4base@v1.0.0", "v1.0.0"),
        ("CenterPoint/t4base@v1.2.3-shibuya.2", "v1.2.3-shibuya.2"),
        ("zoo://CenterPoint/t4base/v1.0.0/epoch_20.pth", "v1.0.0"),
        ("zoo://CenterPoint/t4base/v1.0.0", "v1.0.0"),
        ("zoo://CenterPoint/t4base@v1.0.0", "v1.0.0"),
        ("s3://bucket/prefix/autoware-ml/models/CenterPoint/t4base/v1.0.0/epoch_20.pth", "v1.0.0"),
        ("https://host/autoware-ml/models/CenterPoint/t4base/v10.0.1-release/epoch_20.pth", "v10.0.1-release"),
    ],
)
def test_a_released_version_signs_with_its_version(reference: str, version: str) -> None:
    assert signature("CenterPoint", "t4base", reference, SHA) == f"CenterPoint/t4base@{version}"


@pytest.mark.parametrize(
    "reference",
    [
        "models/CenterPoint/t4base/train",
        "/somewhere/epoch_20.pth",
        "https://host/weights/epoch_20.pth",
        "https://host/CenterPoint/t4base/v1/epoch_20.pth",
        "zoo://TransFusion/t4base/v1.0.0/epoch_20.pth",  # what it names is not what the checkpoint says that it is
        "CenterPoint/t4x2@v1.0.0",
    ],
)
def test_anything_else_signs_with_the_digest_of_its_weights(reference: str) -> None:
    assert signature("CenterPoint", "t4base", reference, SHA) == "CenterPoint/t4base@sha256:0123456789ab"


def test_a_file_on_disk_is_no_release_whatever_its_path_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "CenterPoint" / "t4base" / "v1.0.0" / "epoch_20.pth"
    path.parent.mkdir(parents=True)
    path.touch()
    assert signature("CenterPoint", "t4base", str(path), SHA) == "CenterPoint/t4base@sha256:0123456789ab"


def test_a_yaml_signs_as_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "released.yaml"
    path.write_text("checkpoint: CenterPoint/t4base@v1.0.0\n")
    assert signature("CenterPoint", "t4base", str(path), SHA) == "CenterPoint/t4base@v1.0.0"
