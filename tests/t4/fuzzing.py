"""What may stand in a scene's files: any JSON, the tables of a small good scene, and edits that spoil them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from t4zoo.t4.reader import MAY_BE_EMPTY, REFERENCES
from tests.t4.scenes import GIVEN

Tables = dict[str, list[Any]]

QUIET = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, -0.0, 1e308, -1e308, 2**63, 2**64, 10**400, True, 1e-200]),
)


def values(tokens: list[str]) -> st.SearchStrategy[Any]:
    """Any JSON, a token of the scene or a file of it now and then."""
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        NUMBERS,
        st.text(max_size=8),
        st.sampled_from(tokens),
        st.just("data/LIDAR_CONCAT/00000.pcd.bin"),
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )


def tables_of(scene: Path) -> Tables:
    """The tables in a scene's folder."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((scene / "annotation").glob("*.json"))}


def whole_tables(samples: int) -> Tables:
    """The first samples of a good scene, and only what belongs to them: a good scene too."""
    tables = tables_of(GIVEN / "synth_1/0")
    gone = {row["token"] for row in tables["sample"][samples:]}
    tables["sample"] = tables["sample"][:samples]
    for name in ("sample_data", "sample_annotation"):
        rows = tables[name]
        tables[name] = [row for row in rows if row["sample_token"] and row["sample_token"] not in gone]
        gone |= {row["token"] for row in rows} - {row["token"] for row in tables[name]}
    for rows in tables.values():
        for row in rows:
            for field in row.keys() & {"prev", "next", *(REFERENCES.keys() & MAY_BE_EMPTY)}:
                row[field] = "" if isinstance(row[field], str) and row[field] in gone else row[field]
    return tables


def fields_of(tables: Tables) -> list[str]:
    """Every field of any table."""
    return sorted({field for rows in tables.values() for row in rows for field in row})


@st.composite
def edits(draw: st.DrawFn, tables: Tables, kinds: tuple[str, ...], most: int) -> Tables:
    """The tables after some random edits. kinds: set, drop, row, twice, lose, chain."""
    spoilt: Tables = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    anything = values([row["token"] for rows in tables.values() for row in rows])
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(sorted(spoilt)))
        rows = spoilt[name]
        place = draw(st.integers(0, len(rows)))
        kind = draw(st.sampled_from(kinds))
        if kind == "row":
            rows.insert(place, draw(anything))
        elif place < len(rows) and isinstance(rows[place], dict) and tables[name]:
            _edit(draw, kind, rows, place, sorted(tables[name][0]), anything, fields_of(tables))
    return spoilt


def _edit(
    draw: st.DrawFn, kind: str, rows: list[Any], place: int, own: list[str], anything: Any, every: list[str]
) -> None:
    row = rows[place]
    if kind == "set":
        row[draw(st.sampled_from(own) | st.sampled_from(every))] = draw(anything)
    elif kind == "drop":
        row.pop(draw(st.sampled_from(own)), None)
    elif kind == "twice":
        rows.append(dict(row))
    elif kind == "chain":
        tokens = [one["token"] for one in rows if isinstance(one, dict) and isinstance(one.get("token"), str)]
        row[draw(st.sampled_from(["prev", "next"]))] = draw(st.sampled_from(tokens)) if tokens else ""
    else:
        del rows[place]


def nested(levels: int) -> str:
    """JSON of lists in lists."""
    return "[" * levels + "]" * levels
