"""Notices: what they say is read whole or refused, and never obeyed by a terminal."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.plain import MARK, plain
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.reading.notice import EVENTS, Event, Notice, NoticeError, parse_notice, read_notice, read_with_etag
from t4zoo.zoo.storage.folder import open_folder
from t4zoo.zoo.storage.s3 import Description, S3Folder
from t4zoo.zoo.storage.server import Server
from t4zoo.zoo.version import parse_name

NAME = "CenterPoint/t4base@v1.0.0"
DIGEST = "ab" * 32
SAID = Event("deprecated", "v1.1.0 is better", "ada@example.invalid", "2026-01-31T12:00:00Z")

lines = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")), min_size=1, max_size=50)
words = lines.filter(lambda text: text.strip() != "")
states = st.sampled_from(["active", "deprecated", "yanked"])
times = st.datetimes().map(lambda time: f"{time.year:04}-{time:%m-%dT%H:%M:%S}+09:00")
events = st.builds(Event, state=states, reason=words, by=words, time=times)


@given(st.lists(events, min_size=1, max_size=5))
def test_a_notice_is_read_as_it_was_written(said: list[Event]) -> None:
    notice = Notice(NAME, DIGEST, tuple(said))
    assert parse_notice(notice.to_bytes(), "here") == notice
    assert json.loads(notice.to_bytes())["state"] == said[-1].state


@given(st.text(max_size=50))
def test_no_text_of_a_stranger_moves_the_cursor(text: str) -> None:
    told = plain(text)
    assert len(told) == len(text) and not set(told).intersection("\x1b\x9b\n\r\t\x07\u202e\u2066")
    assert plain(told) == told


def test_a_screen_gets_marks_where_a_reason_would_be_obeyed() -> None:
    data = json.loads(Notice(NAME, DIGEST, (SAID,)).to_bytes())
    data["reason"] = "\x1b]0;owned\x07fine\r\n"
    notice = parse_notice(json.dumps(data).encode(), "here")
    assert notice.reason == f"{MARK}]0;owned{MARK}fine{MARK}{MARK}"
    assert str(notice) == f"{NAME} is deprecated since 2026-01-31 by ada@example.invalid: {notice.reason}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "broken"}, "'broken' is no state of a version; it is one of active, deprecated, yanked"),
        ({"reason": " "}, "who gives it and why"),
        ({"by": None}, "an event needs state, reason, by, time"),
        ({"reason": "x" * 3000}, "more than 2000 characters"),
        ({"time": "yesterday"}, "'yesterday' is no time; write it as 2025-01-31T12:00:00Z"),
        ({"history": None}, "not a notice"),
        ({"history": [{}] * EVENTS}, "not a notice"),
        ({"history": ["yanked"]}, "an event needs"),
        ({"schema_version": 2}, "update t4zoo"),
        ({"manifest": None}, "does not name the version"),
    ],
)
def test_what_is_no_notice_is_refused_with_its_place(change: dict[str, Any], words: str) -> None:
    data = json.loads(Notice(NAME, DIGEST, (SAID,)).to_bytes())
    with pytest.raises(NoticeError, match=words) as told:
        parse_notice(json.dumps({**data, **change}).encode(), "s3://bucket/notice.json")
    assert str(told.value).startswith("s3://bucket/notice.json: ")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"reason": ' + b"9" * 5000 + b"}"])
def test_bytes_that_are_no_notice_are_refused(content: bytes) -> None:
    with pytest.raises(NoticeError, match="here: not"):
        parse_notice(content, "here")


def test_a_version_has_no_more_notices_than_can_be_read() -> None:
    notice = Notice(NAME, DIGEST, (SAID,))
    for _ in range(EVENTS - 1):
        notice = notice.after(SAID)
    assert parse_notice(notice.to_bytes(), "here") == notice
    with pytest.raises(NoticeError, match="100 notices"):
        notice.after(SAID)


def test_a_notice_speaks_of_the_version_beside_it_or_is_an_error(s3: Server, prefix: str, client: Any) -> None:
    zoo = open_folder(parse_address(f"s3://{s3.bucket}/{prefix}"))
    folder, name = "models/CenterPoint/t4base/v1.0.0", parse_name(NAME)
    assert read_notice(zoo, folder, name, DIGEST) is None
    notice = Notice(NAME, DIGEST, (SAID,))
    client.put_object(Bucket=s3.bucket, Key=f"{prefix}/{folder}/notice.json", Body=notice.to_bytes())
    assert read_notice(zoo, folder, name, DIGEST) == notice
    with pytest.raises(NoticeError, match="speaks of the manifest"):
        read_notice(zoo, folder, name, "cd" * 32)
    with pytest.raises(NoticeError, match=f"speaks of '{NAME}', but lies beside CenterPoint/t4base@v2"):
        read_notice(zoo, folder, parse_name("CenterPoint/t4base@v2.0.0"), DIGEST)


def test_of_two_who_change_a_notice_the_later_must_read_it_again(s3: Server, prefix: str) -> None:
    zoo = S3Folder(parse_address(f"s3://{s3.bucket}/{prefix}"))
    notice = Notice(NAME, DIGEST, (SAID,))
    path = "info/v1.0.0/notice.json"

    def put(text: Notice, etag: str | None) -> bool:
        content = text.to_bytes()
        description = Description("application/json", hashlib.sha256(content).hexdigest(), "no-cache")
        return zoo.create(path, content, description) if etag is None else zoo.replace(path, content, etag, description)

    assert not put(notice, "0" * 32)  # nothing is there yet
    assert put(notice, None) and not put(notice, None)
    found = read_with_etag(zoo, "info/v1.0.0", parse_name(NAME), DIGEST)
    assert found is not None
    assert put(notice.after(SAID), found[1])
    assert not put(notice.after(SAID).after(SAID), found[1])
    assert read_notice(zoo, "info/v1.0.0", parse_name(NAME), DIGEST) == notice.after(SAID)
