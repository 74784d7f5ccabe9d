import math

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from t4zoo.dataset import LidarDataset, Sample, collate
from t4zoo.errors import UsageError
from t4zoo.evaluate.score import Rules, score
from t4zoo.models.common import checkpoint
from t4zoo.models.common.inference import predict
from t4zoo.models.TransFusion.network import TransFusion
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import read_scene
from t4zoo.t4.synth_scene import CONCAT, ScenePlan, write_scene
from tests.models.street import CLASSES
from tests.pipeline import ROOT

STEPS = 150
NONE = Sample(torch.zeros(0, 7), torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))


def settings(name="tiny") -> dict:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"algorithm=TransFusion/{name}"])
    return OmegaConf.to_container(cfg.algorithm.network, resolve=True)


def network(**changes) -> TransFusion:
    torch.manual_seed(0)
    arguments = settings() | changes
    arguments.pop("type")
    return TransFusion(**arguments)


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory):
    """A network that has seen the frames of one scene many times, the frames, and their data root."""
    torch.set_num_threads(1)
    root, plan = tmp_path_factory.mktemp("data"), ScenePlan("db", "train", 0, 3, CONCAT)
    write_scene(root / "db" / plan.key, plan)
    labels = LabelMap(CLASSES, {name: name for name in CLASSES})
    frames, model = frames_of(read_scene(root / "db" / plan.id), "db", FrameSettings(labels, max_sweeps=1)), network()
    ranges = model.point_cloud_range
    data = LidarDataset(frames, root, model.point_features, ranges, model.max_sweeps, min_points=1)
    batch = collate([data[i] for i in range(len(frames))])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.004, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.004, total_steps=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        sum(model(**batch, mode="loss").values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 35)
        optimizer.step()
        schedule.step()
    return model.eval(), frames, root


def test_a_scene_can_be_learnt_by_heart(overfitted):
    model, frames, root = overfitted
    found = [rows for _, rows in predict(model, frames, root, "m")]
    rules = Rules((0.5, 1.0, 2.0, 4.0), 2.0, 0.1, 0.1, ((0.0, 16.0),))
    result = score(frames, found, CLASSES, rules)
    truths = sum(one.truths for one in result.overall.classes)
    assert truths > 20
    assert result.overall.mean_precision > 0.95
    assert result.overall.mean_error("orientation") < 0.2


def test_predictions_are_the_same_one_by_one_and_together(overfitted):
    model, frames, root = overfitted
    one, many = (list(predict(model, frames, root, "m", batch_size=size)) for size in (1, 3))
    for (_, mine), (_, theirs) in zip(one, many, strict=True):
        assert mine.ids == theirs.ids
        np.testing.assert_allclose(mine.boxes, theirs.boxes, atol=1e-3)


def test_predictions_are_sorted_sure_and_apart(overfitted):
    model, frames, root = overfitted
    for _, found in predict(model, frames, root, "m"):
        assert (np.diff(found.scores) <= 0).all()
        assert (found.scores >= model.head.score_threshold).all()
        gaps = np.linalg.norm(found.boxes[:, None, :2] - found.boxes[None, :, :2], axis=2)
        assert (gaps + 99 * np.eye(len(found)) >= model.head.nms_distance).all()


def test_a_saved_model_predicts_what_it_predicted(overfitted, tmp_path):
    model, frames, root = overfitted
    checkpoint.save(tmp_path / "epoch_1.pth", model.state_dict(), {"model": settings()})
    again, _ = checkpoint.build(tmp_path / "epoch_1.pth")
    for (_, found), (_, before) in zip(
        predict(again, frames, root, "m"), predict(model, frames, root, "m"), strict=True
    ):
        np.testing.assert_array_equal(found.boxes, before.boxes)
        np.testing.assert_array_equal(found.scores, before.scores)


def test_queries_are_chosen_where_the_map_is_highest_and_know_their_class():
    head = network().head
    heat = torch.full((1, 5, 32, 32), 0.01)
    heat[0, 0, 4, 20] = 0.9  # a car
    heat[0, 0, 4, 21] = 0.8  # the same car's next cell: no peak
    heat[0, 4, 9, 3], heat[0, 4, 9, 4] = 0.7, 0.6  # two pedestrians side by side
    values, labels, cells = head._choose(heat)
    assert values[0, :3].tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert labels[0, :3].tolist() == [0, 4, 4]
    assert cells[0, :3].tolist() == [4 * 32 + 20, 9 * 32 + 3, 9 * 32 + 4]
    assert head.middles[cells[0, 0]].tolist() == [20.5, 4.5]


def test_of_equal_places_the_first_are_chosen():
    head = network().head
    _, labels, cells = head._choose(torch.full((2, 5, 32, 32), 0.01))
    assert labels.unique().tolist() == [0]
    assert cells.tolist() == [list(range(40))] * 2


