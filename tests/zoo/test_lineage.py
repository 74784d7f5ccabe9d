"""Lineage: every ancestor and descendant once at its place, and an end to it even where a manifest says otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from t4zoo.cli.main import app
from t4zoo.errors import UsageError
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.reading.catalogue import NotReleasedError
from t4zoo.zoo.reading.index import INDEX_NAME, Index, Row, write
from t4zoo.zoo.reading.lineage import Step, line, lineage, trace, view
from t4zoo.zoo.reading.where import Where
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.storage.server import Server
from tests.zoo.repository import NAME, Repository

NUSCENES, PRETRAIN, BASE = (f"CenterPoint/{model}@v1.0.0" for model in ("nuscenes", "t4pretrain", "t4base"))
X2, X2_NEXT, OTHER = "CenterPoint/t4x2@v1.0.0", "CenterPoint/t4x2@v1.1.0", "CenterPoint/other@v1.0.0"
LABELS, URL = "auto_label/20260131_xx1", "https://example.invalid/weights.pth"


def row(name: str, *parents: str, **changes: Any) -> Row:
    one = Row(name, "base", None, list(parents), 0.5, 1, 1, None, None, "d" * 64, "active", None, name)
    return one._replace(**changes)


ROWS = (
    row(NUSCENES, URL, kind="public"),
    row(PRETRAIN, NUSCENES),
    row(BASE, PRETRAIN, state="deprecated", reason="too few nights"),
    row(X2, BASE),
    row(X2_NEXT, X2, score=None),
    row(OTHER),
    row(LABELS, X2, OTHER, kind="auto_label", score=None),
)
BY_NAME = {one.name: one for one in ROWS}


def told(steps: tuple[Step, ...]) -> list[tuple[str, int]]:
    return [(step.name, step.depth) for step in steps]


def test_a_version_stands_between_what_it_was_made_from_and_what_it_went_into() -> None:
    found = lineage(ROWS, BY_NAME[BASE])
    assert told(found.ancestors) == [(PRETRAIN, 1), (NUSCENES, 2), (URL, 3)]
    assert told(found.descendants) == [(X2, 1), (X2_NEXT, 2), (LABELS, 2)]
    assert told(lineage(ROWS, BY_NAME[LABELS]).ancestors)[:2] == [(X2, 1), (BASE, 2)]
    assert told(lineage(ROWS, BY_NAME[LABELS]).ancestors)[-1] == (OTHER, 1)
    assert line(ROWS, BY_NAME[X2_NEXT]) == [X2_NEXT, X2, BASE, PRETRAIN, NUSCENES, URL]


def test_lineage_is_shown_as_two_trees_with_kind_score_and_notice() -> None:
    assert (
        "\n".join(view(lineage(ROWS, BY_NAME[X2])))
        == """\
version                                      kind          mAP
CenterPoint/t4x2@v1.0.0                      base        0.500
made from
  CenterPoint/t4base@v1.0.0                  base        0.500  deprecated: too few nights
    CenterPoint/t4pretrain@v1.0.0            base        0.500
      CenterPoint/nuscenes@v1.0.0            public      0.500
        https://example.invalid/weights.pth  -               -  not in this zoo
went into
  CenterPoint/t4x2@v1.1.0                    base            -
  auto_label/20260131_xx1                    auto_label      -"""
    )


def test_what_was_shown_above_is_not_shown_again() -> None:
    rows = [row(BASE), row(X2, BASE), row(OTHER, BASE), row(LABELS, X2, OTHER)]
    steps = lineage(rows, rows[3]).ancestors
    assert told(steps) == [(X2, 1), (BASE, 2), (OTHER, 1), (BASE, 2)] and not any(step.again for step in steps)
    deeper = [row(PRETRAIN), row(BASE, PRETRAIN), *rows[1:]]
    steps = lineage(deeper, deeper[-1]).ancestors
    assert [step.name for step in steps if step.again] == [BASE] and told(steps).count((PRETRAIN, 3)) == 1


names = st.sampled_from([f"A/m@v1.{number}.0" for number in range(6)])
graphs = st.dictionaries(names, st.lists(names, max_size=4), min_size=1, max_size=6)


@given(graphs)
def test_no_circle_of_foreign_manifests_hangs_it_and_each_relative_is_there(graph: dict[str, list[str]]) -> None:
    rows = [row(name, *parents) for name, parents in graph.items()]
    found = lineage(rows, rows[0])
    assert line(rows, rows[0])[0] == rows[0].name
    ahead, reached = list(rows[0].parents), set[str]()
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += graph.get(name, [])
    assert {step.name for step in found.ancestors} == reached
    expanded = [step.name for step in found.ancestors if not step.again and graph.get(step.name)]
    assert len(expanded) == len(set(expanded))
    by_name = {one.name: one for one in rows}
    for step in found.descendants:
        assert rows[0].name in {one.name for one in lineage(rows, by_name[step.name]).ancestors}


def test_a_line_of_ten_thousand_versions_is_shown() -> None:
    rows = [row("A/m@v1.0.0")] + [row(f"A/m@v1.{n}.0", f"A/m@v1.{n - 1}.0") for n in range(1, 10_000)]
    found = lineage(rows, rows[-1])
    assert len(found.ancestors) == 9_999 and found.ancestors[-1].depth == 9_999
    assert len(line(rows, rows[-1])) == 10_000
    assert max(map(len, view(found))) < 200


def test_lineage_is_asked_of_a_zoo_by_name(s3: Server, prefix: str) -> None:
    url = f"s3://{s3.bucket}/{prefix}"
    assert write(S3Folder(parse_address(url)), Index.of(ROWS))
    done = CliRunner().invoke(app, ["lineage", BASE, "--json", "--zoo", url], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["state"] == "deprecated" and [one["name"] for one in found["ancestors"]] == [PRETRAIN, NUSCENES, URL]
    assert found["descendants"][0] == {
        **{"name": X2, "kind": "base", "mAP": 0.5, "state": "active", "reason": None},
        **{"depth": 1, "again": False},
    }
    with pytest.raises(UsageError, match="give its URL as --zoo"):
        trace(f"{url}/models/CenterPoint/t4base/v1.0.0", Where(url), lambda name: None)
    with pytest.raises(NotReleasedError):
        trace("CenterPoint/t4base@v9.0.0", Where(url), lambda name: None)


def test_a_version_that_the_index_has_not_heard_of_yet_has_a_lineage(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    index = Index.of([row(X2, NAME)])
    client.put_object(Bucket=bucket, Key=f"{prefix}/{INDEX_NAME}", Body=index.to_bytes())
    found, _ = trace(NAME, Where(spoilable.zoo), lambda name: None)
    assert found.row.score == 0.75 and told(found.descendants) == [(X2, 1)]
