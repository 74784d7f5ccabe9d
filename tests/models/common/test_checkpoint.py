import hashlib
import os

import pytest
import torch

from t4zoo.models.common import checkpoint
from t4zoo.models.common.checkpoint import Checkpoint, CheckpointError

WEIGHTS = {"heatmap.bias": torch.arange(5.0), "stem.weight": torch.ones(3, 2)}


def no_fetch(reference):
    raise AssertionError(f"{reference} should be found on this machine")


def saved(path, weights=WEIGHTS, **meta):
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(path, weights, meta)
    return path


def test_equal_weights_give_equal_bytes_under_any_name(tmp_path):
    first = saved(tmp_path / "epoch_1.pth", epoch=1)
    second = saved(tmp_path / "another.pth", {name: value.clone() for name, value in WEIGHTS.items()}, epoch=1)
    assert first.read_bytes() == second.read_bytes()
    assert checkpoint.digest(first) == hashlib.sha256(first.read_bytes()).hexdigest()


def test_what_was_saved_is_loaded(tmp_path):
    loaded = checkpoint.load(saved(tmp_path / "a.pth", class_names=["car"], epoch=3))
    assert loaded.meta == {"class_names": ["car"], "epoch": 3}
    assert all(torch.equal(loaded.state_dict[name], value) for name, value in WEIGHTS.items())


