"""The whole export from a checkpoint file, and that it stops where the bundle would not be the model."""

from __future__ import annotations

import copy
import dataclasses
import shutil

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from t4zoo.errors import T4zooError, UsageError
from t4zoo.export import bundle, by_algorithm, onnx_file
from t4zoo.export.agreement import disagreement
from t4zoo.export.bundle_config import bundle_config
from t4zoo.export.CenterPoint.node_check import Bundle, check_cloud
from t4zoo.export.CenterPoint.node_decode import every_box, scores
from t4zoo.export.CenterPoint.parameters import BUNDLE_FILES, ONNX_FILES
from t4zoo.export.gate import BundleError
from t4zoo.export.onnx_file import ExportError
from t4zoo.models.CenterPoint.export import likeliest_boxes, parts
from t4zoo.models.common import checkpoint
from tests.export.samples import compose_export, make_cloud, make_model, write_workspace


def run(folder, cloud: np.ndarray):
    """Every box and the scores of all classes of the bundle in `folder` for one cloud."""
    ready = Bundle(folder)
    pillars = ready.pillars(cloud)
    maps = ready.head.run(ready.canvas(pillars, ready.encoder.run(pillars.features)))
    return every_box(maps, ready.model), scores(maps)


def test_run_with_the_nodes_formulas_the_bundle_gives_the_models_own_predictions(made, model, clouds):
    for cloud in clouds:
        [found] = model.predict([torch.from_numpy(cloud)])
        assert len(found.boxes) > 50
        assert disagreement(found, *run(made, cloud)).max() <= 1e-3


def test_a_heading_off_by_a_quarter_turn_is_a_disagreement(made, model, clouds):
    [found] = model.predict([torch.from_numpy(clouds[0])])
    every, by_class = run(made, clouds[0])
    for turn in (np.pi / 2, np.pi, -np.pi / 2):
        turned = found.boxes.clone()
        turned[:, 6] += turn
        assert disagreement(found._replace(boxes=turned), every, by_class).min() > 1e-3


@pytest.mark.parametrize("column", range(9))
def test_each_number_of_a_box_is_compared(made, model, clouds, column):
    [found] = model.predict([torch.from_numpy(clouds[0])])
    every, by_class = run(made, clouds[0])
    boxes, velocities = found.boxes.clone(), found.velocities.clone()
    (boxes if column < 7 else velocities)[:, column if column < 7 else column - 7] += 0.5
    shifted = found._replace(boxes=boxes, velocities=velocities)
    assert disagreement(shifted, every, by_class).min() > 1e-3


def test_a_head_in_the_usual_convention_of_length_and_heading_is_caught(model, clouds, copied, autoware):
    # sin and cos of the heading itself, and length before width: what a node-ignorant head would be exported as.
    usual = copy.deepcopy(model)
    with torch.no_grad():
        for name, order, sign in (("rot", [1, 0], -1.0), ("dim", [1, 0, 2], 1.0)):
            last = usual.head.branches[name][-1]
            last.weight.copy_(sign * last.weight[order])
            last.bias.copy_(sign * last.bias[order])
    onnx_file.write(copied / ONNX_FILES["head"], parts(usual)[1], 17, onnx_file.Stamp("t4zoo", None, {}))
    cloud = torch.from_numpy(clouds[0])
    report = check_cloud(Bundle(copied), parts(usual), likeliest_boxes(model, cloud), cloud, autoware.node)
    assert max(report.parity.values()) <= 1e-4  # the networks agree; only the decoding shows it
    assert report.difference > 0.1


def test_export_reports_what_each_frame_showed(weights, autoware, writing, proof, tmp_path):
    reports = bundle.export(weights, tmp_path / "export", autoware, writing, proof)
    assert len(reports) == proof.frames
    for report in reports:
        assert list(report.parity) == ["pillar_features", "heatmap", "reg", "height", "dim", "rot", "vel"]
        assert 0 < max(report.parity.values()) <= 1e-4
        assert report.boxes > 50
        assert report.difference <= 1e-3
        assert report.crowded > 0
    assert "differ by" in str(reports[0])


@pytest.mark.parametrize(
    ("point_features", "centre_z", "size"),
    [("[x,y,z,lag]", "true", 10), ("[x,y,z,intensity,lag]", "true", 11)],
)
def test_every_set_of_point_features_that_the_node_computes_is_exported_and_proven(
    tmp_path, proof, point_features, centre_z, size
):
    network = "algorithm.network"
    cfg = compose_export(f"{network}.point_features={point_features}", f"{network}.centre_z={centre_z}")
    clouds = [make_cloud(seed, point_features.count(",") + 1) for seed in range(2)]
    model = make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds)
    write_workspace(tmp_path, cfg, model, clouds)
    weights, out = tmp_path / "models/CenterPoint/t4base/train/epoch_3.pth", tmp_path / "export"
    own = dataclasses.replace(proof, info=tmp_path / "info/base/info_test.pkl", data_root=tmp_path / "data/t4dataset")
    reports = bundle.export(
        weights, out, bundle_config(OmegaConf.to_container(cfg.autoware)), bundle.Writing(17, "t4zoo", None), own
    )
    assert max(report.difference for report in reports) <= 1e-3
    assert Bundle(out).model["encoder_in_feature_size"] == size


