"""The published v4.1 bundle passes, and each rule finds the published file with one thing spoiled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from t4zoo.export.CenterPoint.parameter_rules import PACKAGE_TYPES, check_package, check_remapper
from t4zoo.export.CenterPoint.parameters import PACKAGE_FILE, REMAPPER_FILE
from t4zoo.export.ros_rules import CONTRACTS

PUBLISHED = Path(__file__).parent.parent.parent / "data" / "contracts"
SCORES = "model_params.detection_score_thresholds.min_confidence_scores"


@pytest.fixture
def published(tmp_path) -> Path:
    shutil.copy(PUBLISHED / "v4.1_lidar_centerpoint_base_ml_package.param.yaml", tmp_path / PACKAGE_FILE)
    shutil.copy(PUBLISHED / REMAPPER_FILE, tmp_path / REMAPPER_FILE)
    return tmp_path


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def test_the_published_v4_1_parameters_are_sound(published):
    findings, model = check_package(published)
    assert findings == []
    assert model["class_names"] == ["CAR", "TRUCK", "BUS", "BICYCLE", "PEDESTRIAN"]


def test_the_published_class_remapper_is_sound(published):
    assert check_remapper(published) == []


SPOILED = {
    # versions that the node refuses
    "version without a minor": ("version: v4.1", "version: v4", "version", "'v4' is not"),
    "version with a patch": ("version: v4.1", "version: v4.1.0", "version", "'v4.1.0' is not"),
    "version latest": ("version: v4.1", "version: latest", "version", "'latest' is not"),
    "version of the last layout": ("version: v4.1", "version: v4.0", "version", "does not read 'v4.0'"),
    "version of the next layout": ("version: v4.1", "version: v5.1", "version", "does not read 'v5.1'"),
    "version as a number": ("version: v4.1", "version: 4.1", "version", "4.1 is not of type string"),
    # the schema
    "unknown precision": ("trt_precision: fp16", "trt_precision: int8", "trt_precision", "'int8' is not one of"),
    "yaw threshold above 1": ("[0.3, 0.3, 0.3, 0.3, 0.0]", "[0.3, 0.3, 0.3, 0.3, 1.5]", "yaw_norm_thresholds", "1.5"),
    "class twice": ('"TRUCK", "BUS"', '"TRUCK", "TRUCK"', "class_names", "TRUCK"),
    # ROS 2's strict types
    "double without a point": ("[0.32, 0.32, 10.0]", "[0.32, 0.32, 10]", "voxel_size", "double[]"),
    "integer with a point": ("max_voxel_size: 40000", "max_voxel_size: 40000.0", "max_voxel_size", "integer"),
    "string for a flag": ("has_twist: false", "has_twist: 'false'", "has_twist", "bool"),
    "one number for a list": ("[0.3, 0.3, 0.3, 0.3, 0.0]", "0.3", "yaw_norm_thresholds", "double[]"),
    "threshold without a point": ("CAR: [0.35,", "CAR: [1,", f"{SCORES}.CAR", "double[]"),
    # the node's own checks
    "too few yaw thresholds": ("[0.3, 0.3, 0.3, 0.3, 0.0]", "[0.3]", "yaw_norm_thresholds", "one for each"),
    "no distance bin": ("[50.0, 90.0, 121.0, 200.0]", "[]", "distance_bin_upper_limits", "empty"),
    "bins not ascending": ("[50.0, 90.0, 121.0, 200.0]", "[50.0, 121.0, 90.0, 200.0]", "upper_limits", "not ascending"),
    "bin twice": ("[50.0, 90.0, 121.0, 200.0]", "[50.0, 90.0, 90.0, 200.0]", "upper_limits", "not ascending"),
    "class without scores": ("          BUS: [0.35, 0.35, 0.35, 0.35]\n", "", f"{SCORES}.BUS", "is missing"),
    "too few scores": ("BUS: [0.35, 0.35, 0.35, 0.35]", "BUS: [0.35, 0.35]", f"{SCORES}.BUS", "2 scores for 4"),
    "remapper named elsewhere": (f"path: {REMAPPER_FILE}", "path: /opt/remap.yaml", "class_remapper", "/opt/remap"),
    # what the node would replace in silence
    "score of 1": ("BUS: [0.35,", "BUS: [1.0,", f"{SCORES}.BUS", "leaves 0..1"),
    "range of four numbers": ("-4.0, 76.8, 76.8, 6.0]", "-4.0, 76.8]", "point_cloud_range", "x, y, z min"),
    "range upside down": ("-4.0, 76.8, 76.8, 6.0]", "-4.0, 76.8, 76.8, -6.0]", "point_cloud_range", "x, y, z min"),
    "voxel of two numbers": ("[0.32, 0.32, 10.0]", "[0.32, 0.32]", "voxel_size", "three positive"),
    "voxel that does not divide": ("[0.32, 0.32, 10.0]", "[0.33, 0.32, 10.0]", "voxel_size", "is 465.455 voxels"),
    "factor that does not divide": ("downsample_factor: 1", "downsample_factor: 7", "downsample_factor", "480"),
    "no downsampling": ("downsample_factor: 1", "downsample_factor: 0", "downsample_factor", "0"),
    "class that Autoware lacks": ('"BICYCLE", ', '"SCOOTER", ', "class_names", "UNKNOWN"),
    "12 features": ("encoder_in_feature_size: 9", "encoder_in_feature_size: 12", "encoder_in_feature_size", "9, 10 or"),
    "features without points": ("point_feature_size: 4", "point_feature_size: 5", "point_feature_size", "give 4"),
    "no pillar": ("max_voxel_size: 40000", "max_voxel_size: 0", "max_voxel_size", "at least 1"),
    # the file itself
    "no ros__parameters": ("  ros__parameters:", "  parameters:", "/**.ros__parameters", "is missing"),
    "not YAML": ("[0.32, 0.32, 10.0]", "[0.32, 0.32", "file", "not YAML"),
}


@pytest.mark.parametrize(("old", "new", "key", "says"), SPOILED.values(), ids=SPOILED)
def test_one_spoiled_parameter_is_found_with_its_key_and_value(published, old, new, key, says):
    spoil(published / PACKAGE_FILE, old, new)
    findings, model = check_package(published)
    assert any(key in finding.key and says in str(finding) for finding in findings), findings
    assert model is None
    assert {finding.file for finding in findings} == {PACKAGE_FILE}


@pytest.mark.parametrize("key", PACKAGE_TYPES)
def test_every_parameter_that_the_node_declares_must_be_there(published, key):
    lines = (published / PACKAGE_FILE).read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith(f"{key.split('.')[-1]}:")]
    assert len(kept) == len(lines) - 1
    (published / PACKAGE_FILE).write_text("\n".join(kept))
    assert [(f.key, f.problem) for f in check_package(published)[0]] == [
        (key, "is missing, and the node has no default")
    ]


def test_every_finding_is_told_at_once(published):
    spoil(published / PACKAGE_FILE, "version: v4.1", "version: v3.9")
    spoil(published / PACKAGE_FILE, "[50.0, 90.0, 121.0, 200.0]", "[90.0]")
    keys = {finding.key for finding in check_package(published)[0]}
    assert keys == {"version", *(f"{SCORES}.{name}" for name in ("CAR", "TRUCK", "BUS", "BICYCLE", "PEDESTRIAN"))}


@pytest.mark.parametrize("version", ["v4.1", "4.1", "v4.12"])
def test_versions_that_the_node_reads_are_accepted(published, version):
    spoil(published / PACKAGE_FILE, "version: v4.1", f'version: "{version}"')
    assert check_package(published)[0] == []


def test_a_missing_class_remapper_is_found_from_the_package_and_by_itself(published):
    (published / REMAPPER_FILE).unlink()
    assert [finding.key for finding in check_package(published)[0]] == ["class_remapper_param_path"]
    assert [finding.problem for finding in check_remapper(published)] == ["is missing"]


SPOILED_REMAPPER = {
    "63 numbers": ("0.000]      #PEDESTRIAN\n\n\n", "]      #PEDESTRIAN\n\n\n", "min_area_matrix", "too short"),
    "matrix under another name": ("max_area_matrix:", "maximum_area_matrix:", "max_area_matrix", "is missing"),
    "double among integers": ("0]         #PEDESTRIAN", "0.0]         #PEDESTRIAN", "allow_remapping", "integer[]"),
    "integer among doubles": ("0.000, 12.100,", "0.000, 12,", "min_area_matrix", "double[]"),
    "permission of 2": ("[0,       0,   0,", "[2,       0,   0,", "UNKNOWN to UNKNOWN", "neither 0 nor 1"),
    "areas without room": ("0.000, 12.100,", "0.000, 36.500,", "CAR to TRUCK", "36.5 to 36.0"),
    "a parameter of its own": ("    min_area_matrix:", "    speed: 1.0\n    min_area_matrix:", "ros__param", "'speed'"),
}


@pytest.mark.parametrize(("old", "new", "key", "says"), SPOILED_REMAPPER.values(), ids=SPOILED_REMAPPER)
def test_one_spoiled_matrix_is_found_with_its_place(published, old, new, key, says):
    spoil(published / REMAPPER_FILE, old, new)
    findings = check_remapper(published)
    assert any(key in finding.key and says in str(finding) for finding in findings), findings


def test_each_vendored_contract_has_its_origin_written_down():
    for folder in (CONTRACTS, PUBLISHED):
        origin = (folder / "ORIGIN.md").read_text()
        assert "Apache License" in origin
        for file in folder.iterdir():
            assert file.name == "ORIGIN.md" or file.name in origin
