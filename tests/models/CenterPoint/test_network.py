import math

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from t4zoo.dataset import LidarDataset, Sample, collate
from t4zoo.errors import UsageError
from t4zoo.models.CenterPoint.head import CenterMaps
from t4zoo.models.CenterPoint.network import CenterPoint
from t4zoo.models.common import checkpoint
from t4zoo.models.common.inference import predict
from tests.models.street import CLASSES, make_frames
from tests.pipeline import ROOT

STEPS = 100


def settings(name="tiny") -> dict:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"algorithm=CenterPoint/{name}"])
    return OmegaConf.to_container(cfg.algorithm.network, resolve=True)


def network(**changes) -> CenterPoint:
    torch.manual_seed(0)
    arguments = settings() | changes
    arguments.pop("type")
    return CenterPoint(**arguments)


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory):
    """A network that has seen two frames many times, the frames, and their data root."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("data")
    frames, model = make_frames(root, 2), network()
    data = LidarDataset(frames, root, model.point_features, model.point_cloud_range, model.max_sweeps)
    batch = collate([data[0], data[1]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.006, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.006, total_steps=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        sum(model(**batch, mode="loss").values()).backward()
        optimizer.step()
        schedule.step()
    return model.eval(), frames, root


def test_two_frames_can_be_learnt_by_heart(overfitted):
    model, frames, root = overfitted
    for frame, found in predict(model, frames, root, "m"):
        sure = found.take(found.scores > 0.3)
        assert sorted(sure.labels.tolist()) == [0, 1, 2, 3, 4]
        for label in range(len(CLASSES)):
            box, truth = sure.boxes[sure.labels == label][0], frame.instances.boxes[label]
            assert np.hypot(*(box[:2] - truth[:2])) < 0.1, CLASSES[label]
            np.testing.assert_allclose(box[3:6], truth[3:6], rtol=0.05)
            assert abs(math.remainder(box[6] - truth[6], 2 * math.pi)) < 0.05, CLASSES[label]


def test_ids_of_predictions_are_the_same_in_every_run_and_never_twice(overfitted):
    model, frames, root = overfitted
    first, second = (list(predict(model, frames, root, "m", batch_size=size)) for size in (1, 2))
    ids = [name for _, found in first for name in found.ids]
    assert ids == [name for _, found in second for name in found.ids]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {name for _, found in predict(model, frames, root, "other") for name in found.ids}


def test_predictions_are_sorted_told_and_apart(overfitted):
    model, frames, root = overfitted
    told = []
    for _, found in predict(model, frames, root, "m", batch_size=1, progress=lambda *done: told.append(done)):
        assert (np.diff(found.scores) <= 0).all()
        assert (found.scores >= model.head.score_threshold).all()
        gaps = np.linalg.norm(found.boxes[:, None, :2] - found.boxes[None, :, :2], axis=2)
        assert (gaps + 99 * np.eye(len(found)) >= model.head.nms_distance).all()
    assert told == [(1, 2), (2, 2)]


def test_a_cloud_without_points_in_range_gives_boxes_of_no_consequence(overfitted):
    model, _, _ = overfitted
    (found,) = model.predict([torch.full((3, 4), 99.0)])
    assert found.boxes.shape[1] == 7
    assert torch.isfinite(found.boxes).all()


def test_the_maps_stand_in_the_order_in_which_the_node_binds_them():
    maps = network().eval().forward([torch.rand(50, 4)])
    assert CenterMaps._fields == ("heatmap", "reg", "height", "dim", "rot", "vel")
    assert [tuple(item.shape) for item in maps] == [(1, channels, 32, 32) for channels in (5, 2, 1, 3, 2, 2)]


def test_points_far_to_the_left_appear_in_high_rows_and_middle_columns():
    canvas = network().eval().canvas([torch.tensor([[0.1, 15.9, 0.0, 0.0]])])
    assert canvas.shape == (1, 32, 64, 64)
    assert canvas.abs().sum(dim=(0, 1)).nonzero().tolist() == [[63, 32]]


def test_a_frame_without_objects_can_be_learnt_from():
    none = Sample(torch.zeros(0, 7), torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))
    losses = network().forward([torch.rand(50, 4)] * 2, [none, none], mode="loss")
    assert all(value.isfinite() for value in losses.values())
    assert losses["loss_reg"] == 0


def test_clouds_without_points_in_range_do_not_stop_the_training():
    none = Sample(torch.zeros(0, 7), torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))
    losses = network().forward([torch.full((3, 4), 99.0)] * 2, [none, none], mode="loss")
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())


def test_unknown_velocities_are_not_learnt_from():
    model, boxes = network(), torch.tensor([[1.0, 2.0, 0.0, 4.0, 2.0, 1.5, 0.3]])
    label = torch.tensor([0])
    sample = Sample(boxes, torch.full((1, 2), torch.nan), label)
    losses = model.forward([torch.rand(50, 4)] * 2, [sample, sample], mode="loss")
    assert losses["loss_vel"] == 0
    assert all(value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


def test_a_saved_model_predicts_what_it_predicted(overfitted, tmp_path):
    model, frames, root = overfitted
    checkpoint.save(tmp_path / "epoch_1.pth", model.state_dict(), {"model": settings()})
    again, _ = checkpoint.build(tmp_path / "epoch_1.pth")
    for (_, found), (_, before) in zip(
        predict(again, frames, root, "m"), predict(model, frames, root, "m"), strict=True
    ):
        np.testing.assert_array_equal(found.boxes, before.boxes)
        np.testing.assert_array_equal(found.scores, before.scores)


def test_the_weights_that_belong_to_classes_are_those_whose_shape_follows_their_number():
    five, two = (network(class_names=CLASSES[:n]).state_dict() for n in (5, 2))
    assert len(CLASSES) == 5
    assert tuple(name for name in five if five[name].shape != two[name].shape) == CenterPoint.class_weights


def test_a_range_that_the_strides_do_not_divide_is_refused():
    with pytest.raises(UsageError, match="divide"):
        network(point_cloud_range=[-16.0, -16.0, -3.0, 16.5, 16.0, 5.0])


def test_neck_levels_that_do_not_fit_together_are_refused():
    neck = settings()["neck"] | {"strides": [1, 2, 2]}
    with pytest.raises(UsageError, match="unequal"):
        network(neck=neck)


def test_the_full_size_has_the_grid_and_the_stride_of_the_vehicles():
    arguments = settings("base")
    arguments.pop("type")
    with torch.device("meta"):
        model = CenterPoint(**arguments)
    assert model.grid.shape == (760, 760)
    assert (model.downsample, model.in_features, model.encoder.out_channels) == (1, 9, 32)
