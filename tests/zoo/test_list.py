"""`t4zoo list`: from one object, in order, with what was said of each version, and harmless on a screen."""

from __future__ import annotations

import json
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from t4zoo.cli.main import app
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.reading.columns import aligned, table
from t4zoo.zoo.reading.index import INDEX_NAME, Index, Row, ZooIndexError, write
from t4zoo.zoo.reading.rows import choose, read_rows
from t4zoo.zoo.reading.where import Where
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.storage.server import Server
from tests.zoo.repository import FILES, FOLDER, NAME, Repository
from tests.zoo.serving import serving

NAMES = (
    "CenterPoint/t4base@v1.0.0",
    "CenterPoint/t4base@v1.0.0-north.1",
    "CenterPoint/t4base@v1.2.0",
    "CenterPoint/t4base@v1.10.0",
    "TransFusion/t4base@v1.0.0",
    "info@v0.3.0",
    "auto_label/20241101_xx1",
)


def row(name: str, **changes: Any) -> Row:
    return Row(
        name, "base", "x2", ["a", "b"], 0.5, 3, 2_500_000, "c" * 40, "2026-01-31T12:00", "d" * 64, "active", None, name
    )._replace(**changes)


@pytest.fixture
def zoo(s3: Server, prefix: str) -> str:
    """The address of a zoo that is an index alone."""
    url = f"s3://{s3.bucket}/{prefix}"
    said = {
        NAMES[0]: {"state": "deprecated", "reason": "v1.2.0 is better"},
        NAMES[2]: {"state": "yanked", "reason": "its labels were wrong"},
    }
    assert write(S3Folder(parse_address(url)), Index.of(row(name, **said.get(name, {})) for name in NAMES))
    return url


def listed(*arguments: str) -> list[str]:
    told = CliRunner().invoke(app, ["list", "--json", *arguments], catch_exceptions=False)
    assert told.exit_code == 0
    return [record["name"] for record in json.loads(told.stdout)]


def test_a_list_takes_one_request(zoo: str) -> None:
    asked: list[str] = []
    rows = read_rows(Where(zoo, on_request=lambda method, url: asked.append(f"{method} {url}")).open_zoo(), None).rows
    assert [one.name for one in rows] == list(NAMES)
    assert len(asked) == 1 and asked[0].endswith(f"/{INDEX_NAME}")


def test_patterns_choose_by_name(zoo: str) -> None:
    assert listed("--zoo", zoo, "--all") == list(NAMES)
    for patterns, numbers in {
        ("*@v1.0.*",): [0, 1, 4],
        ("north",): [1],
        ("CenterPoint/*",): [0, 1, 2, 3],
        ("info", "auto_label/*"): [5, 6],
        ("*@v1.2",): [],
        ("*",): [0, 1, 2, 3, 4, 5, 6],
    }.items():
        assert listed("--zoo", zoo, "--all", *patterns) == [NAMES[number] for number in numbers], patterns


def test_a_yanked_version_is_shown_when_all_are_asked_for_and_told_of_otherwise(zoo: str) -> None:
    told = CliRunner().invoke(app, ["list", "--zoo", zoo])
    assert NAMES[2] not in told.stdout and told.stderr == "1 yanked version is not shown; --all shows all\n"
    lines = told.stdout.splitlines()
    assert lines[1].split()[:7] == [NAMES[0], "base", "x2", "a,", "b", "0.500", "3"]
    assert lines[1].endswith("2026-01-31  deprecated: v1.2.0 is better")
    told = CliRunner().invoke(app, ["list", "--zoo", zoo, "--all", "v1.2.0"])
    assert told.stdout.endswith("yanked: its labels were wrong\n") and told.stderr == ""
    assert listed("--zoo", zoo, "v1.2.0") == []


