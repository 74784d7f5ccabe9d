import pytest
import torch
from mmengine.runner import CheckpointLoader

from t4zoo.models.common import checkpoint, loader


@pytest.fixture
def released(tmp_path, monkeypatch):
    """Two checkpoints of one file name below two addresses, and what was asked for."""
    monkeypatch.setattr(CheckpointLoader, "_schemes", dict(CheckpointLoader._schemes))
    asked = []
    for version in ("v1.0.0", "v1.1.0"):
        (tmp_path / version).mkdir()
        checkpoint.save(tmp_path / version / "epoch_50.pth", {"w": torch.tensor([float(version[3])])}, {"v": version})

    def fetch(reference):
        asked.append(reference)
        return tmp_path / ("v1.1.0" if "v1.1.0" in reference else "v1.0.0") / "epoch_50.pth"

    loader.register(fetch)
    return tmp_path, asked


@pytest.mark.parametrize("scheme", ["http://h", "https://h", "s3://b", "zoo://CenterPoint"])
def test_two_urls_that_end_in_the_same_file_name_are_two_checkpoints(released, scheme):
    urls = [f"{scheme}/t4base/{version}/epoch_50.pth" for version in ("v1.0.0", "v1.1.0")]
    loaded = [CheckpointLoader.load_checkpoint(url) for url in urls]
    assert [float(item["state_dict"]["w"]) for item in loaded] == [0.0, 1.0]
    assert released[1] == urls


def test_a_released_version_and_a_local_path_are_loaded_alike(released):
    root, asked = released
    for reference in ("CenterPoint/t4base@v1.1.0", str(root / "v1.1.0" / "epoch_50.pth"), str(root / "v1.1.0")):
        assert CheckpointLoader.load_checkpoint(reference, map_location="cpu")["meta"] == {"v": "v1.1.0"}
    assert asked == ["CenterPoint/t4base@v1.1.0"]


def test_nothing_that_a_local_file_contains_is_run(released):
    root, _ = released
    torch.save({"state_dict": {}, "meta": ValueError("an object of a class")}, root / "other.pth")
    with pytest.raises(checkpoint.CheckpointError, match=r"other\.pth"):
        CheckpointLoader.load_checkpoint(str(root / "other.pth"))