def test_export_again_gives_the_same_bytes_in_every_file(weights, made, autoware, writing, proof, tmp_path):
    out = tmp_path / "export"
    bundle.export(weights, out, autoware, writing, proof)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == {
        file.name: file.read_bytes() for file in made.iterdir()
    }


def test_export_replaces_what_stood_there_whole_and_leaves_nothing_else(weights, autoware, writing, proof, tmp_path):
    out = tmp_path / "export"
    out.mkdir()
    (out / "pts_voxel_encoder.onnx").write_bytes(b"of last year")
    bundle.export(weights, out, autoware, writing, proof)
    assert {file.name for file in out.iterdir()} == BUNDLE_FILES
    assert (out / "pts_voxel_encoder.onnx").read_bytes() != b"of last year"
    assert [file.name for file in tmp_path.iterdir()] == ["export"]


def test_export_never_replaces_a_folder_with_a_strangers_file(weights, autoware, writing, proof, tmp_path):
    out = tmp_path / "export"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(T4zooError, match=r"holds notes\.txt, which would be lost"):
        bundle.export(weights, out, autoware, writing, proof)
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("tolerances", "says"),
    [
        ({"parity_tolerance": 1e-12}, r"onnxruntime and torch differ by .* \(onnx.tolerance: 1e-12\); all outputs"),
        ({"node_tolerance": 1e-12}, r"a box is .* from the model's \(node_check.tolerance: 1e-12\)"),
    ],
)
def test_a_difference_beyond_its_tolerance_stops_with_the_figures(
    weights, made, autoware, writing, proof, tmp_path, tolerances, says
):
    out = shutil.copytree(made, tmp_path / "export")
    before = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    with pytest.raises(ExportError, match=says):
        bundle.export(weights, out, autoware, writing, dataclasses.replace(proof, **tolerances))
    assert {file.name: file.stat().st_mtime_ns for file in out.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["export"]


def test_a_weight_that_is_not_a_number_stops_the_export(weights, autoware, writing, proof, tmp_path):
    loaded = checkpoint.load(weights)
    loaded.state_dict["head.branches.vel.1.bias"][0] = float("nan")
    checkpoint.save(tmp_path / "epoch_1.pth", loaded.state_dict, loaded.meta)
    with pytest.raises(ExportError, match="differ by nan in vel"):
        bundle.export(tmp_path / "epoch_1.pth", tmp_path / "export", autoware, writing, proof)


def test_a_bundle_that_the_node_would_not_take_stops_with_its_findings(weights, autoware, writing, proof, tmp_path):
    old = autoware.model_copy(update={"version": "v4.0"})
    with pytest.raises(BundleError, match=r"does not read 'v4.0'; write v4.1"):
        bundle.export(weights, tmp_path / "export", old, writing, proof)
    assert not any(tmp_path.iterdir())


def test_a_frame_with_more_pillars_than_the_bundle_allows_stops_with_the_number(
    weights, autoware, writing, proof, tmp_path
):
    small = autoware.model_copy(update={"max_voxel_size": 100})
    with pytest.raises(ExportError, match=r"fills \d+ pillars .* raise autoware.max_voxel_size from 100"):
        bundle.export(weights, tmp_path / "export", small, writing, proof)


def test_a_product_with_other_classes_than_the_model_is_refused(weights, autoware, writing, proof, tmp_path):
    other = dataclasses.replace(proof, class_names=("car", "bus"))
    with pytest.raises(UsageError, match=r"trained for the classes .* and the product has"):
        bundle.export(weights, tmp_path / "export", autoware, writing, other)


def test_an_export_that_nothing_would_prove_is_refused(weights, autoware, writing, proof, tmp_path):
    with pytest.raises(UsageError, match=r"node_check.frames: a bundle cannot be proven on 0 frames"):
        bundle.export(weights, tmp_path / "export", autoware, writing, dataclasses.replace(proof, frames=0))


def test_a_checkpoint_that_does_not_name_its_model_is_refused(weights, autoware, writing, proof, tmp_path):
    loaded = checkpoint.load(weights)
    del loaded.meta["name"]
    checkpoint.save(tmp_path / "epoch_1.pth", loaded.state_dict, loaded.meta)
    with pytest.raises(checkpoint.CheckpointError, match=r"epoch_1.pth: its meta lacks 'name'"):
        bundle.export(tmp_path / "epoch_1.pth", tmp_path / "export", autoware, writing, proof)


@pytest.mark.parametrize("algorithm", ["YOLOX", "../zoo", "None", "common"])
def test_an_algorithm_without_an_export_form_is_named(algorithm):
    with pytest.raises(UsageError, match="and there is no"):
        by_algorithm.form(algorithm)
