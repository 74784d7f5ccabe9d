"""The index: exact in what it holds, safe when many write it, and made anew from the manifests at any time."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.zoo.address import parse_address
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import digest as digest_of
from t4zoo.zoo.reading.index import INDEX_NAME, Index, Row, ZooIndexError, parse_index, read_index, update, write
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.notice import Event, Notice
from t4zoo.zoo.reading.reindex import UNCLEAR, rebuild
from t4zoo.zoo.releasing.announce import announce
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.folder import open_folder
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.storage.server import Server
from t4zoo.zoo.version import AutoLabelSet, InfoVersion, ModelVersion, Name, Version, order, parse_name
from tests.zoo.repository import FILES, FOLDER, NAME, Repository

numbers = st.integers(0, 12)
versions = st.builds(Version, numbers, numbers, numbers)
words = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,6}[A-Za-z0-9])?", fullmatch=True)
names: st.SearchStrategy[Name] = st.one_of(
    st.builds(ModelVersion, words.filter(lambda word: word != "auto_label"), words, versions),
    st.builds(InfoVersion, versions),
    st.builds(AutoLabelSet, words.map(lambda word: f"20260131_{word}")),
)
texts = st.none() | st.text(max_size=20)
rows = st.builds(
    Row,
    name=names.map(str),
    kind=texts,
    product=texts,
    parents=st.lists(st.text(max_size=20), max_size=3),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    files=st.integers(0, 2**60),
    size=st.integers(0, 2**60),
    commit=texts,
    time=texts,
    manifest=st.text(max_size=20),
    state=st.sampled_from(["active", "deprecated", "yanked", "a state to come"]),
    reason=texts,
    folder=st.text(max_size=20),
)


def row(name: str, **changes: Any) -> Row:
    fields = Row(
        name, "base", "base", [], 0.5, 1, 2, "c" * 40, "2026-01-31T12:00:00+00:00", "ab" * 32, "active", None, "f"
    )
    return fields._replace(**changes)


@given(st.lists(rows, max_size=8, unique_by=lambda one: one.name))
def test_an_index_is_read_as_it_was_written_and_a_row_is_a_line(some: list[Row]) -> None:
    index = Index.of(some)
    content = index.to_bytes()
    assert parse_index(content, "here") == index
    assert content.isascii() and len(content.splitlines()) == max(1, len(some)) + 2
    assert Index.of(reversed(some)).to_bytes() == content


@given(st.lists(rows, max_size=6, unique_by=lambda one: one.name), st.lists(rows, max_size=4))
def test_rows_come_into_an_index_at_their_place_and_once(some: list[Row], others: list[Row]) -> None:
    index = Index.of(some).with_rows(others)
    assert {one.name: one for one in index.rows} == {one.name: one for one in (*some, *others)}
    found = [parse_name(one.name) for one in index.rows]
    assert found == sorted(set(found), key=order)
    assert all(index.get(parse_name(one.name)) == one for one in index.rows)
    assert index.without(one.name for one in others).with_rows(others).rows == index.rows


def test_an_index_with_fields_of_a_later_release_is_read() -> None:
    data = json.loads(Index.of([row(NAME)]).to_bytes())
    data["fields"] = ["colour", *data["fields"]]
    data["rows"] = [["green", *values] for values in data["rows"]]
    assert parse_index(json.dumps(data).encode(), "here").rows == (row(NAME),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema_version": 1, "fields": [], "rows": []}',
        b'{"schema_version": 1, "fields": 7, "rows": {}}',
    ],
)
def test_bytes_that_are_no_index_are_refused_with_the_cure(content: bytes) -> None:
    with pytest.raises(ZooIndexError, match=r"here: is no index.*doctor --fix"):
        parse_index(content, "here")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", "../../etc/passwd\n"),
        ("name", "info@v1.0.0"),  # there already
        ("parents", "CenterPoint/t4base@v1.0.0"),
        ("parents", [3]),
        ("mAP", "high"),
        ("mAP", float("nan")),
        ("files", 1.5),
        ("files", True),
        ("size", None),
        ("reason", {"html": "<b>"}),
        ("reason", "x" * 5000),
    ],
)
def test_a_row_of_wrong_values_is_refused(field: str, value: Any) -> None:
    data = json.loads(Index.of([row(NAME), row("info@v1.0.0")]).to_bytes())
    data["rows"][0][data["fields"].index(field)] = value
    with pytest.raises(ZooIndexError, match="doctor --fix"):
        parse_index(json.dumps(data).encode(), "here")


def test_a_row_that_is_too_short_and_a_newer_schema_are_refused() -> None:
    data = json.loads(Index.of([row(NAME)]).to_bytes())
    with pytest.raises(ZooIndexError, match="has not 13 fields"):
        parse_index(json.dumps({**data, "rows": [[NAME]]}).encode(), "here")
    with pytest.raises(ZooIndexError, match="newer t4zoo"):
        parse_index(json.dumps({**data, "schema_version": 2}).encode(), "here")


def test_eight_writers_at_once_lose_no_row(s3: Server, prefix: str) -> None:
    address = parse_address(f"s3://{s3.bucket}/{prefix}")
    barrier = threading.Barrier(8)
    assert write(S3Folder(address), Index(()))

    def add(writer: int) -> None:
        zoo = S3Folder(address)
        barrier.wait()
        for number in range(10):
            update(zoo, lambda index: index.with_rows([row(f"CenterPoint/w{writer}@v1.{number}.0")]))  # noqa: B023

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    index = read_index(open_folder(address))
    assert index is not None
    assert [one.name for one in index.rows] == [f"CenterPoint/w{w}@v1.{n}.0" for w in range(8) for n in range(10)]


def test_a_change_that_changes_nothing_writes_nothing_and_one_that_is_known_asks_nothing(
    s3: Server, prefix: str
) -> None:
    asked: list[str] = []
    zoo = S3Folder(parse_address(f"s3://{s3.bucket}/{prefix}"), lambda method, url: asked.append(method))
    with pytest.raises(ZooIndexError, match=r"there is no index.*doctor --fix"):
        update(zoo, lambda index: index.with_rows([row(NAME)]))
    update(zoo, lambda index: index.with_rows([row(NAME)]), Index(()))
    known = read_index(zoo)
    asked.clear()
    update(zoo, lambda index: index.with_rows([row(NAME)]), known)
    assert asked == []
    update(zoo, lambda index: index.with_rows([row("info@v1.0.0")]), known)
    assert asked == ["PUT"]
    update(zoo, lambda index: index.with_rows([row("info@v1.1.0")]), known)  # known is old by now
    assert asked == ["PUT", "PUT", "GET", "PUT"]
    now = read_index(zoo)
    assert now is not None and len(now.rows) == 3


def test_an_index_is_made_anew_from_manifests_and_notices(spoilable: Repository, client: Any) -> None:
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    zoo, layout = S3Folder(parse_address(spoilable.zoo)), load_layout(None)
    manifest = client.get_object(Bucket=bucket, Key=f"{prefix}/{FOLDER}/manifest.json")["Body"].read()
    client.put_object(Bucket=bucket, Key=f"{prefix}/models/CenterPoint/broken/v1.0.0/manifest.json", Body=b"{}")
    client.put_object(Bucket=bucket, Key=f"{prefix}/models/CenterPoint/t4base/v9.0.0/epoch_1.pth", Body=b"")
    client.put_object(Bucket=bucket, Key=f"{prefix}/{INDEX_NAME}", Body=b"broken")
    with pytest.raises(ZooIndexError):
        update(zoo, lambda index: index.with_rows([row("info@v1.0.0")]))
    heard: list[str] = []
    found = rebuild(zoo, layout, heard.append)
    index = read_index(zoo)
    assert index is not None and heard == [NAME] == [one.name for one in index.rows]
    assert len(found.problems) == 1 and "broken/v1.0.0/manifest.json: not a manifest" in found.problems[0]
    (one,) = index.rows
    digest = digest_of(manifest)
    assert (one.kind, one.product, one.score, one.files) == ("base", "base", 0.75, FILES)
    assert (one.manifest, one.state, one.reason, one.folder) == (digest, "active", None, FOLDER)
    said = Event("yanked", "labels were wrong", "ada@example.invalid", "2026-01-31T12:00:00Z")
    for content, state in ((Notice(NAME, digest, (said,)).to_bytes(), "yanked"), (b"{}", UNCLEAR)):
        client.put_object(Bucket=bucket, Key=f"{prefix}/{FOLDER}/notice.json", Body=content)
        rebuild(zoo, layout)
        again = read_index(zoo)
        assert again is not None and [one.state for one in again.rows] == [state]


def test_a_row_written_while_an_index_is_made_anew_stays(spoilable: Repository) -> None:
    zoo = S3Folder(parse_address(spoilable.zoo))
    update(zoo, lambda index: index.with_rows([row("info@v1.0.0"), row("info@v2.0.0")]))

    def meanwhile(name: str) -> None:
        update(zoo, lambda index: index.with_rows([row("info@v2.0.0", state="yanked"), row("info@v3.0.0")]))

    rebuild(zoo, load_layout(None), meanwhile)
    index = read_index(zoo)
    assert index is not None
    assert [(one.name, one.state) for one in index.rows] == [
        (NAME, "active"),
        ("info@v2.0.0", "yanked"),
        ("info@v3.0.0", "active"),
    ]


def announced(repository: Repository) -> tuple[str, Index | None]:
    """Release, or release again: the warning, and the index after it."""
    releasing = Releasing.here(repository.root, NAME)
    outcome = releasing.publish(releasing.plan())
    try:
        return outcome.warning, read_index(Where(repository.zoo).open_zoo())
    except ZooIndexError:
        return outcome.warning, None


def test_a_release_is_in_the_index_and_one_that_was_cut_off_before_comes_in_by_running_again(
    repository: Repository, client: Any
) -> None:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    warning, index = announced(repository)
    assert warning == "" and index is not None and [one.name for one in index.rows] == [NAME]
    for spoilt in (Index(()), Index.of([index.rows[0]._replace(manifest="0" * 64)])):
        client.put_object(Bucket=bucket, Key=f"{prefix}/{INDEX_NAME}", Body=spoilt.to_bytes())
        warning, healed = announced(repository)
        assert warning == "" and healed is not None and healed.rows == index.rows
    yanked = Index.of([index.rows[0]._replace(state="yanked", reason="bad labels")])
    client.put_object(Bucket=bucket, Key=f"{prefix}/{INDEX_NAME}", Body=yanked.to_bytes())
    assert announced(repository)[1] == replace(yanked, etag=hashlib.md5(yanked.to_bytes()).hexdigest())


def test_a_broken_index_does_not_stop_a_release_and_is_told(repository: Repository, client: Any) -> None:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/{INDEX_NAME}", Body=b"{}")
    said = repository.t4zoo("release", NAME).out
    assert "is released: " in said and "warning: the index does not know of this version" in said
    assert said.count("doctor --fix") == 1
    assert locate(NAME, Where(repository.zoo)).released.name == parse_name(NAME)


def test_a_release_never_begins_an_index_that_would_hide_other_versions(repository: Repository, client: Any) -> None:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/models/CenterPoint/t4base/v0.9.0/manifest.json", Body=b"{}")
    warning, index = announced(repository)
    assert "the zoo has no index" in warning and index is None
    assert announced(repository)[0] == warning
    # Another publisher, who saw an empty zoo, has begun one after this plan was made.
    plan, zoo = Releasing.here(repository.root, NAME).plan(), S3Folder(parse_address(repository.zoo))
    update(zoo, lambda index: index.with_rows([row("info@v1.0.0")]), Index(()))
    assert announce(plan, zoo, True) == ""
    index = read_index(zoo)
    assert index is not None and [one.name for one in index.rows] == [NAME, "info@v1.0.0"]
