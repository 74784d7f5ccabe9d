"""Whatever stands in a scene's files, a check ends with findings: no crash, no hang, no memory without bound."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.t4.check.cache import key_of
from t4zoo.t4.check.scene import EVERY, check_scene
from t4zoo.t4.check.schema import SCHEMA
from tests.t4.fuzzing import QUIET, edits, nested, values
from tests.t4.scenes import GIVEN, ROOT

BASE = {name: json.loads((GIVEN / "synth_1/0/annotation" / f"{name}.json").read_text()) for name in SCHEMA}
for rows in BASE.values():
    del rows[8:]  # a small scene: its tables fit each other as far as they go

VALUES = values([row["token"] for rows in BASE.values() for row in rows])
SOURCES = VALUES.map(lambda value: json.dumps({"num_pts_feats": 5, "sources": value}).encode())
KINDS = ("set", "set", "set", "drop", "row", "twice", "lose")


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
@given(tables=edits(BASE, KINDS, 6))
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


@pytest.mark.parametrize("levels", [50, 300, 900, 990, 1_100, 100_000])
def test_values_nested_to_any_depth(folder: Path, levels: int):
    tables = {name: json.dumps(rows) for name, rows in BASE.items()}
    tables["sample_annotation"] = tables["sample_annotation"].replace('"size": [', f'"size": [{nested(levels)}, ', 1)
    tables["instance"] = tables["instance"].replace(
        '"category_token": ', f'"more": {nested(levels)}, "category_token": ', 1
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