def test_the_order_of_the_queries_changes_no_box():
    # Attention knows no order: what a query says follows from its place, its class and what the others are.
    head = network().eval().head
    rows = torch.rand(1, 40, 48)
    mixed = torch.randperm(40)
    places, flat, grid = torch.rand(1, 40, 48), torch.rand(1, 1024, 48), torch.rand(1, 1024, 48)
    before = head.decoder(rows, places, flat, grid)
    after = head.decoder(rows[:, mixed], places[:, mixed], flat, grid)
    torch.testing.assert_close(after, before[:, mixed])


def test_a_point_far_to_the_left_stands_in_high_rows_and_middle_columns():
    canvas = network().eval().canvas([torch.tensor([[0.1, 15.9, 0.0, 50.0, 0.0]])])
    assert canvas.shape == (1, 24, 128, 128)
    assert canvas.abs().sum(dim=(0, 1)).nonzero().tolist() == [[127, 64]]


def test_a_pillar_holds_twenty_points_as_in_the_node():
    cloud = torch.cat([torch.full((30, 2), 0.1), torch.rand(30, 3)], dim=1)
    model = network().eval()
    torch.testing.assert_close(model.canvas([cloud]), model.canvas([cloud[:20]]))
    assert not torch.equal(model.canvas([cloud]), model.canvas([cloud[:19]]))


@pytest.mark.parametrize("cloud", [torch.rand(50, 5), torch.full((3, 5), 99.0)], ids=["some points", "none in range"])
def test_a_frame_without_objects_can_be_learnt_from(cloud):
    losses = network().forward([cloud] * 2, [NONE, NONE], mode="loss")
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert losses["loss_centre"] == 0


def test_a_cloud_without_points_in_range_gives_boxes_of_no_consequence(overfitted):
    model, _, _ = overfitted
    (found,) = model.predict([torch.full((3, 5), 99.0)])
    assert found.boxes.shape[1] == 7
    assert torch.isfinite(found.boxes).all()


def test_unknown_velocities_are_not_learnt_from():
    model, boxes = network(), torch.tensor([[1.0, 2.0, 0.0, 4.0, 2.0, 1.5, 0.3]])
    sample = Sample(boxes, torch.full((1, 2), torch.nan), torch.tensor([0]))
    losses = model.forward([torch.rand(50, 5)] * 2, [sample, sample], mode="loss")
    assert losses["loss_vel"] == 0
    assert losses["loss_centre"] > 0
    sum(losses.values()).backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


def test_it_learns_in_half_precision():
    model, boxes = network(), torch.tensor([[1.0, 2.0, 0.0, 4.0, 2.0, 1.5, 0.3]])
    sample = Sample(boxes, torch.zeros(1, 2), torch.tensor([0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = model.forward([torch.rand(50, 5)] * 2, [sample, sample], mode="loss")
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(value.grad.isfinite().all() for value in model.parameters())


def test_every_weight_is_learnt():
    model, boxes = network(), torch.tensor([[1.0, 2.0, 0.0, 4.0, 2.0, 1.5, 0.3]])
    sample = Sample(boxes, torch.zeros(1, 2), torch.tensor([0]))
    sum(model.forward([torch.rand(50, 5)] * 2, [sample, sample], mode="loss").values()).backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_the_weights_that_belong_to_classes_are_those_whose_shape_follows_their_number():
    five, two = (network(class_names=CLASSES[:n]).state_dict() for n in (5, 2))
    assert {name for name in five if five[name].shape != two[name].shape} == set(TransFusion.class_weights)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"point_cloud_range": [-16.0, -16.0, -3.0, 16.5, 16.0, 5.0]}, "divide"),
        ({"point_features": ["x", "y", "z", "lag"]}, r"node gives \['x', 'y', 'z', 'intensity', 'lag'\]"),
        ({"neck": {"channels": [24, 32, 32], "strides": [1, 2, 4]}}, "2 times as coarse .* cells of 4 pillars"),
        ({"neck": {"channels": [24, 32, 32], "strides": [1, 2, 2]}}, "unequal"),
    ],
)
def test_what_the_node_could_not_run_is_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        network(**changes)


def test_the_full_size_has_the_grid_and_the_queries_of_the_vehicles():
    arguments = settings("base")
    arguments.pop("type")
    with torch.device("meta"):
        model = TransFusion(**arguments)
    assert model.grid.shape == (768, 768)
    assert (model.head.shape, model.head.queries, model.downsample) == ((192, 192), 500, 4)
    assert math.isclose(model.head.coder.cell_size[0], 0.96)


def test_more_queries_than_cells_are_refused():
    with pytest.raises(UsageError, match="queries is 9000"):
        network(head=settings()["head"] | {"queries": 9000})