def test_a_checkpoint_that_would_run_something_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was here"),)

    torch.save({"state_dict": {}, "meta": Attack()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match=r"evil\.pth") as told:
        checkpoint.load(tmp_path / "evil.pth")
    assert "weights_only" not in str(told.value)  # torch's advice to let it run
    assert not (tmp_path / "was here").exists()


def test_a_checkpoint_that_names_a_class_outside_of_the_models_is_not_built(tmp_path):
    path = saved(tmp_path / "a.pth", model={"type": "subprocess.Popen", "args": ["true"]})
    with pytest.raises(CheckpointError, match=r"subprocess\.Popen"):
        checkpoint.build(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "epoch_1.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"epoch_1\.pth"):
        checkpoint.load(path)


def test_the_last_epoch_is_found_by_number_and_not_by_name(tmp_path):
    for epoch in (9, 10, 2):
        saved(tmp_path / f"epoch_{epoch}.pth")
    (tmp_path / "epoch_99.pth.part").touch()
    assert checkpoint.find(tmp_path).name == "epoch_10.pth"


def test_an_empty_folder_says_what_is_missing(tmp_path):
    with pytest.raises(CheckpointError, match="no epoch_"):
        checkpoint.find(tmp_path)


def test_a_reference_is_a_folder_a_file_or_a_yaml_that_names_one(tmp_path):
    path = saved(tmp_path / "train" / "epoch_2.pth")
    pinned = tmp_path / "pinned.yaml"
    pinned.write_text(f"checkpoint: {tmp_path}/train\nsha256: {checkpoint.digest(path)}\n")
    none = tmp_path / "scratch.yaml"
    none.write_text("# nothing\ncheckpoint: null\n")
    for reference in (path, path.parent, pinned):
        assert checkpoint.resolve(str(reference), no_fetch) == path
    assert checkpoint.resolve(str(none), no_fetch) is None


@pytest.mark.parametrize(
    "reference",
    ["CenterPoint/t4base@v1.0.0", "zoo://CenterPoint/t4base/v1.0.0/epoch_20.pth", "s3://b/a.pth", "https://h/a.pth"],
)
def test_versions_and_urls_are_fetched_directly_or_through_a_yaml(tmp_path, reference):
    asked = []
    (tmp_path / "a.pth").touch()

    def fetch(name):
        asked.append(name)
        return tmp_path / "a.pth"

    named = tmp_path / "parent.yaml"
    named.write_text(f"checkpoint: {reference}\n")
    assert checkpoint.resolve(reference, fetch) == checkpoint.resolve(str(named), fetch) == tmp_path / "a.pth"
    assert asked == [reference, reference]


def test_other_bytes_than_the_pinned_ones_are_refused(tmp_path):
    saved(tmp_path / "a.pth")
    pinned = tmp_path / "pinned.yaml"
    pinned.write_text(f"checkpoint: {tmp_path}/a.pth\nsha256: {'f' * 64}\n")
    with pytest.raises(CheckpointError, match="pins sha256 ffff"):
        checkpoint.resolve(str(pinned), no_fetch)


def test_a_pin_that_yaml_takes_for_a_number_is_still_a_pin(tmp_path):
    saved(tmp_path / "a.pth")
    (tmp_path / "pinned.yaml").write_text(f"checkpoint: {tmp_path}/a.pth\nsha256: {'0' * 64}\n")
    with pytest.raises(CheckpointError, match="pins sha256"):
        checkpoint.resolve(str(tmp_path / "pinned.yaml"), no_fetch)


@pytest.mark.parametrize("text", ["", "parent: x\n", "- checkpoint\n"])
def test_a_yaml_that_names_nothing_is_refused(tmp_path, text):
    (tmp_path / "parent.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=r"parent\.yaml"):
        checkpoint.resolve(str(tmp_path / "parent.yaml"), no_fetch)


def test_a_yaml_behind_a_url_is_followed_and_one_that_names_a_yaml_is_refused(tmp_path):
    path = saved(tmp_path / "a.pth")
    (tmp_path / "parent.yaml").write_text("checkpoint: zoo://CenterPoint/t4base/v1.0.0\n")
    files = {"https://h/parent.yaml": tmp_path / "parent.yaml", "zoo://CenterPoint/t4base/v1.0.0": path}
    assert checkpoint.resolve("https://h/parent.yaml", files.__getitem__) == path
    (tmp_path / "parent.yaml").write_text("checkpoint: https://h/parent.yaml\n")
    with pytest.raises(CheckpointError, match=r"names https://h/parent\.yaml"):
        checkpoint.resolve("https://h/parent.yaml", files.__getitem__)


def test_a_reference_to_nothing_is_named():
    with pytest.raises(CheckpointError, match="models/gone"):
        checkpoint.resolve("models/gone", no_fetch)


class Net(torch.nn.Module):
    class_weights = ("heatmap.weight", "heatmap.bias")

    def __init__(self, classes, width=4):
        super().__init__()
        self.class_names = tuple(str(i) for i in range(classes))
        self.stem, self.heatmap = torch.nn.Linear(2, width), torch.nn.Linear(width, classes)


def parent(classes, **options) -> Checkpoint:
    net = Net(classes, **options)
    return Checkpoint(net.state_dict(), {"class_names": list(net.class_names)})


def test_a_child_with_other_classes_takes_all_but_their_weights():
    model, start = Net(3), parent(5)
    own = model.heatmap.weight.clone()
    assert checkpoint.start_from(model, start, "p") == ["heatmap.weight", "heatmap.bias"]
    assert torch.equal(model.stem.weight, start.state_dict["stem.weight"])
    assert torch.equal(model.heatmap.weight, own)


def test_as_many_classes_in_another_order_are_other_classes():
    model, start = Net(3), parent(3)
    model.class_names = ("2", "1", "0")
    own = model.heatmap.weight.clone()
    assert checkpoint.start_from(model, start, "p") == ["heatmap.weight", "heatmap.bias"]
    assert torch.equal(model.stem.weight, start.state_dict["stem.weight"])
    assert torch.equal(model.heatmap.weight, own)


def test_a_parent_of_the_same_classes_is_taken_whole():
    model, start = Net(3), parent(3)
    assert checkpoint.start_from(model, start, "p") == []
    assert all(torch.equal(value, start.state_dict[name]) for name, value in model.state_dict().items())


def test_a_parent_of_another_width_is_refused():
    with pytest.raises(CheckpointError, match=r"some/parent.*stem"):
        checkpoint.start_from(Net(3), parent(3, width=8), "some/parent")


def test_a_parent_of_another_network_is_refused():
    with pytest.raises(CheckpointError, match="not the same network"):
        checkpoint.start_from(Net(3), Checkpoint({"else": torch.ones(1)}, {}), "p")
