"""A foreign model with its weights answers about frames, or refuses what is not its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from t4zoo.errors import UsageError
from t4zoo.far_scenes.inventory import encode, write_inventory
from t4zoo.far_scenes.pointer import Pointer, write_pointer
from t4zoo.info import Info, save
from t4zoo.models.common import checkpoint
from t4zoo.models.foreign.configuration import Source
from t4zoo.models.foreign.detector import Detector, open_detector
from tests.models.foreign.test_training import CONFIG, ELSEWHERE, no_fetch
from tests.models.street import CLASSES, make_frames


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ELSEWHERE))


@pytest.fixture
def weights(tmp_path) -> Path:
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 35)
    saved = {f"head.fc.{name}": value for name, value in layer.state_dict().items()}
    checkpoint.save(tmp_path / "train" / "epoch_1.pth", saved, {"algorithm": "Parrot", "name": "tiny"})
    return tmp_path / "train" / "epoch_1.pth"


def detector(path: Path, **overrides) -> Detector:
    return open_detector(Source(str(CONFIG), overrides=overrides), path, "cpu", no_fetch)


def asked_about(folder: Path) -> dict[str, str]:
    """Overrides that give the model's own judge an info file of `folder`."""
    save(folder / "info.pkl", Info(CLASSES, "street", tuple(make_frames(folder, 2))))
    return {"test_dataloader.dataset.ann_file": "info.pkl", "test_dataloader.dataset.data_root": str(folder)}


def test_frames_have_the_same_boxes_alone_and_together(tmp_path, weights):
    frames = make_frames(tmp_path, 3)
    together = [rows for _, rows in detector(weights).predict(frames, tmp_path, "Parrot/tiny@x", 2, 0)]
    alone = [
        next(iter(detector(weights).predict([frame], tmp_path, "Parrot/tiny@x", 1, 0)))[1] for frame in frames[::-1]
    ][::-1]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-5)
        assert one.ids == other.ids and one.labels.tolist() == [4, 3, 2, 1, 0]


def test_it_is_called_what_its_checkpoint_says_or_else_by_its_type_and_file(tmp_path, weights):
    found = detector(weights)
    assert (found.algorithm, found.model, found.class_names) == ("Parrot", "tiny", CLASSES)
    checkpoint.save(tmp_path / "parrot_300e-0.pth", checkpoint.load(weights).state_dict, {})
    assert (detector(tmp_path / "parrot_300e-0.pth").model, found.algorithm) == ("parrot_300e-0", "Parrot")


def test_weights_as_several_gpus_had_them_are_the_same(tmp_path, weights):
    wrapped = {f"module.{name}": value for name, value in checkpoint.load(weights).state_dict.items()}
    checkpoint.save(tmp_path / "wrapped.pth", wrapped, {})
    for name, value in detector(tmp_path / "wrapped.pth").network.state_dict().items():
        assert torch.equal(value, wrapped[f"module.{name}"])


def test_weights_that_are_missing_or_of_another_shape_are_refused(tmp_path, weights):
    with pytest.raises(checkpoint.CheckpointError, match=r"1 of its weights are missing .* as head\.fc\.weight"):
        _ = detector(weights, **{"model.head.cells": 4}).network
    with pytest.raises(checkpoint.CheckpointError, match="not of the model that the configuration names"):
        detector(weights, **{"model.head.classes": 6, **asked_about(tmp_path)}).judge()


def test_a_configuration_without_a_test_is_sent_to_our_judge(weights):
    with pytest.raises(UsageError, match=r"has no test_evaluator to judge by; foreign\.judge=boxes"):
        detector(weights, test_evaluator=None).judge()


def test_a_dataset_that_leaves_frames_out_is_refused(tmp_path, weights):
    frames = make_frames(tmp_path, 3)
    joined = {"_delete_": True, "type": "ConcatDataset", "datasets": [{"type": "Cage"}, {"type": "Cage"}]}
    with pytest.raises(UsageError, match="2 datasets; one is needed"):
        list(detector(weights, **{"test_dataloader.dataset": joined}).predict(frames, tmp_path, "x", 2, 0))


def test_clouds_in_a_bucket_are_refused_since_its_own_code_reads_them(tmp_path, weights):
    write_pointer(tmp_path / "far", Pointer("s3://bucket/scenes"))
    write_inventory(tmp_path / "far", {"a/0": encode({"data/cloud.bin": (20, "tag")})})
    frames = [dataclasses.replace(frame, lidar_path="far/a/0/data/cloud.bin") for frame in make_frames(tmp_path, 1)]
    with pytest.raises(UsageError, match="is in a bucket, and a model that is not ours reads clouds by itself"):
        list(detector(weights).predict(frames, tmp_path, "x", 1, 0))
