import os
import pickle

import mmengine.fileio
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio.backends import registry_utils
from mmengine.runner import CheckpointLoader

from t4zoo.models.common import checkpoint, loader


def _restore(monkeypatch):
    """What a test registers with mmengine is gone after it."""
    monkeypatch.setattr(CheckpointLoader, "_schemes", dict(CheckpointLoader._schemes))
    for table in ("backends", "prefix_to_backends"):
        for name in list(getattr(registry_utils, table)):
            monkeypatch.setitem(getattr(registry_utils, table), name, getattr(registry_utils, table)[name])


@pytest.fixture
def released(tmp_path, monkeypatch):
    """Two checkpoints of one file name below two addresses, and what was asked for."""
    _restore(monkeypatch)
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


@pytest.mark.parametrize("scheme", ["http://h", "https://h", "s3://b", "zoo://CenterPoint"])
def test_mmengines_file_functions_read_what_a_url_names(tmp_path, monkeypatch, scheme):
    _restore(monkeypatch)
    asked = []

    def fetch(reference):
        asked.append(reference)
        return tmp_path / "config.py"

    loader.register(fetch)
    (tmp_path / "config.py").write_text("model = dict(type='Net')\n")
    url = f"{scheme}/t4base/v1.0.0/config.py"
    assert mmengine.fileio.get(url) == (tmp_path / "config.py").read_bytes()
    assert mmengine.fileio.get_text(url) == (tmp_path / "config.py").read_text()
    with mmengine.fileio.get_local_path(url) as path:
        assert Config.fromfile(path).model == {"type": "Net"}
    assert (tmp_path / "config.py").exists() and asked == [url] * 3


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_an_attack_behind_a_url_is_not_run(tmp_path, monkeypatch):
    _restore(monkeypatch)
    trap = tmp_path / "was here"
    torch.save({"state_dict": {}, "meta": Attack(str(trap))}, tmp_path / "new.pth")
    torch.save({"state_dict": Attack(str(trap))}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Attack(str(trap)), protocol=2))
    loader.register(lambda reference: tmp_path / reference.rpartition("/")[2])
    for name in ("new.pth", "old.pth", "bare.pth"):
        with pytest.raises(checkpoint.CheckpointError, match=name):
            CheckpointLoader.load_checkpoint(f"https://h/{name}")
        assert not trap.exists()
        if name == "bare.pth":
            pickle.loads((tmp_path / name).read_bytes())  # what it would have done
            assert trap.exists()
