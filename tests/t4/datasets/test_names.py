"""The grammar of ids and versions, held to what may stand in a list by making all that may and may not."""

import string
import uuid

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.t4.dataset_list import DatasetListError, SceneId, parse_scene_id
from t4zoo.t4.datasets.entries import parse_list
from t4zoo.t4.datasets.names import bumped, is_uuid, version_of
from t4zoo.yaml_text import brief

ids = st.uuids(version=4).map(str)
revisions = st.integers(0, 999).map(str)
words = st.text(string.ascii_letters + string.digits + "_.-", min_size=1)
anything = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]))


@given(ids, revisions, words, words, words, st.sampled_from([1, 2, 4, 5]))
def test_an_id_of_1_2_4_or_5_parts_says_what_its_parts_are(name, revision, city, vehicle, status, count):
    parts = [name, revision, city, vehicle, status][:count]
    scene = parse_scene_id("/".join(parts))
    assert scene == SceneId(*parts)
    assert [scene.id, scene.revision, scene.city, scene.vehicle_type, scene.status][:count] == parts
    assert scene.key == "/".join(parts[:2])


@given(st.lists(anything, min_size=1, max_size=8))
def test_any_other_text_is_refused_in_words_and_never_crashes(parts):
    text = "/".join(parts)
    is_id = parts[0][:1] in string.ascii_letters + string.digits + "_" and parts[0] != ""
    try:
        scene = parse_scene_id(text)
    except DatasetListError as error:
        assert brief(text) in str(error)
        assert len(str(error)) < 300
        assert len(repr(text)) > 120 or repr(text) in str(error)  # only long texts are shortened
    else:
        assert is_id and len(parts) in (1, 2, 4, 5)
        assert ".." not in scene.key.split("/")
        assert scene.revision is None or set(scene.revision) <= set(string.digits)


@given(st.lists(st.one_of(anything, st.integers(), st.none(), st.lists(st.integers())), max_size=6))
def test_a_list_with_any_entries_is_read_with_a_finding_for_each_that_is_none(entries):
    content = yaml.safe_dump({"version": 1, "train": entries, "val": None}, allow_unicode=True)
    written = parse_list("db_x_v1", "x.yaml", content.encode())
    assert len(written.entries) + len(written.findings) == len(entries)
    assert {finding.rule for finding in written.findings} <= {"id-form"}


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_list_or_a_finding(content):
    written = parse_list("db_x_v1", "x.yaml", content)
    assert written.findings


@pytest.mark.parametrize("content", [b"[" * 5000, b"a: &a [*a]\nversion: 1", b"train: &a [*a]\nversion: 1"])
def test_lists_that_are_deep_or_hold_themselves_are_findings(content):
    assert parse_list("db_x_v1", "x.yaml", content).findings


@given(st.uuids())
def test_only_a_uuid_in_lower_case_with_four_hyphens_is_one(one):
    known = uuid.UUID(int=one.int, version=4)
    assert is_uuid(str(known))
    for wrong in (str(known)[:-1], str(known) + "0", known.hex, f"{{{known}}}", f" {known}"):
        assert not is_uuid(wrong)


def test_capital_letters_are_another_folder():
    assert is_uuid("e4359aff-ea82-4ff0-860b-9ad24808cfd2") and not is_uuid("E4359AFF-EA82-4FF0-860B-9AD24808CFD2")


@given(words, st.integers(0, 99), st.integers(0, 99))
def test_the_next_version_has_the_same_x_and_is_higher(name, x, y):
    old = f"{name}-v{x}.{y}"
    assert version_of(old) == (x, y)
    assert version_of(bumped(old)) == (x, y + 1)


@pytest.mark.parametrize("text", ["", "db-j6gen2", "db-j6gen2-v3", "db-v1.02", "db-v1.0.0x"])
def test_what_has_no_x_and_y_is_no_version(text):
    assert version_of(text) is None
    assert version_of(bumped(text)) is not None
