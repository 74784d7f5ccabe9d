"""What is written from conf/autoware/ is what Autoware published, where both say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from t4zoo.errors import UsageError
from t4zoo.export import ros_yaml
from t4zoo.export.BEVFusion.parameters import PARAMETER_FILE, ml_package, write_parameters
from t4zoo.export.bundle_config import bundle_config
from tests.export.samples import CONF

PUBLISHED = Path(__file__).parent.parent.parent / "data" / "contracts" / PARAMETER_FILE

BASE_MODEL = {  # the published model's, in this project's class names
    "class_names": ["car", "truck", "bus", "bicycle", "pedestrian"],
    "point_cloud_range": [-122.4, -122.4, -3, 122.4, 122.4, 5],
    "voxel_size": [0.17, 0.17, 0.2],
    "num_proposals": 500,
    "out_size_factor": 8,
    "max_points_per_voxel": 10,
    "use_intensity": False,
    "node_settings": {"circle_nms_dist_threshold": 0.5},
}


@pytest.fixture
def section() -> dict:
    return OmegaConf.to_container(OmegaConf.load(CONF / "autoware/BEVFusion.yaml"))


def test_the_published_parameters_come_from_the_published_model(section):
    published = ros_yaml.load(PUBLISHED)["/**"]["ros__parameters"]
    assert ml_package(bundle_config(section), BASE_MODEL) == published
    assert list(ml_package(bundle_config(section), BASE_MODEL)) == list(published)


def test_the_file_reads_back_typed_and_tells_what_it_has_no_place_for(section, tmp_path):
    write_parameters(tmp_path, bundle_config(section), BASE_MODEL)
    read = ros_yaml.load(tmp_path / PARAMETER_FILE)["/**"]["ros__parameters"]
    assert read["point_cloud_range"] == [-122.4, -122.4, -3.0, 122.4, 122.4, 5.0]
    assert all(isinstance(value, float) for value in (*read["point_cloud_range"], read["img_aug_scale_x"]))
    assert "#   circle_nms_dist_threshold: 0.5\n" in (tmp_path / PARAMETER_FILE).read_text()


def test_a_class_without_scores_of_its_own_is_named(section):
    del section["node"]["min_confidence_scores"]["BUS"]
    section["node"]["min_confidence_scores"]["CAR"] = [0.1, 0.2]
    with pytest.raises(UsageError, match=r"autoware: .*node.min_confidence_scores: give 4 scores.* for CAR, BUS"):
        bundle_config(section)


def test_another_number_of_yaw_thresholds_than_of_classes_is_named(section, tmp_path):
    section["node"]["yaw_norm_thresholds"] = [0.3]
    with pytest.raises(UsageError, match=r"node.yaw_norm_thresholds has 1 values for the model's 5 classes"):
        write_parameters(tmp_path, bundle_config(section), BASE_MODEL)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("voxels_num", [1, 2], "autoware.voxels_num"),
        ("classes", {"car": "MOTORBIKE"}, "autoware.classes.car"),
        ("bounds", {}, "autoware.bounds.d_bound: Field required"),
        ("node", {}, "autoware.node.circle_nms_dist_threshold: Field required"),
        ("cloud_capacity", 1, "autoware.cloud_capacity: Extra inputs"),
    ],
)
def test_a_wrong_value_of_the_configuration_is_named_with_its_key(section, key, value, says):
    with pytest.raises(UsageError, match=f"conf/autoware/BEVFusion.yaml: .*{says}"):
        bundle_config(section | {key: value})
