"""Whatever stands in a scene's files, a check ends with findings: no crash, no hang, no memory without bound."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t4zoo.t4.check.cache import key_of
from t4zoo.t4.check.scene import EVERY, check_scene
from t4zoo.t4.check.schema import SCHEMA
from tests.t4.scenes import GIVEN, ROOT

BASE = {name: json.loads((GIVEN / "synth_1/0/annotation" / f"{name}.json").read_text()) for name in SCHEMA}
for rows in BASE.values():
    del rows[8:]  # a small scene: its tables fit each other as far as they go

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, -0.0, 1e308, -1e308, 2**63, 10**400, True]),
)
TOKENS = st.sampled_from([row["token"] for rows in BASE.values() for row in rows])
LEAVES = st.one_of(
    st.none(), st.booleans(), NUMBERS, st.text(max_size=8), TOKENS, st.just("data/LIDAR_CONCAT/00000.pcd.bin")
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SOURCES = VALUES.map(lambda value: json.dumps({"num_pts_feats": 5, "sources": value}).encode())
FIELDS = sorted({field.name for fields in SCHEMA.values() for field in fields} | {"sample_data_token", "bbox"})
QUIET = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def edits(draw) -> dict[str, list]:
    """The tables of a good scene after some random edits."""
    tables = {name: [dict(row) for row in rows] for name, rows in BASE.items()}
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(sorted(SCHEMA)))
        rows = tables[name]
        place = draw(st.integers(0, len(rows))) if rows else 0
        kind = draw(st.sampled_from(["set", "set", "set", "drop", "row", "twice", "lose"]))
        if kind == "row":
            rows.insert(place, draw(VALUES))
        elif not rows or place == len(rows) or not isinstance(rows[place], dict):
            continue
        elif kind == "set":
            own = [field.name for field in SCHEMA[name]]
            rows[place][draw(st.sampled_from(own) | st.sampled_from(FIELDS))] = draw(VALUES)
        elif kind == "drop":
            rows[place].pop(draw(st.sampled_from([field.name for field in SCHEMA[name]])), None)
        elif kind == "twice":
            rows.append(dict(rows[place]))
        else:
            del rows[place]
    return tables


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="t4 fuzz ä ") as name:
        scene = Path(name) / "synth_1" / "0"
        shutil.copytree(GIVEN / "synth_1/0", scene)
        yield scene


def judged(scene: Path) -> None:
    report = check_scene(scene)
    assert "STR011" not in report.counts, report.findings
    json.dumps(report.to_dict())
    assert key_of(scene, EVERY)


@QUIET
@given(tables=edits())
def test_any_values_in_the_tables(folder: Path, tables: dict[str, list]):
    for name, rows in tables.items():
        (folder / "annotation" / f"{name}.json").write_text(json.dumps(rows))
    judged(folder)


@QUIET
@given(
    name=st.sampled_from(sorted(SCHEMA)), begin=st.integers(0, 400), end=st.integers(0, 400), put=st.binary(max_size=12)
)
def test_any_bytes_in_a_table(folder: Path, name: str, begin: int, end: int, put: bytes):
    good = {table: json.dumps(rows).encode() for table, rows in BASE.items()}
    good[name] = good[name][:begin] + put + good[name][end:]
    for table, content in good.items():
        (folder / "annotation" / f"{table}.json").write_bytes(content)
    judged(folder)


@settings(QUIET, max_examples=60)
@given(info=st.binary(max_size=60) | SOURCES, points=st.binary(max_size=400))
def test_any_bytes_in_clouds_and_their_info_files(folder: Path, info: bytes, points: bytes):
    tables = {name: [dict(row) for row in rows] for name, rows in BASE.items()}
    tables["sample_data"][0] |= {"filename": "data/odd.bin", "info_filename": "data/odd.json"}
    tables["sample_data"][1] |= {"filename": "data/odd.bin"}
    for name, rows in tables.items():
        (folder / "annotation" / f"{name}.json").write_text(json.dumps(rows))
    (folder / "data/odd.bin").write_bytes(points + bytes(-len(points) % 20))
    (folder / "data/odd.json").write_bytes(info)
    judged(folder)


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [50, 300, 900, 990, 1_100, 100_000])
def test_values_nested_to_any_depth(folder: Path, levels: int):
    tables = {name: json.dumps(rows) for name, rows in BASE.items()}
    tables["sample_annotation"] = tables["sample_annotation"].replace('"size": [', f'"size": [{deep(levels)}, ', 1)
    tables["instance"] = tables["instance"].replace(
        '"category_token": ', f'"more": {deep(levels)}, "category_token": ', 1
    )
    for name, content in tables.items():
        (folder / "annotation" / f"{name}.json").write_text(content)
    judged(folder)


WORST = {
    "empty lists": "[" + "[]," * 1_499_990 + "[]]",
    "short texts": "[" + '"abcd",' * 2_999_990 + '"abcd"]',
    "rows without a token": "[" + '{"a":0},' * 1_499_990 + '{"a":0}]',
    "one long text": '["' + "x" * (60 * 2**20) + '"]',
}


@pytest.mark.parametrize("content", WORST.values(), ids=WORST)
def test_memory_stays_within_two_gigabytes(tmp_path: Path, content: str):
    scene = tmp_path / "synth_1" / "0"
    shutil.copytree(GIVEN / "synth_1/0", scene)
    (scene / "annotation" / "sample_annotation.json").write_text(content)
    code = (
        "from pathlib import Path; from t4zoo.t4.check.scene import check_scene\n"
        f"report = check_scene(Path({str(scene)!r}))\n"
        "assert report.counts and 'STR011' not in report.counts, report.findings\n"
        # VmHWM, not ru_maxrss: the latter starts with what the parent held when it forked.
        "status = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())\n"
        "assert int(status['VmHWM'].split()[0]) < 2 * 2**20, status['VmHWM']"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
