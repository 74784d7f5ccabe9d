import dataclasses
import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from t4zoo.t4.reader import read_scene
from t4zoo.t4.tables import RECORDS, AutolabelMetadata, SceneTables, identifier, token
from t4zoo.t4.writer import Box, WriteError, with_boxes, without_boxes, write_annotation
from tests.t4.scenes import GIVEN, ask_nuscenes

GIVEN_SCENES = ["synth_1", "synth_2", "real_vls128_nonannotated", "t4devkit_sample"]
MODEL = AutolabelMetadata("CenterPoint/t4base@v1.0.0", 0.75)


@pytest.fixture(scope="module")
def tables() -> SceneTables:
    return read_scene(GIVEN / "synth_1").tables


def box(tables: SceneTables, sample: int, track: str = "a", **changes) -> Box:
    place = sorted(tables.sample, key=lambda row: row.timestamp)[sample]
    plain = Box(track, "car", place.token, (1.0, 2.0, 3.0), (2.0, 4.0, 1.5), (1.0, 0.0, 0.0, 0.0), 7)
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize("name", GIVEN_SCENES)
def test_what_is_written_is_read_back_the_same(tmp_path: Path, name: str):
    given = read_scene(GIVEN / name).tables
    write_annotation(tmp_path / "annotation", given)
    back = read_scene(tmp_path).tables
    for table in RECORDS:
        one, other = (sorted(getattr(side, table), key=lambda row: row.token) for side in (given, back))
        for a, b in zip(one, other, strict=True):
            for field in dataclasses.fields(a):
                x, y = getattr(a, field.name), getattr(b, field.name)
                numeric = isinstance(x, tuple) and x and isinstance(x[0], float)
                assert y == (pytest.approx(x, abs=1e-9) if numeric else x)


def test_writing_twice_gives_the_same_bytes_in_any_order_of_rows(tmp_path: Path, tables: SceneTables):
    shuffled = dataclasses.replace(tables, **{name: getattr(tables, name)[::-1] for name in RECORDS})
    write_annotation(tmp_path / "one", tables)
    write_annotation(tmp_path / "two", shuffled)
    for name in RECORDS:
        assert (tmp_path / "one" / f"{name}.json").read_bytes() == (tmp_path / "two" / f"{name}.json").read_bytes()
    assert sorted(path.stem for path in (tmp_path / "one").iterdir()) == sorted(RECORDS)


def test_boxes_of_a_track_are_chained_in_the_order_of_time(tables: SceneTables):
    made = with_boxes(tables, "id/0", [box(tables, n) for n in (2, 0, 3)], ["car", "bus"])
    rows = {row.token: row for row in made.sample_annotation}
    (instance,) = made.instance
    row, chain = rows[instance.first_annotation_token], []
    while True:
        chain.append(row.sample_token)
        if not row.next:
            break
        assert rows[row.next].prev == row.token
        row = rows[row.next]
    ordered = [sample.token for sample in sorted(tables.sample, key=lambda sample: sample.timestamp)]
    assert chain == [ordered[0], ordered[2], ordered[3]]
    assert (instance.nbr_annotations, instance.last_annotation_token) == (3, row.token)
    assert [category.name for category in made.category] == ["bus", "car"]


def test_a_models_box_carries_its_name_and_score_and_a_humans_does_not(tmp_path: Path, tables: SceneTables):
    boxes = [box(tables, 0, "a", models=(MODEL,)), box(tables, 0, "b", attributes=("vehicle_state.parked",))]
    write_annotation(tmp_path / "annotation", with_boxes(tables, "id/0", boxes, ["car"]))
    rows = json.loads((tmp_path / "annotation" / "sample_annotation.json").read_text())
    rows = {row["instance_token"]: row for row in rows}
    made, human = rows[token("id/0", "instance", "a")], rows[token("id/0", "instance", "b")]
    assert made["automatic_annotation"] is True
    assert made["autolabel_metadata"] == [{"name": "CenterPoint/t4base@v1.0.0", "score": 0.75}]
    assert human["automatic_annotation"] is False
    assert "autolabel_metadata" not in human
    assert human["attribute_tokens"] == [token("attribute", "vehicle_state.parked")]


