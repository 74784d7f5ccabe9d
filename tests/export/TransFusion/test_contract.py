"""A bundle as exported passes; each rule finds the bundle with one thing spoiled in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from onnx import helper

from t4zoo.export import ros_yaml
from t4zoo.export.gate import check_bundle
from t4zoo.export.TransFusion.parameter_rules import SCHEMA, TYPES, check_parameters
from t4zoo.export.TransFusion.parameters import BUNDLE_FILES, ONNX_FILES, PARAMETER_FILE
from tests.export.spoiling import renamed, resize, rewrite, swap_inputs, turn_outputs, widen

NETWORK = ONNX_FILES["network"]
PUBLISHED = Path(__file__).parent.parent.parent / "data" / "contracts" / "transfusion_ml_package.param.yaml"


def keys(folder: Path) -> list[tuple[str, str]]:
    return [(finding.file, finding.key) for finding in check_bundle("TransFusion", folder)]


def change(folder: Path, **values) -> None:
    """Write parameters anew with other values; None leaves one out."""
    parameters = ros_yaml.load(folder / PARAMETER_FILE)["/**"]["ros__parameters"] | values
    kept = {key: value for key, value in parameters.items() if value is not None}
    (folder / PARAMETER_FILE).write_text(ros_yaml.dump({"/**": {"ros__parameters": kept}}, "spoiled"))


def test_an_exported_bundle_is_sound_and_has_the_two_files(made):
    assert check_bundle("TransFusion", made) == []
    assert {file.name for file in made.iterdir()} == BUNDLE_FILES == {"transfusion.onnx", "transfusion.param.yaml"}


def test_the_published_parameters_are_sound(tmp_path):
    shutil.copy(PUBLISHED, tmp_path / PARAMETER_FILE)
    findings, parameters = check_parameters(tmp_path)
    assert findings == []
    assert parameters["num_proposals"] == 500
    assert keys(tmp_path) == [(NETWORK, "file")]


@pytest.mark.parametrize("name", sorted(BUNDLE_FILES))
def test_a_missing_file_is_found(copied, name):
    (copied / name).unlink()
    assert keys(copied) == [(name, "file")]


def test_a_file_that_is_no_part_of_the_bundle_is_found(copied):
    (copied / "transfusion.engine").write_bytes(b"of one machine")
    assert keys(copied) == [("transfusion.engine", "file")]


@pytest.mark.parametrize("key", TYPES)
def test_a_missing_parameter_is_found(copied, key):
    change(copied, **{key: None})
    assert keys(copied) == [(PARAMETER_FILE, key)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("class_names", ["CAR", "TRUCK", "BUS", "PEDESTRIAN"]),  # the node's buffers are for five
        ("class_names", ["CAR", "CAR", "BUS", "BICYCLE", "PEDESTRIAN"]),
        ("class_names", ["CAR", "TRUCK", "BUS", "BICYCLE", "MOTORBIKE"]),  # this node says MOTORCYCLE
        ("voxels_num", [5000, 30000]),  # the node would take its own defaults
        ("voxels_num", [30000, 5000, 60000]),
        ("voxels_num", [0, 5000, 60000]),
        ("voxels_num", [5000.0, 30000.0, 60000.0]),
        ("point_cloud_range", [-16, -16, -3, 16, 16, 5]),  # integers, which ROS 2 does not take for doubles
        ("point_cloud_range", [-16.0, -16.0, 16.0, 16.0]),
        ("point_cloud_range", [16.0, -16.0, -3.0, -16.0, 16.0, 5.0]),
        ("voxel_size", [0.25, 0.25]),
        ("voxel_size", [0.3, 0.25, 8.0]),  # 106.67 pillars
        ("voxel_size", [0.25, 0.25, 4.0]),  # two layers of pillars
        ("voxel_size", [0.25, 0.25, 8.1]),  # none
        ("num_proposals", 0),  # the node would take its own default
        ("num_proposals", 200),  # the network has 40
        ("score_threshold", 0.1),  # belongs in the node's own file
    ],
)
def test_a_value_that_the_node_refuses_or_replaces_is_found(copied, key, value):
    change(copied, **{key: value})
    found = check_bundle("TransFusion", copied)
    if value == 200:
        assert [finding.key for finding in found] == ["cls_score0", "bbox_pred0", "dir_cls_pred0"]
        assert "has shape [1, 5, 40], and the node checks for [1, 5, 200]" in found[0].problem
    else:
        assert {finding.key for finding in found} <= {key, "ros__parameters"}
        assert found


def test_a_parameter_that_the_schema_does_not_know_is_found(copied):
    change(copied, score_threshold=0.1)
    [finding] = check_bundle("TransFusion", copied)
    assert "score_threshold" in finding.problem
    assert SCHEMA == "transfusion_ml_package.schema.json"


def spoiled(folder: Path, spoil) -> list[tuple[str, str]]:
    rewrite(folder / NETWORK, spoil)
    return keys(folder)


def test_a_cut_off_network_is_found(copied):
    (copied / NETWORK).write_bytes((copied / NETWORK).read_bytes()[:-200])
    assert keys(copied) == [(NETWORK, "file")]


@pytest.mark.parametrize(("name", "key"), [("coors", "inputs"), ("dir_cls_pred0", "outputs")])
def test_a_tensor_of_another_name_is_found(copied, name, key):
    assert spoiled(copied, lambda network: renamed(network, name, f"{name}_")) == [(NETWORK, key)]


def test_inputs_in_another_order_are_found(copied):
    assert spoiled(copied, swap_inputs) == [(NETWORK, "inputs")]


def test_coordinates_of_64_bits_are_found(copied):
    assert spoiled(copied, lambda network: widen(network, "coors")) == [(NETWORK, "coors")]


def test_a_fixed_number_of_pillars_is_found(copied):
    assert spoiled(copied, lambda network: resize(network, "voxels", 0, 5000)) == [(NETWORK, "voxels")]


def test_another_number_of_points_a_pillar_is_found(copied):
    assert (NETWORK, "voxels") in spoiled(copied, lambda network: resize(network, "voxels", 1, 32))


def test_outputs_in_another_order_are_sound_since_they_are_found_by_name(copied):
    assert spoiled(copied, turn_outputs) == []


def test_boxes_of_ten_numbers_are_found(copied):
    def add_two(network):
        renamed(network, "bbox_pred0", "eight")
        network.graph.output[1].name = "bbox_pred0"
        network.graph.output[1].type.tensor_type.shape.dim[1].dim_value = 10
        network.graph.node.append(helper.make_node("Concat", ["eight", "dir_cls_pred0"], ["bbox_pred0"], axis=1))

    assert spoiled(copied, add_two) == [(NETWORK, "bbox_pred0")]
