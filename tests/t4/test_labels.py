import pytest
import yaml

from t4zoo.t4.labels import IGNORED, LabelMap, LabelsError, Merge, read_labels
from tests.t4.scenes import ROOT

CLASSES = ["car", "truck", "bus", "bicycle", "pedestrian"]
T4 = yaml.safe_load((ROOT / "conf" / "labels" / "t4.yaml").read_text())


@pytest.fixture(scope="module")
def labels() -> LabelMap:
    return read_labels(T4, CLASSES)


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("vehicle.emergency (ambulance & police)", "car"),
        ("police_car", "car"),
        ("vehicle.police", "car"),
        ("vehicle.bus (bendy & rigid)", "bus"),
        ("vehicle.bus", "bus"),
        ("tractor_unit", "truck"),
        ("vehicle.fire", "truck"),
        ("motorcycle", "bicycle"),
        ("pedestrian.stroller", "pedestrian"),
        ("personal_mobility", "pedestrian"),
    ],
)
def test_every_historical_vocabulary_is_understood(labels: LabelMap, category: str, name: str):
    assert labels.class_of(category) == name
    assert labels.label_of(name, category, ()) == CLASSES.index(name)


@pytest.mark.parametrize("category", ["animal", "vehicle.trailer", "static_object.bicycle rack", "never heard of"])
def test_what_is_no_class_of_the_product_is_ignored(labels: LabelMap, category: str):
    assert labels.label_of(labels.class_of(category), category, ()) == IGNORED


def test_a_bicycle_that_nobody_rides_is_ignored_and_a_parked_car_is_not(labels: LabelMap):
    assert labels.label_of("bicycle", "vehicle.bicycle", ["cycle_state.without_rider"]) == IGNORED
    assert labels.label_of("bicycle", "vehicle.bicycle", ["cycle_state.with_rider"]) == 3
    assert labels.label_of("bicycle", "motorcycle", ["vehicle_state.parked"]) == IGNORED
    assert labels.label_of("car", "car", ["vehicle_state.parked"]) == 0


def test_tractors_and_trailers_are_merged_unless_that_is_switched_off(labels: LabelMap):
    assert labels.merges == (Merge("truck", "truck", "trailer"),)
    assert read_labels(T4 | {"merge_type": None}, CLASSES).merges == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"merge_type": "union"}, "merge_type 'union' is not known"),
        ({"name_mapping": None}, r"conf/labels/t4\.yaml"),
        ({"merge_objects": [["truck", ["truck"]]]}, r"conf/labels/t4\.yaml"),
        ({"filter_attributes": [["bicycle"]]}, r"conf/labels/t4\.yaml"),
    ],
)
def test_a_map_that_cannot_be_understood_is_refused(change: dict, message: str):
    with pytest.raises(LabelsError, match=message):
        read_labels(T4 | change, CLASSES)


def test_a_class_that_nothing_becomes_is_refused():
    with pytest.raises(LabelsError, match="no raw category becomes tram"):
        read_labels(T4, [*CLASSES, "tram"])
