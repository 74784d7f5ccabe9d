"""What is written from conf/autoware/ is what Autoware published, where both say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from t4zoo.errors import UsageError
from t4zoo.export import ros_yaml
from t4zoo.export.bundle_config import bundle_config
from t4zoo.export.TransFusion.parameters import PARAMETER_FILE, ml_package, write_parameters

PUBLISHED = Path(__file__).parent.parent.parent / "data" / "contracts" / "transfusion_ml_package.param.yaml"

BASE_MODEL = {  # the published model's, in this project's class names
    "class_names": ["car", "truck", "bus", "bicycle", "pedestrian"],
    "point_cloud_range": [-92.16, -92.16, -3, 92.16, 92.16, 7],
    "voxel_size": [0.24, 0.24, 10],
    "num_proposals": 500,
    "node_settings": {"circle_nms_dist_threshold": 0.5},
}


@pytest.fixture
def section(cfg) -> dict:
    return OmegaConf.to_container(cfg.autoware, resolve=True)


def test_the_published_parameters_come_from_the_published_model(section):
    section["voxels_num"] = [5000, 30000, 60000]
    published = ros_yaml.load(PUBLISHED)["/**"]["ros__parameters"]
    assert ml_package(bundle_config(section), BASE_MODEL) == published
    assert list(ml_package(bundle_config(section), BASE_MODEL)) == list(published)


def test_the_file_reads_back_typed_and_tells_what_it_has_no_place_for(section, tmp_path):
    write_parameters(tmp_path, bundle_config(section), BASE_MODEL)
    read = ros_yaml.load(tmp_path / PARAMETER_FILE)["/**"]["ros__parameters"]
    assert read["point_cloud_range"] == [-92.16, -92.16, -3.0, 92.16, 92.16, 7.0]
    assert all(isinstance(value, float) for value in read["point_cloud_range"])
    assert "#   circle_nms_dist_threshold: 0.5\n" in (tmp_path / PARAMETER_FILE).read_text()


def test_a_class_without_a_name_of_autoware_is_named(section):
    del section["classes"]["bus"]
    with pytest.raises(UsageError, match=r"conf/autoware/TransFusion.yaml: autoware.classes lacks the model's bus"):
        ml_package(bundle_config(section), BASE_MODEL)


def test_two_classes_of_one_name_are_named(section):
    section["classes"]["bus"] = "TRUCK"
    with pytest.raises(UsageError, match="names two of the model's classes TRUCK"):
        ml_package(bundle_config(section), BASE_MODEL)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("voxels_num", [1, 2], "autoware.voxels_num"),
        ("classes", {"car": "MOTORBIKE"}, "autoware.classes.car"),
        ("node", {}, "autoware.node.score_threshold: Field required"),
        ("cloud_capacity", 1, "autoware.cloud_capacity: Extra inputs"),
    ],
)
def test_a_wrong_value_of_the_configuration_is_named_with_its_key(section, key, value, says):
    with pytest.raises(UsageError, match=f"conf/autoware/TransFusion.yaml: .*{says}"):
        bundle_config(section | {key: value})


def test_an_algorithm_without_a_node_is_named(section):
    with pytest.raises(UsageError, match=r"the algorithm is 'YOLOX', and there is no t4zoo/export/YOLOX/parameters.py"):
        bundle_config(section | {"algorithm": "YOLOX"})