def test_what_fits_nothing_is_said_on_stderr(zoo: str) -> None:
    told = CliRunner().invoke(app, ["list", "--zoo", zoo, "PointPillars"])
    assert told.exit_code == 0 and told.stdout == "" and told.stderr == f"no version fits 'PointPillars' in {zoo}\n"


def test_a_plain_web_server_that_lists_nothing_is_enough(alone: Path, tmp_path: Path) -> None:
    (tmp_path / INDEX_NAME).write_bytes(Index.of(map(row, NAMES)).to_bytes())
    with serving(lambda *arguments: SimpleHTTPRequestHandler(*arguments, directory=str(tmp_path))) as base:
        assert listed("--zoo", base, "t4base@v1.0.0") == [NAMES[0], NAMES[1], NAMES[4]]


def test_without_an_index_every_manifest_is_read_and_that_is_said(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    client.delete_object(Bucket=bucket, Key=f"{prefix}/{INDEX_NAME}")
    whole = client.get_object(Bucket=bucket, Key=f"{prefix}/{FOLDER}/manifest.json")["Body"].read()
    for version, body in {"v1.10.0": whole.replace(b"t4base@v1.0.0", b"t4base@v1.10.0"), "v1.2.0": b"{}"}.items():
        client.put_object(Bucket=bucket, Key=f"{prefix}/models/CenterPoint/t4base/{version}/manifest.json", Body=body)
    told = CliRunner().invoke(app, ["list", "--json", "--zoo", spoilable.zoo])
    found = json.loads(told.stdout)
    assert [record["name"] for record in found] == [NAME, "CenterPoint/t4base@v1.10.0"]
    assert (found[0]["mAP"], found[0]["files"]) == (0.75, FILES) and found[0]["url"] == f"{spoilable.zoo}/{FOLDER}"
    assert told.exit_code == 1 and "v1.2.0/manifest.json: not a manifest" in told.stderr
    assert "has no index, so that every manifest was read; `t4zoo doctor --fix`" in told.stderr


def test_a_broken_index_is_an_error_with_the_cure(zoo: str, s3: Server, prefix: str, client: Any) -> None:
    client.put_object(Bucket=s3.bucket, Key=f"{prefix}/{INDEX_NAME}", Body=b"[]")
    with pytest.raises(ZooIndexError, match=r"index\.json: is no index; `t4zoo doctor --fix`"):
        read_rows(Where(zoo).open_zoo(), None)


def test_words_of_a_stranger_do_not_reach_the_terminal(s3: Server, prefix: str) -> None:
    url = f"s3://{s3.bucket}/{prefix}"
    evil = "\x1b[2J\x9b31m\u202efine\r\n"
    fields = {"kind": evil, "product": evil, "parents": [evil], "time": evil, "state": evil, "reason": evil}
    assert write(S3Folder(parse_address(url)), Index.of([row(NAME, **fields)]))
    for options in ((), ("--json",)):
        told = CliRunner().invoke(app, ["list", "--zoo", url, *options])
        assert NAME in told.stdout and not set(told.stdout).intersection("\x1b\x9b\u202e\r")
    assert json.loads(told.stdout)[0]["reason"] == evil


@given(st.lists(st.tuples(st.text("ab", max_size=4), st.text("ab", max_size=4)), max_size=4))
def test_columns_are_as_wide_as_their_widest_cell(cells: list[tuple[str, str]]) -> None:
    lines = list(aligned(("left", "right"), cells, right=(1,)))
    assert len(lines) == len(cells) + 1
    assert all(line.split() == [cell for cell in pair if cell] for line, pair in zip(lines[1:], cells, strict=True))
    assert all(len(line) == len(lines[0]) for line, (_, last) in zip(lines[1:], cells, strict=True) if last)


def test_ten_thousand_versions_are_a_line_each() -> None:
    rows = [row(f"CenterPoint/t4base@v1.{number}.0") for number in range(10_000)]
    assert len(list(table(choose(rows, ["*@v1.*"])))) == 10_001
