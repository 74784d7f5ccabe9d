"""The whole export from a checkpoint file, and that it stops where the bundle would not be the model."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
import torch
from omegaconf import OmegaConf

from t4zoo.errors import UsageError
from t4zoo.export import bundle, onnx_file
from t4zoo.export.agreement import disagreement
from t4zoo.export.BEVFusion.node_check import Bundle, check_cloud
from t4zoo.export.BEVFusion.node_decode import every_box, scores
from t4zoo.export.BEVFusion.parameters import BUNDLE_FILES, ONNX_FILES
from t4zoo.export.bundle_config import bundle_config
from t4zoo.export.node_boxes import NodeBoxes
from t4zoo.export.onnx_file import ExportError, Stamp
from t4zoo.export.query_parity import parity
from t4zoo.models.BEVFusion.export import likeliest_boxes, parts
from t4zoo.models.BEVFusion.network import BEVFusion
from t4zoo.models.common import checkpoint
from tests.export.samples import (
    compose_export,
    expected_origin,
    make_cloud,
    make_model,
    origin_of,
    proof_of,
    write_workspace,
    writing_of,
)

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


@pytest.mark.parametrize("turn", [np.pi / 2, np.pi, -np.pi / 2])
def test_a_heading_off_by_a_quarter_turn_is_a_disagreement(made, model, clouds, turn):
    found = likeliest_boxes(model, torch.from_numpy(clouds[0]))
    turned = found.boxes.clone()
    turned[:, 6] += turn
    assert disagreement(found._replace(boxes=turned), *run(made, clouds[0])).min() > 1e-3


def test_a_box_of_another_class_is_a_disagreement(made, model, clouds):
    found = likeliest_boxes(model, torch.from_numpy(clouds[0]))
    sure = found.scores > 0.01
    others = (found.labels + 1) % len(model.class_names)
    assert sure.any()
    assert disagreement(found._replace(labels=others), *run(made, clouds[0]))[sure.numpy()].min() > 1e-3


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


def test_export_again_reports_the_same_and_gives_the_same_bytes(weights, made, autoware, writing, proof, tmp_path):
    out = tmp_path / "export"
    reports = bundle.export(weights, out, autoware, writing, proof)
    assert len(reports) == proof.frames
    for report in reports:
        assert list(report.parity) == ["bbox_pred", "score", "label_pred"]
        assert 0 < max(report.parity.values()) <= 1e-4
        assert report.boxes > 10
        assert report.difference <= 1e-3
        assert report.crowded > 0
    assert "voxels, " in str(reports[0]) and "with more than 10 points" in str(reports[0])
    assert {file.name for file in out.iterdir()} == BUNDLE_FILES
    assert {file.name: file.read_bytes() for file in out.iterdir()} == {
        file.name: file.read_bytes() for file in made.iterdir()
    }


def test_the_file_says_where_it_comes_from(weights, made):
    assert origin_of(made / NETWORK) == expected_origin("BEVFusion", weights)


def test_the_file_says_whose_it_is_and_which_version(weights, autoware, proof, tmp_path):
    bundle.export(weights, tmp_path / "export", autoware, bundle.Writing(17, "jp.example", "v1.12.3"), proof)
    network = onnx.load(tmp_path / "export" / NETWORK)
    assert (network.producer_name, network.domain, network.model_version) == ("t4zoo", "jp.example", 11203)


def test_the_network_takes_any_number_of_voxels(made, model):
    file, (part,) = onnx_file.OnnxFile(made / NETWORK), parts(model)
    rng = np.random.default_rng(0)
    for count in (1, 900):
        voxels = rng.normal(0, 5, (count, 10, 5)).astype(np.float32)
        held = rng.integers(1, 11, count).astype(np.int32)
        voxels[np.arange(10) >= held[:, None]] = 0
        places = rng.permutation(8 * 64 * 64)[:count]
        coors = np.stack(np.unravel_index(places, (8, 64, 64)), axis=1).astype(np.int32)
        outputs = file.run(voxels, held, coors)
        assert outputs["label_pred"].dtype == np.int64
        assert max(parity(outputs, onnx_file.computed(part, voxels, held, coors)).values()) <= 1e-4


def test_the_file_holds_the_weights_and_no_empty_volume(made, model):
    network = onnx.load(made / NETWORK)
    values = sum(parameter.numel() for parameter in model.parameters())
    assert len(network.SerializeToString()) < 4 * values * 1.2
    assert {node.domain for node in network.graph.node} <= {"", "ai.onnx"}  # nothing but what every engine has
    assert {node.op_type for node in network.graph.node}.isdisjoint({"Mod", "NonZero", "Loop", "If", "OneHot"})


def test_without_intensity_the_node_gives_four_columns_and_the_bundle_is_proven_on_them(tmp_path):
    cfg = compose_export("algorithm.network.point_features=[x,y,z,lag]", algorithm="BEVFusion")
    clouds = [make_cloud(seed) for seed in range(2)]
    model = make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds, BEVFusion)
    write_workspace(tmp_path, cfg, model, clouds)
    weights, out = tmp_path / "models/BEVFusion/t4base/train/epoch_3.pth", tmp_path / "export"
    autoware = bundle_config(OmegaConf.to_container(cfg.autoware))
    reports = bundle.export(weights, out, autoware, writing_of(cfg), proof_of(tmp_path, cfg))
    assert max(report.difference for report in reports) <= 1e-3
    assert Bundle(out).parameters["use_intensity"] is False


def test_a_checkpoint_of_sparse_convolutions_is_exported_in_its_dense_form(
    weights, made, autoware, writing, proof, tmp_path
):
    loaded = checkpoint.load(weights)
    loaded.meta["model"]["encoder"]["convolution"] = "sparse"
    checkpoint.save(tmp_path / weights.name, loaded.state_dict, loaded.meta)
    bundle.export(tmp_path / weights.name, tmp_path / "export", autoware, writing, proof)
    sparse, dense = (onnx.load(folder / NETWORK).graph for folder in (tmp_path / "export", made))
    assert sparse.SerializeToString(deterministic=True) == dense.SerializeToString(deterministic=True)


def test_a_grid_too_large_for_its_empty_voxels_is_refused_with_its_size(model):
    other = copy.deepcopy(model)
    limits = (-12800.0, -12800.0, -3.0, 12800.0, 12800.0, 5.0)
    other.grid = type(model.grid)(limits, voxel_size=(0.1, 0.1, 0.2), max_points=10)
    with pytest.raises(UsageError, match=r"40 x 256000 x 256000 voxels .* takes \d+ GiB, and this machine has \d+ GiB"):
        parts(other)


def test_a_frame_with_more_voxels_than_the_node_takes_stops(weights, autoware, writing, proof, tmp_path):
    other = autoware.model_copy(update={"voxels_num": (1, 10, 100)})
    says = (
        r"fills \d+ voxels .* drop .*; raise the last of autoware.voxels_num in conf/autoware/BEVFusion.yaml from 100"
    )
    with pytest.raises(ExportError, match=says):
        bundle.export(weights, tmp_path / "export", other, writing, proof)
    assert not any(tmp_path.iterdir())
