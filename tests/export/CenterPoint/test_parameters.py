"""What is written from conf/autoware/ is what Autoware published, where both say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from t4zoo.errors import UsageError
from t4zoo.export import ros_yaml
from t4zoo.export.bundle_config import bundle_config
from t4zoo.export.CenterPoint.parameter_rules import check_package, check_remapper
from t4zoo.export.CenterPoint.parameters import (
    PACKAGE_FILE,
    REMAPPER_FILE,
    class_remapper,
    ml_package,
    write_parameters,
)

PUBLISHED = Path(__file__).parent.parent.parent / "data" / "contracts"

BASE_MODEL = {  # the published base model's, in this project's class names
    "class_names": ["car", "truck", "bus", "bicycle", "pedestrian"],
    "point_feature_size": 4,
    "point_cloud_range": [-76.8, -76.8, -4, 76.8, 76.8, 6],
    "voxel_size": [0.32, 0.32, 10],
    "downsample_factor": 1,
    "encoder_in_feature_size": 9,
    "has_variance": False,
    "node_settings": {
        "densification_params.num_past_frames": 1,
        "post_process_params.circle_nms_dist_threshold": 1.0,
    },
}


@pytest.fixture
def section(cfg) -> dict:
    return OmegaConf.to_container(cfg.autoware, resolve=True)


def published(name: str) -> dict:
    return ros_yaml.load(PUBLISHED / name)["/**"]["ros__parameters"]


def paths(tree: object, key: str = "") -> list[str]:
    return (
        [key]
        if not isinstance(tree, dict)
        else [p for name, item in tree.items() for p in paths(item, f"{key}.{name}")]
    )


def test_the_published_base_package_is_written_again_value_for_value_and_key_for_key(autoware):
    written, theirs = ml_package(autoware, BASE_MODEL), published("v4.1_lidar_centerpoint_base_ml_package.param.yaml")
    assert repr(written) == repr(theirs)
    assert paths(written) == paths(theirs)


def test_the_published_class_remapper_is_written_again_number_for_number(autoware):
    assert repr(class_remapper(autoware)) == repr(published(REMAPPER_FILE))


def test_what_is_written_passes_the_rules_and_says_who_wrote_it(autoware, tmp_path):
    write_parameters(tmp_path, autoware, BASE_MODEL)
    assert check_package(tmp_path)[0] == []
    assert check_remapper(tmp_path) == []
    assert (tmp_path / PACKAGE_FILE).read_text().startswith("# Written by t4zoo's export stage")


def test_what_the_model_wants_of_the_nodes_own_parameters_is_told(autoware, tmp_path):
    write_parameters(tmp_path, autoware, BASE_MODEL)
    head = (tmp_path / PACKAGE_FILE).read_text().partition("/**")[0].splitlines()
    assert head[-2:] == [
        "#   densification_params.num_past_frames: 1",
        "#   post_process_params.circle_nms_dist_threshold: 1.0",
    ]


def test_classes_follow_the_order_of_the_model_and_not_of_the_configuration(autoware):
    parameters = ml_package(autoware, BASE_MODEL | {"class_names": ["pedestrian", "car"]})["model_params"]
    assert parameters["class_names"] == ["PEDESTRIAN", "CAR"]
    assert parameters["yaw_norm_thresholds"] == [0.0, 0.3]
    assert list(parameters["detection_score_thresholds"]["min_confidence_scores"]) == ["PEDESTRIAN", "CAR"]


def test_a_class_that_the_configuration_does_not_know_is_named(autoware):
    with pytest.raises(UsageError, match="classes lacks the model's tram"):
        ml_package(autoware, BASE_MODEL | {"class_names": ["car", "tram"]})


def test_two_classes_with_one_autoware_name_are_refused(section):
    section["classes"]["truck"]["name"] = "CAR"
    with pytest.raises(UsageError, match="names two of the model's classes CAR"):
        ml_package(bundle_config(section), BASE_MODEL)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("trt_precision", "int8", "autoware.trt_precision: Input should be 'fp32' or 'fp16'"),
        ("max_voxel_size", None, "autoware.max_voxel_size: Input should be a valid integer"),
        ("speed", 1, "autoware.speed: Extra inputs are not permitted"),
        ("remapping", [{"from": "CAR", "to": "TANK", "min_area": 1.0, "max_area": 2.0}], "autoware.remapping.0.to"),
    ],
)
def test_a_wrong_value_of_the_configuration_is_named_with_its_key(section, key, value, says):
    with pytest.raises(UsageError, match=says):
        bundle_config(section | {key: value})


def test_a_missing_value_of_the_configuration_is_named_with_its_key(section):
    del section["version"]
    with pytest.raises(UsageError, match=r"conf/autoware/CenterPoint.yaml: autoware.version: Field required"):
        bundle_config(section)
