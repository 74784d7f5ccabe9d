from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch

from t4zoo.export import onnx_file
from t4zoo.export.CenterPoint.parameters import ONNX_FILES
from t4zoo.models.CenterPoint.export import parts
from t4zoo.models.common.checkpoint import digest
from tests.export.samples import expected_origin, origin_of

STAMP = onnx_file.Stamp("t4zoo", None, {"model": "t4base", "algorithm": "CenterPoint"})


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    for part in parts(model):
        onnx_file.write(folder / ONNX_FILES[part.role], part, 17, STAMP)
    return folder


@pytest.mark.parametrize("role", ["encoder", "head"])
def test_the_same_weights_give_the_same_bytes_again(model, written, role, tmp_path):
    part = next(part for part in parts(model) if part.role == role)
    onnx_file.write(
        tmp_path / "again.onnx",
        part,
        17,
        dataclasses.replace(STAMP, properties=dict(reversed(STAMP.properties.items()))),
    )
    assert digest(tmp_path / "again.onnx") == digest(written / ONNX_FILES[role])


def test_another_process_gives_the_same_bytes(weights, made, tmp_path):
    code = (
        "import sys; from pathlib import Path; from t4zoo.export import bundle, onnx_file;"
        "from t4zoo.models.common import checkpoint; from t4zoo.models.CenterPoint.export import parts;"
        "weights = Path(sys.argv[1]); meta = bundle.properties(checkpoint.load(weights).meta, weights);"
        "stamp = onnx_file.Stamp('t4zoo', None, meta);"
        "[onnx_file.write(Path(sys.argv[2]) / p.role, p, 17, stamp) for p in parts(checkpoint.build(weights)[0])]"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, weights, tmp_path], check=True, env={"PYTHONHASHSEED": "7"}
    )
    for role, name in ONNX_FILES.items():
        assert digest(tmp_path / role) == digest(made / name)


@pytest.mark.parametrize("name", ONNX_FILES.values())
def test_the_file_says_where_it_comes_from(weights, made, name):
    assert origin_of(made / name) == expected_origin("CenterPoint", weights)
    network = onnx.load(made / name)
    assert (network.producer_name, network.domain, network.model_version) == ("t4zoo", "t4zoo", 0)


@pytest.mark.parametrize(
    ("version", "number"), [(None, 0), ("v1.2.3", 10203), ("v0.0.1", 1), ("v12.34.56-tokyo.2", 123456)]
)
def test_the_version_is_a_number_that_grows_as_the_version_does(version, number):
    assert onnx_file.Stamp("t4zoo", version, {}).number == number


@pytest.mark.parametrize("version", ["1.2.3", "v1.2", "v1.100.0", "latest"])
def test_a_version_that_onnx_cannot_hold_is_refused(version):
    with pytest.raises(onnx_file.ExportError, match=f"onnx.model_version: '{version}' is not vX.Y.Z"):
        _ = onnx_file.Stamp("t4zoo", version, {}).number


@pytest.mark.parametrize("opset", [11, 17, 20])
def test_the_wanted_opset_is_what_the_file_has(model, tmp_path, opset):
    onnx_file.write(tmp_path / "encoder.onnx", parts(model)[0], opset, STAMP)
    assert onnx.load(tmp_path / "encoder.onnx").opset_import[0].version == opset


def test_a_file_of_another_opset_than_wanted_is_refused(written):
    network = onnx.load(written / ONNX_FILES["head"])
    with pytest.raises(onnx_file.ExportError, match=r"head: torch wrote opset 17, not onnx.opset = 18"):
        onnx_file.require_opset(network, 18, "head")


@pytest.mark.parametrize("opset", [9, 21, 99])
def test_an_opset_that_torch_cannot_write_is_refused_with_those_that_it_can(model, tmp_path, opset):
    with pytest.raises(onnx_file.ExportError, match=f"torch cannot write {opset}; choose 11 to 20"):
        onnx_file.write(tmp_path / "encoder.onnx", parts(model)[0], opset, STAMP)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(1, 32, 9), (777, 32, 9), (40, 8, 9)])
def test_the_encoder_takes_any_number_of_pillars_and_of_points(model, written, shape):
    part, values = parts(model)[0], np.random.default_rng(0).normal(0, 5, shape).astype(np.float32)
    outputs = onnx_file.OnnxFile(written / ONNX_FILES["encoder"]).run(values)
    assert outputs["pillar_features"].shape == (shape[0], 1, 32)
    assert onnx_file.difference(outputs, part, values)["pillar_features"] <= 1e-4


@pytest.mark.parametrize("shape", [(1, 32, 64, 64), (2, 32, 40, 16)])
def test_the_head_takes_any_canvas_that_its_strides_divide(model, written, shape):
    part, values = parts(model)[1], np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    outputs = onnx_file.OnnxFile(written / ONNX_FILES["head"]).run(values)
    assert list(outputs) == ["heatmap", "reg", "height", "dim", "rot", "vel"]
    assert outputs["dim"].shape == (shape[0], 3, shape[2] // 2, shape[3] // 2)
    assert max(onnx_file.difference(outputs, part, values).values()) <= 1e-4


def test_a_changed_weight_shows_as_a_difference(model, written):
    part = parts(model)[1]
    values = np.random.default_rng(0).normal(0, 1, (1, 32, 16, 16)).astype(np.float32)
    outputs = onnx_file.OnnxFile(written / ONNX_FILES["head"]).run(values)
    bias = model.head.branches["height"][-1].bias
    with torch.no_grad():
        bias += 0.01
        changed = onnx_file.difference(outputs, part, values)
        bias -= 0.01
    assert changed["height"] == pytest.approx(0.01, abs=1e-4)
    assert changed["dim"] <= 1e-4
