"""The whole export from a checkpoint file, and that it stops where the bundle would not be the model."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import onnx
import pytest
import torch

from t4zoo.errors import UsageError
from t4zoo.export import bundle, onnx_file
from t4zoo.export.agreement import disagreement
from t4zoo.export.bundle_config import bundle_config
from t4zoo.export.node_boxes import NodeBoxes
from t4zoo.export.onnx_file import ExportError, Stamp
from t4zoo.export.query_parity import parity
from t4zoo.export.TransFusion.node_check import Bundle, check_cloud
from t4zoo.export.TransFusion.node_decode import every_box, scores
from t4zoo.export.TransFusion.parameters import BUNDLE_FILES, ONNX_FILES
from t4zoo.models.TransFusion.export import likeliest_boxes, parts
from tests.export.samples import compose_export, expected_origin, origin_of

NETWORK = ONNX_FILES["network"]


def run(folder, cloud: np.ndarray) -> tuple[NodeBoxes, np.ndarray]:
    """Every box and the scores of all classes of the bundle in `folder` for one cloud."""
    ready = Bundle(folder)
    outputs = ready.network.run(*ready.voxels(cloud)[:3])
    return every_box(outputs, ready.parameters), scores(outputs, ready.parameters)


def test_run_with_the_nodes_formulas_the_bundle_gives_the_models_own_predictions(made, model, clouds):
    for cloud in clouds:
        found = likeliest_boxes(model, torch.from_numpy(cloud))
        assert len(found.boxes) > 10
        assert disagreement(found, *run(made, cloud)).max() <= 1e-3


def test_each_of_the_models_boxes_has_a_query_that_is_best_in_its_class(made, model, clouds):
    found = likeliest_boxes(model, torch.from_numpy(clouds[0]))
    every, _ = run(made, clouds[0])
    for box, label, score in zip(found.boxes.numpy(), found.labels, found.scores, strict=True):
        here = np.abs(every.boxes[:, :3] - box[:3]).max(axis=1) < 1e-3
        assert int(label) in every.labels[here]
        assert float(score) == pytest.approx(every.scores[here].max(), abs=1e-4)


@pytest.mark.parametrize("turn", [np.pi / 2, np.pi, -np.pi / 2])
def test_a_heading_off_by_a_quarter_turn_is_a_disagreement(made, model, clouds, turn):
    found = likeliest_boxes(model, torch.from_numpy(clouds[0]))
    turned = found.boxes.clone()
    turned[:, 6] += turn
    assert disagreement(found._replace(boxes=turned), *run(made, clouds[0])).min() > 1e-3


def test_a_head_in_centerpoints_convention_of_length_and_heading_is_caught(model, clouds, copied, autoware):
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name, order, sign in (("rot", [1, 0], -1.0), ("dim", [1, 0, 2], 1.0)):
            last = other.head.branches[name][-1]
            last.weight.copy_(sign * last.weight[order])
            last.bias.copy_(sign * last.bias[order])
    onnx_file.write(copied / NETWORK, parts(other)[0], 17, Stamp("t4zoo", None, {}))
    cloud = torch.from_numpy(clouds[0])
    report = check_cloud(Bundle(copied), parts(other), likeliest_boxes(model, cloud), cloud, autoware.node)
    assert max(report.parity.values()) <= 1e-4  # the networks agree; only the decoding shows it
    assert report.difference > 0.1


def test_export_reports_what_each_frame_showed(weights, autoware, writing, proof, tmp_path):
    reports = bundle.export(weights, tmp_path / "export", autoware, writing, proof)
    assert {file.name for file in (tmp_path / "export").iterdir()} == BUNDLE_FILES
    assert len(reports) == proof.frames
    for report in reports:
        assert list(report.parity) == ["cls_score0", "bbox_pred0", "dir_cls_pred0"]
        assert 0 < max(report.parity.values()) <= 1e-4
        assert report.boxes > 10
        assert report.difference <= 1e-3
        assert report.crowded > 0
    assert "with more than 20 points" in str(reports[0])


def test_export_again_gives_the_same_bytes_in_every_file(weights, made, autoware, writing, proof, tmp_path):
    out = tmp_path / "export"
    bundle.export(weights, out, autoware, writing, proof)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == {
        file.name: file.read_bytes() for file in made.iterdir()
    }


def test_the_file_says_where_it_comes_from(weights, made):
    assert origin_of(made / NETWORK) == expected_origin("TransFusion", weights)


def test_the_network_takes_any_number_of_pillars(made, model):
    file, (part,) = onnx_file.OnnxFile(made / NETWORK), parts(model)
    rng = np.random.default_rng(0)
    for count in (1, 700):
        voxels = rng.normal(0, 5, (count, 20, 5)).astype(np.float32)
        held = rng.integers(1, 21, count).astype(np.int32)
        voxels[np.arange(20) >= held[:, None]] = 0
        cells = rng.permutation(128 * 128)[:count]
        coors = np.stack([0 * cells, 0 * cells, cells // 128, cells % 128], axis=1).astype(np.int32)
        outputs = file.run(voxels, held, coors)
        assert max(parity(outputs, onnx_file.computed(part, voxels, held, coors)).values()) <= 1e-4


def test_the_order_of_the_queries_is_no_difference_and_a_changed_query_is_one():
    rng = np.random.default_rng(0)
    wanted = {name: rng.normal(0, 1, (1, rows, 9)).astype(np.float32) for name, rows in (("a", 5), ("b", 8))}
    mixed = {name: value[:, :, ::-1] for name, value in wanted.items()}
    assert parity(mixed, wanted) == {"a": 0.0, "b": 0.0}
    mixed["b"] = mixed["b"].copy()
    mixed["b"][0, 2, 4] += 0.25
    assert parity(mixed, wanted) == {"a": 0.0, "b": pytest.approx(0.25, abs=1e-6)}
    doubled = {name: value[:, :, [0, 0, *range(2, 9)]] for name, value in wanted.items()}
    assert max(parity(doubled, wanted).values()) > 0.1


def test_the_file_holds_the_weights_and_no_empty_canvas(made, model):
    network = onnx.load(made / NETWORK)
    values = sum(parameter.numel() for parameter in model.parameters())
    assert len(network.SerializeToString()) < 4 * values * 1.2
    assert {node.op_type for node in network.graph.node}.isdisjoint({"Mod", "NonZero", "Loop", "If", "OneHot"})


@pytest.mark.parametrize(
    ("voxels_num", "says"),
    [
        ((5, 10, 100), r"fills \d+ voxels .* drop .*; raise the last of autoware.voxels_num .* from 100"),
        ((9000, 30000, 60000), r"fills \d+ voxels, and the node would skip the frame; lower the first .* from 9000"),
    ],
)
def test_a_frame_with_another_number_of_pillars_than_the_node_takes_stops(
    weights, autoware, writing, proof, tmp_path, voxels_num, says
):
    other = autoware.model_copy(update={"voxels_num": voxels_num})
    with pytest.raises(ExportError, match=says):
        bundle.export(weights, tmp_path / "export", other, writing, proof)
    assert not any(tmp_path.iterdir())


def test_a_difference_beyond_its_tolerance_stops_with_the_figures(weights, autoware, writing, proof, tmp_path):
    for change, says in (("parity_tolerance", "onnxruntime and torch differ by"), ("node_tolerance", "a box is")):
        with pytest.raises(ExportError, match=says):
            strict = dataclasses.replace(proof, **{change: 1e-12})
            bundle.export(weights, tmp_path / "export", autoware, writing, strict)


def test_a_bundle_of_another_algorithm_than_the_checkpoint_is_refused_with_what_to_add(
    weights, writing, proof, tmp_path
):
    other = bundle_config(compose_export().autoware)
    with pytest.raises(UsageError, match=r"is of the algorithm TransFusion, .* CenterPoint; add autoware=TransFusion"):
        bundle.export(weights, tmp_path / "export", other, writing, proof)
