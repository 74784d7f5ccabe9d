"""A bundle as exported passes; each rule finds the bundle with one thing spoiled in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from t4zoo.export import ros_yaml
from t4zoo.export.BEVFusion.node_constants import CAMERAS
from t4zoo.export.BEVFusion.parameter_rules import TYPES, check_parameters
from t4zoo.export.BEVFusion.parameters import BUNDLE_FILES, ONNX_FILES, PARAMETER_FILE
from t4zoo.export.gate import check_bundle
from tests.export.spoiling import renamed, resize, rewrite, swap_inputs, turn_outputs, widen

NETWORK = ONNX_FILES["network"]
PUBLISHED = Path(__file__).parent.parent.parent / "data" / "contracts" / PARAMETER_FILE


def keys(folder: Path) -> list[tuple[str, str]]:
    return [(finding.file, finding.key) for finding in check_bundle("BEVFusion", folder)]


def change(folder: Path, **values) -> None:
    """Write parameters anew with other values; None leaves one out."""
    parameters = ros_yaml.load(folder / PARAMETER_FILE)["/**"]["ros__parameters"] | values
    kept = {key: value for key, value in parameters.items() if value is not None}
    (folder / PARAMETER_FILE).write_text(ros_yaml.dump({"/**": {"ros__parameters": kept}}, "spoiled"))


def spoiled(folder: Path, spoil) -> list[tuple[str, str]]:
    rewrite(folder / NETWORK, spoil)
    return keys(folder)


def test_an_exported_bundle_is_sound_and_has_the_two_files(made):
    assert check_bundle("BEVFusion", made) == []
    assert {file.name for file in made.iterdir()} == BUNDLE_FILES
    assert {"bevfusion_lidar.onnx", "ml_package_bevfusion_lidar.param.yaml"} == BUNDLE_FILES


def test_the_published_parameters_are_sound(tmp_path):
    shutil.copy(PUBLISHED, tmp_path / PARAMETER_FILE)
    findings, parameters = check_parameters(tmp_path)
    assert findings == []
    assert parameters["out_size_factor"] == 8
    assert keys(tmp_path) == [(NETWORK, "file")]


@pytest.mark.parametrize("name", sorted(BUNDLE_FILES))
def test_a_missing_file_is_found(copied, name):
    (copied / name).unlink()
    assert keys(copied) == [(name, "file")]


@pytest.mark.parametrize("key", TYPES)
def test_a_missing_parameter_is_found(copied, key):
    change(copied, **{key: None})
    assert keys(copied) == [(PARAMETER_FILE, key)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("class_names", ["CAR", "CAR", "BUS", "BICYCLE", "PEDESTRIAN"]),
        ("class_names", ["CAR", "TRUCK", "BUS", "BICYCLE", "MOTORBIKE"]),  # this node says MOTORCYCLE
        ("voxels_num", [5000, 30000]),  # the node's buffers would be of no size
        ("voxels_num", [30000, 5000, 60000]),
        ("point_cloud_range", [-16, -16, -3, 16, 16, 5]),  # integers, which ROS 2 does not take for doubles
        ("point_cloud_range", [-16.0, -16.0, 16.0, 16.0]),
        ("point_cloud_range", [16.0, -16.0, -3.0, -16.0, 16.0, 5.0]),
        ("voxel_size", [0.5, 0.5]),
        ("voxel_size", [0.3, 0.5, 1.0]),  # 106.67 voxels
        ("voxel_size", [0.5, 0.5, 0.75]),  # 10.67 layers
        ("num_proposals", 0),
        ("out_size_factor", 3),  # does not divide 64 voxels
        ("max_points_per_voxel", 0),
        ("use_intensity", 1),
        ("x_bound", [-16.0, 16.0]),
        ("score_threshold", 0.1),  # belongs in the node's own file
        *((name, type(value)(1)) for name, value in CAMERAS.items()),
    ],
)
def test_a_value_that_the_node_refuses_or_replaces_is_found(copied, key, value):
    change(copied, **{key: value})
    found = {finding.key for finding in check_bundle("BEVFusion", copied)}
    assert found in ({key}, {"ros__parameters"})


@pytest.mark.parametrize(
    ("key", "value", "tensors"),
    [
        ("num_proposals", 200, ["bbox_pred", "score", "label_pred"]),
        ("use_intensity", False, ["voxels"]),
        ("max_points_per_voxel", 20, ["voxels"]),
    ],
)
def test_parameters_that_the_network_does_not_bear_out_are_found(copied, key, value, tensors):
    change(copied, **{key: value})
    assert [place for file, place in keys(copied) if file == NETWORK] == tensors


def test_the_parameters_of_images_may_say_how_their_channels_stand(copied):
    change(copied, flip_image_channels=True)
    assert keys(copied) == []


def test_a_cut_off_network_is_found(copied):
    (copied / NETWORK).write_bytes((copied / NETWORK).read_bytes()[:-200])
    assert keys(copied) == [(NETWORK, "file")]


@pytest.mark.parametrize(("name", "key"), [("num_points_per_voxel", "inputs"), ("label_pred", "outputs")])
def test_a_tensor_of_another_name_is_found(copied, name, key):
    assert spoiled(copied, lambda network: renamed(network, name, f"{name}_")) == [(NETWORK, key)]


def test_tensors_in_another_order_are_sound_since_they_are_found_by_name(copied):
    assert spoiled(copied, swap_inputs) == []
    assert spoiled(copied, turn_outputs) == []


@pytest.mark.parametrize("name", ["coors", "num_points_per_voxel"])
def test_numbers_of_64_bits_are_found(copied, name):
    assert spoiled(copied, lambda network: widen(network, name)) == [(NETWORK, name)]


def test_labels_of_32_bits_are_found(copied):
    def narrow(network: onnx.ModelProto) -> None:
        renamed(network, "label_pred", "wide")
        [tensor] = [one for one in network.graph.output if one.name == "wide"]
        tensor.name, tensor.type.tensor_type.elem_type = "label_pred", TensorProto.INT32
        network.graph.node.append(helper.make_node("Cast", ["wide"], ["label_pred"], to=TensorProto.INT32))

    assert spoiled(copied, narrow) == [(NETWORK, "label_pred")]


def test_a_fixed_number_of_voxels_is_found(copied):
    assert spoiled(copied, lambda network: resize(network, "voxels", 0, 5000)) == [(NETWORK, "voxels")]


def test_a_place_with_its_cloud_is_found(copied):
    assert (NETWORK, "coors") in spoiled(copied, lambda network: resize(network, "coors", 1, 4))