def test_a_whole_score_is_written_with_its_point(tmp_path: Path, tables: SceneTables):
    sure = with_boxes(tables, "id/0", [box(tables, 0, models=(AutolabelMetadata("m", 1.0),))], [])
    write_annotation(tmp_path / "annotation", sure)
    assert '"score": 1.0' in (tmp_path / "annotation" / "sample_annotation.json").read_text()


def test_tokens_follow_from_the_scene_and_the_track_alone(tables: SceneTables):
    one, same, other = (
        {row.token for row in with_boxes(tables, key, [box(tables, 0), box(tables, 1)], []).sample_annotation}
        for key in ("id/0", "id/0", "other/0")
    )
    assert one == same
    assert not one & other
    assert all(len(name) == 32 and int(name, 16) for name in one)


def test_pseudo_annotated_and_stripped_scenes_load_in_nuscenes_devkit(tmp_path: Path, tables: SceneTables):
    labelled = with_boxes(tables, "id/0", [box(tables, n, models=(MODEL,)) for n in range(4)], ["car"])
    for name, content in (("labelled", labelled), ("stripped", without_boxes(tables))):
        write_annotation(tmp_path / name / "annotation", content)
        (tmp_path / name / "data").symlink_to(GIVEN / "synth_1" / "0" / "data")
    answer = ask_nuscenes(tmp_path / "labelled", tmp_path / "stripped")
    assert [len(rows) for rows in answer[str(tmp_path / "labelled")].values()] == [1] * 4
    assert [len(rows) for rows in answer[str(tmp_path / "stripped")].values()] == [0] * 4


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (lambda t: [box(t, 0), box(t, 0)], "two boxes"),
        (lambda t: [box(t, 0), box(t, 1, category="bus")], "changes its category"),
        (lambda t: [box(t, 0, sample_token="nowhere")], "unknown sample nowhere"),
    ],
)
def test_boxes_that_make_no_track_are_refused(tables: SceneTables, boxes, message: str):
    with pytest.raises(WriteError, match=message):
        with_boxes(tables, "id/0", boxes(tables), [])


@for_any(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1))
def test_a_token_is_the_identifier_of_its_parts_without_dashes(parts: list[str]):
    assert token(*parts) == identifier(*parts).hex


@for_any(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e6, 1e6),
    st.floats(-1e-3, 1e-3),
    st.integers(-(10**7), 10**7).map(lambda halves: halves * 5e-10),
    st.text(),
    st.integers(),
)
def test_a_table_is_what_json_says_of_its_rounded_numbers(tables, wide, usual, small, half, text, whole):
    row = dataclasses.replace(tables.ego_pose[0], translation=(wide, usual, small), twist=(half, -0.0), timestamp=whole)
    row = dataclasses.replace(row, token=text)
    with TemporaryDirectory() as folder:
        write_annotation(Path(folder) / "annotation", dataclasses.replace(tables, ego_pose=(row,)))
        written = (Path(folder) / "annotation" / "ego_pose.json").read_text(encoding="utf-8")
    fields = {key: value for key, value in dataclasses.asdict(row).items() if value is not None}
    rounded = {
        key: [round(number, 9) + 0.0 for number in value] if isinstance(value, tuple) else value
        for key, value in fields.items()
    }
    assert written == "[\n" + json.dumps(rounded, ensure_ascii=False) + "\n]\n"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_json_cannot_hold_leaves_nothing(tmp_path: Path, tables: SceneTables, bad: float):
    with pytest.raises(WriteError, match="sample_annotation"):
        made = with_boxes(tables, "id/0", [box(tables, 0, translation=(bad, 0.0, 0.0))], [])
        write_annotation(tmp_path / "annotation", made)
    assert not list(tmp_path.iterdir())


def test_an_existing_annotation_is_never_overwritten(tmp_path: Path, tables: SceneTables):
    (tmp_path / "annotation").mkdir()
    with pytest.raises(WriteError, match="exists already"):
        write_annotation(tmp_path / "annotation", tables)
    assert not list((tmp_path / "annotation").iterdir())


def test_two_rows_of_one_token_are_refused(tmp_path: Path, tables: SceneTables):
    with pytest.raises(WriteError, match=r"sample\.json: two records"):
        write_annotation(tmp_path / "annotation", dataclasses.replace(tables, sample=tables.sample * 2))
    assert not list(tmp_path.iterdir())
