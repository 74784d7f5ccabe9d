"""A bundle as exported passes; each rule finds the bundle with one thing spoiled in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from t4zoo.export.CenterPoint.parameters import BUNDLE_FILES, ONNX_FILES, PACKAGE_FILE
from t4zoo.export.gate import BundleError, check_bundle, require_sound
from t4zoo.export.node_grid import grid_size

ENCODER, HEAD = ONNX_FILES["encoder"], ONNX_FILES["head"]


def keys(folder: Path) -> list[tuple[str, str]]:
    return [(finding.file, finding.key) for finding in check_bundle("CenterPoint", folder)]


def spoil_package(folder: Path, old: str, new: str) -> None:
    text = (folder / PACKAGE_FILE).read_text()
    assert text.count(old) == 1
    (folder / PACKAGE_FILE).write_text(text.replace(old, new))


def rename(network: onnx.ModelProto, old: str, new: str) -> None:
    for node in network.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for tensor in (*network.graph.input, *network.graph.output):
        tensor.name = new if tensor.name == old else tensor.name


def test_an_exported_bundle_is_sound_and_has_the_four_files(made):
    assert check_bundle("CenterPoint", made) == []
    assert {file.name for file in made.iterdir()} == BUNDLE_FILES


@pytest.mark.parametrize("name", sorted(BUNDLE_FILES))
def test_a_missing_file_is_found(copied, name):
    (copied / name).unlink()
    assert (name, "file") in keys(copied)


def test_a_folder_that_is_not_there_lacks_its_parameter_files(tmp_path):
    assert [file for file, key in keys(tmp_path / "nothing") if key == "file"] == [
        PACKAGE_FILE,
        "detection_class_remapper.param.yaml",
    ]


def test_a_file_that_is_no_part_of_a_bundle_is_found(copied):
    (copied / "deploy_metadata.yaml").write_text("num_checkpoint: 9\n")
    assert keys(copied) == [("deploy_metadata.yaml", "file")]


@pytest.mark.parametrize("name", [ENCODER, HEAD])
def test_a_cut_off_network_is_found(copied, name):
    (copied / name).write_bytes((copied / name).read_bytes()[:-200])
    assert keys(copied) == [(name, "file")]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("feature_size: 9", "feature_size: 10", (ENCODER, "input_features")),
        ("downsample_factor: 2", "downsample_factor: 1", (HEAD, "heatmap")),
        ("downsample_factor: 2", "downsample_factor: 1", (HEAD, "vel")),
        ("has_variance: false", "has_variance: true", (HEAD, "reg")),
        ('"BICYCLE", "PEDESTRIAN"]', '"PEDESTRIAN"]', (PACKAGE_FILE, "model_params.yaw_norm_thresholds")),
    ],
)
def test_parameters_that_the_networks_do_not_bear_out_are_found(copied, old, new, where):
    spoil_package(copied, old, new)
    assert where in keys(copied)


def test_a_class_too_few_in_the_parameters_is_found_in_the_heatmap(copied):
    spoil_package(copied, '"BICYCLE", "PEDESTRIAN"]', '"PEDESTRIAN"]')
    spoil_package(copied, "[0.3, 0.3, 0.3, 0.3, 0.0]", "[0.3, 0.3, 0.3, 0.0]")
    [finding] = check_bundle("CenterPoint", copied)
    assert (finding.file, finding.key) == (HEAD, "heatmap")
    assert "[1, 5, 32, 32], and the parameters say [1, 4, 32, 32]" in finding.problem


def test_outputs_in_another_order_are_found_though_they_have_as_many_channels(copied):
    network = onnx.load(copied / HEAD)
    outputs = [network.graph.output[i] for i in (0, 5, 2, 3, 4, 1)]  # vel where reg belongs
    del network.graph.output[:]
    network.graph.output.extend(outputs)
    onnx.save(network, copied / HEAD)
    assert keys(copied) == [(HEAD, "tensors")]


def test_a_renamed_tensor_is_found(copied):
    network = onnx.load(copied / ENCODER)
    rename(network, "pillar_features", "features")
    onnx.save(network, copied / ENCODER)
    assert keys(copied) == [(ENCODER, "tensors")]


def test_a_fixed_number_of_pillars_other_than_the_nodes_is_found(copied):
    network = onnx.load(copied / ENCODER)
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
    onnx.save(network, copied / ENCODER)
    [finding] = check_bundle("CenterPoint", copied)
    assert (finding.file, finding.key) == (ENCODER, "input_features")
    assert "takes [8, 'num_max_points', 9], and the node sets [40000, 32, 9]" in finding.problem


def test_a_fixed_number_of_pillars_equal_to_the_nodes_is_sound(copied):
    network = onnx.load(copied / ENCODER)
    for dim, size in zip(network.graph.input[0].type.tensor_type.shape.dim, (40000, 32, 9), strict=True):
        dim.dim_value = size
    onnx.save(network, copied / ENCODER)
    assert check_bundle("CenterPoint", copied) == []


def test_an_encoder_of_64_channels_is_found(copied):
    network = onnx.load(copied / ENCODER)
    rename(network, "pillar_features", "half")
    network.graph.node.append(onnx.helper.make_node("Concat", ["half", "half"], ["pillar_features"], axis=2))
    network.graph.output[0].name = "pillar_features"
    network.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 64
    onnx.save(network, copied / ENCODER)
    [finding] = check_bundle("CenterPoint", copied)
    assert "[40000, 1, 64]" in finding.problem


def test_a_network_in_half_precision_is_found(copied):
    network = onnx.load(copied / HEAD)
    rename(network, "vel", "vel32")
    network.graph.node.append(onnx.helper.make_node("Cast", ["vel32"], ["vel"], to=onnx.TensorProto.FLOAT16))
    network.graph.output[-1].name = "vel"
    network.graph.output[-1].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(network, copied / HEAD)
    assert keys(copied) == [(HEAD, "vel")]


def test_every_finding_is_one_line_of_the_error_and_says_how_to_mend_it(copied):
    (copied / ENCODER).unlink()
    (copied / "notes.txt").write_text("")
    with pytest.raises(BundleError) as error:
        require_sound("CenterPoint", copied)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert lines[1].strip() == f"{ENCODER}: file: is missing; export the bundle again from the checkpoint"
    assert lines[2].strip() == (
        "notes.txt: file: is no part of the bundle; remove it; a bundle of CenterPoint has "
        f"{', '.join(sorted(BUNDLE_FILES))}"
    )


@pytest.mark.parametrize("algorithm", ["CenterPoint", "TransFusion"])
def test_the_gate_needs_no_torch(algorithm):
    code = "import sys; from t4zoo.export.gate import check_bundle; from pathlib import Path;"
    code += f" check_bundle('{algorithm}', Path()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("half", "voxel"), [(76.8, 0.32), (121.6, 0.32), (51.2, 0.16), (89.6, 0.32), (16.0, 0.5)])
def test_published_ranges_are_whole_pillars_in_the_nodes_float32(half, voxel):
    grid = grid_size([-half, -half, -4.0, half, half, 6.0], [voxel, voxel, 10.0])
    assert tuple(grid) == (round(2 * half / voxel),) * 2


def test_the_grid_is_cut_off_as_the_node_cuts_it_off():
    shortfall = np.nextafter(np.float32(0.1), np.float32(1))
    assert grid_size([0.0, 0.0, 0.0, 1.0, 2.0, 1.0], [float(shortfall), 0.5, 1.0]) == (9, 4)


def test_a_network_that_says_it_is_another_version_than_is_released_is_found(copied):
    assert check_bundle("CenterPoint", copied, "v1.2.3") == []  # it does not know its version
    for name, version in ((ENCODER, 10203), (HEAD, 10100)):
        network = onnx.load(copied / name)
        network.model_version = version
        onnx.save(network, copied / name)
    [finding] = check_bundle("CenterPoint", copied, "v1.2.3")
    assert (finding.file, finding.key) == (HEAD, "model_version")
    assert str(finding).startswith(f"{HEAD}: model_version: is 10100, and v1.2.3 is 10203; export with")
    assert check_bundle("CenterPoint", copied) == []
    assert len(check_bundle("CenterPoint", copied, "v1.100.0")) == 2  # which no number stands for
