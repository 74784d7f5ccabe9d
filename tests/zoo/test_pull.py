"""What comes by a pull, by which requests, and what is left of one that was stopped: all on real files and servers."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.zoo.address import parse_address
from t4zoo.zoo.manifest import FILE_NAME, ManifestFile
from t4zoo.zoo.reading import cache, ranges, transfer
from t4zoo.zoo.reading.cache import sha256_of
from t4zoo.zoo.reading.failure import FetchError
from t4zoo.zoo.reading.fetch import resolve
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.partial import Partial
from t4zoo.zoo.reading.pull import pull
from t4zoo.zoo.reading.transfer import obtain
from t4zoo.zoo.storage.folder import BrokenTransferError, Folder, open_folder
from t4zoo.zoo.storage.server import Server
from tests.zoo.repository import FILES, NAME, Repository
from tests.zoo.shelf import Shelf, shelf

MEGABYTE = 1024**2
BIG = random.Random(3).randbytes(9 * MEGABYTE + 123)


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few megabytes count as large."""
    monkeypatch.setattr(ranges, "PARALLEL", 2 * MEGABYTE)
    monkeypatch.setattr(ranges, "PART", MEGABYTE)
    monkeypatch.setattr(transfer, "RESUMABLE", MEGABYTE)


@pytest.fixture
def big(alone: Path, small_ranges: None) -> Iterator[Shelf]:
    with shelf({"big.bin": BIG}) as found:
        yield found


def entry(content: bytes, path: str = "big.bin") -> ManifestFile:
    sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
    return ManifestFile(path=path, role="other", size=len(content), sha256=sha256, md5=md5)


def source(found: Shelf) -> Folder:
    return open_folder(parse_address(found.url))


def listening(heard: Callable[[int], None]) -> transfer.Begin:
    return lambda name, size: nullcontext(heard)


def test_a_version_pulled_before_is_pulled_again_without_a_request(published: Repository, tmp_path: Path) -> None:
    asked: list[str] = []

    def again(to: str, refresh: bool = False) -> int:
        asked.clear()
        where = Where(published.zoo, None, lambda method, url: asked.append(url), remembered=True, refresh=refresh)
        located = locate(NAME, where)
        pulled = pull(located, tmp_path / to)
        assert len(pulled.fetched) + len(pulled.kept) == FILES
        return len(asked)

    assert FILES < again("first") <= FILES + 2
    assert again("first") == 0
    assert again("second") == 0
    assert 1 <= again("third", refresh=True) <= 2
    for file in locate(NAME, Where(published.zoo)).released.manifest.files:
        assert sha256_of(tmp_path / "second" / file.path) == file.sha256


def test_the_command_pulls_again_while_the_zoo_is_away(published: Repository, tmp_path: Path) -> None:
    published.t4zoo("pull", NAME, "--to", str(tmp_path / "one"))
    patch = {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"], "AWS_ACCESS_KEY_ID": "gone"}
    command = [sys.executable, "-m", "t4zoo", "pull", NAME, "--to"]
    done = subprocess.run(
        [*command, str(tmp_path / "two")],
        cwd=published.root,
        env={**os.environ, **patch},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "two" / FILE_NAME).read_bytes() == (tmp_path / "one" / FILE_NAME).read_bytes()
    refused = subprocess.run(
        [*command, str(tmp_path / "three"), "--refresh"],
        cwd=published.root,
        env={**os.environ, **patch},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1 and "InvalidAccessKeyId" in refused.stderr


def test_weights_that_were_fetched_before_are_asked_after_and_never_those_of_another_zoo(
    spoilable: Repository, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    asked: list[str] = []
    told: list[str] = []
    where = Where(spoilable.zoo, None, lambda method, url: asked.append(url), remembered=True, checked=True)
    first = resolve(NAME, where, warn=told.append)
    asked.clear()
    assert resolve(NAME, where, warn=told.append) == first and told == []
    assert [url.rpartition("/")[2] for url in asked] == [FILE_NAME, "notice.json"]
    # The zoo is made anew at the same place, as one for trials is: other weights have the same name.
    old = locate(NAME, Where(spoilable.zoo)).released.manifest
    held = {"size": 5, "sha256": hashlib.sha256(b"other").hexdigest(), "md5": hashlib.md5(b"other").hexdigest()}
    files = tuple(f.model_copy(update=held) if f.role == "checkpoint" else f for f in old.files)
    objects = {"epoch_3.pth": b"other", FILE_NAME: old.model_copy(update={"files": files}).to_bytes()}
    for path, content in objects.items():
        client.put_object(Bucket=bucket, Key=f"{prefix}/models/CenterPoint/t4base/v1.0.0/{path}", Body=content)
    assert resolve(NAME, where, warn=told.append).read_bytes() == b"other" and told == []
    # Where the zoo cannot be asked, what is here is taken, and that is told.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "gone")
    assert resolve(NAME, where, warn=told.append).read_bytes() == b"other"
    (line,) = told
    assert line.startswith(f"{NAME} is taken as it was when it was fetched before: ") and "InvalidAccessKeyId" in line


def test_a_manifest_that_leads_nowhere_is_not_believed_a_second_time(
    spoilable: Repository, tmp_path: Path, client: object
) -> None:
    bucket, _, prefix = spoilable.zoo.removeprefix("s3://").partition("/")
    where = Where(spoilable.zoo, remembered=True)
    pull(locate(NAME, where), tmp_path / "metrics", ["metrics"])
    key = f"{prefix}/models/CenterPoint/t4base/v1.0.0/epoch_3.pth"
    client.delete_object(Bucket=bucket, Key=key)  # type: ignore[attr-defined]
    with pytest.raises(FetchError, match=r"epoch_3\.pth: there is no such file"):
        pull(locate(NAME, where), tmp_path / "all")
    asked: list[str] = []
    locate(NAME, Where(spoilable.zoo, None, lambda method, url: asked.append(url), remembered=True))
    assert asked


def test_what_people_edit_is_theirs_and_what_is_large_is_shared_and_read_only(
    published: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t4zoo.zoo.reading.pull.EDITABLE", 100_000)  # the checkpoint of the test has 300,000 bytes
    located = locate(NAME, Where(published.zoo))
    pull(located, tmp_path / "one")
    (tmp_path / "one/config.py").write_text("mine now")
    shared, twin = tmp_path / "one/epoch_3.pth", tmp_path / "two/epoch_3.pth"
    assert shared.stat().st_nlink == 2 and shared.stat().st_mode & 0o222 == 0
    pull(located, tmp_path / "two")
    assert "mine" not in (tmp_path / "two/config.py").read_text()
    assert shared.samefile(twin)
    pull(located, tmp_path / "three", own=True)
    own = tmp_path / "three/epoch_3.pth"
    assert own.stat().st_nlink == 1 and own.stat().st_mode & 0o200
    assert own.read_bytes() == twin.read_bytes()


def test_a_kept_file_that_was_changed_is_never_handed_on(
    published: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t4zoo.zoo.reading.pull.EDITABLE", 0)
    located = locate(NAME, Where(published.zoo))
    pull(located, tmp_path / "one")
    expected = (published.root / "models/CenterPoint/t4base/train/epoch_3.pth").read_bytes()
    shared = tmp_path / "one/epoch_3.pth"
    shared.chmod(0o644)
    shared.write_bytes(b"?" * len(expected))  # through the link into the cache
    pull(located, tmp_path / "two")
    assert (tmp_path / "two/epoch_3.pth").read_bytes() == expected


def test_equal_files_of_two_names_come_once(alone: Path) -> None:
    with shelf({"a.bin": b"same", "b.bin": b"same"}) as found:
        paths = {obtain(source(found), name, entry(b"same", name)) for name in ("a.bin", "b.bin")}
    assert {path.name for path in paths} == {"a.bin", "b.bin"} and len(found.asked) == 1


def test_a_large_file_comes_in_ranges_and_a_smaller_one_by_one_request(big: Shelf) -> None:
    path = obtain(source(big), "big.bin", entry(BIG))
    assert path.read_bytes() == BIG and path.stat().st_mode & 0o777 == 0o444
    assert len(big.asked) == 10 and big.sent == len(BIG)
    big.files["small.bin"], big.asked[:] = BIG[: 2 * MEGABYTE], []
    obtain(source(big), "small.bin", entry(BIG[: 2 * MEGABYTE], "small.bin"))
    assert big.asked == [("small.bin", "")]
    assert not list(cache.partial("").iterdir())


def test_the_real_server_serves_ranges(s3: Server, small_ranges: None, prefix: str, client: object) -> None:
    client.put_object(Bucket=s3.bucket, Key=f"{prefix}/big.bin", Body=BIG)  # type: ignore[attr-defined]
    folder = open_folder(parse_address(f"s3://{s3.bucket}/{prefix}"))
    assert obtain(folder, "big.bin", entry(BIG)).read_bytes() == BIG
    assert folder.requests == 10


def test_a_server_without_ranges_is_read_from_the_start(big: Shelf) -> None:
    big.ranges = False
    assert obtain(source(big), "big.bin", entry(BIG)).read_bytes() == BIG


def test_broken_lines_are_gone_on_with_where_they_broke(big: Shelf) -> None:
    big.cut = 300_000
    assert obtain(source(big), "big.bin", entry(BIG)).read_bytes() == BIG
    assert big.sent == len(BIG)


def test_a_line_that_brings_nothing_is_given_up(big: Shelf) -> None:
    big.cut = 0
    with pytest.raises(BrokenTransferError, match=r"big\.bin: the connection broke"):
        obtain(source(big), "big.bin", entry(BIG))


KILLED = """
import os, signal, sys
from contextlib import nullcontext
from tests.zoo import test_pull as t
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.storage.folder import open_folder

came = 0
def heard(count):
    global came
    came += count
    if came > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

t.ranges.PARALLEL, t.ranges.PART, t.transfer.RESUMABLE = map(int, sys.argv[3:])
print(t.obtain(open_folder(parse_address(sys.argv[1])), "big.bin", t.entry(t.BIG), t.listening(heard)))
"""


def elsewhere(found: Shelf, kill_after: int, parallel: int = 2 * MEGABYTE) -> subprocess.Popen[str]:
    """Another process that brings the file, and kills itself after so many bytes."""
    command = [sys.executable, "-c", KILLED, found.url, str(kill_after), str(parallel), str(MEGABYTE), str(MEGABYTE)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("parallel", [2 * MEGABYTE, 100 * MEGABYTE], ids=["ranges", "one stream"])
def test_a_killed_pull_goes_on_with_the_bytes_that_are_here(big: Shelf, parallel: int) -> None:
    assert elsewhere(big, 5 * MEGABYTE, parallel).wait(60) == -signal.SIGKILL
    came: list[int] = []
    assert obtain(source(big), "big.bin", entry(BIG), listening(came.append)).read_bytes() == BIG
    assert 0 < sum(came) < len(BIG) - 4 * MEGABYTE
    assert not list(cache.partial("").iterdir())


def test_what_a_killed_pull_left_is_not_trusted(big: Shelf) -> None:
    assert elsewhere(big, 5 * MEGABYTE).wait(60) == -signal.SIGKILL
    (left,) = [path for path in cache.partial("").iterdir() if not path.suffix]
    with left.open("r+b") as file:
        file.write(b"\0" * MEGABYTE)  # as a machine may that lost its power
    assert obtain(source(big), "big.bin", entry(BIG)).read_bytes() == BIG


def test_notes_that_do_not_fit_the_file_are_not_believed(big: Shelf) -> None:
    place = cache.partial(entry(BIG).sha256)
    place.parent.mkdir(parents=True)
    for notes in (f"0 {len(BIG)}\n", "0 5\n7 3\n", "etag x\n0 \ngarbage\n", "\xff\xfe"):
        place.write_bytes(b"")
        place.with_name(f"{place.name}.spans").write_text(notes, encoding="latin-1")
        assert obtain(source(big), "big.bin", entry(BIG)).read_bytes() == BIG
        cache.place(entry(BIG).sha256, "big.bin").unlink()


def test_two_pulls_at_once_bring_a_file_once(big: Shelf) -> None:
    both = [elsewhere(big, 10**9) for _ in range(2)]
    told = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0] and Path(told[0][0].strip()).read_bytes() == BIG
    assert big.sent == len(BIG)


def test_who_waits_for_a_process_that_stands_still_goes_its_own_way(
    big: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("t4zoo.zoo.reading.alone.IDLE", 0.2)
    from filelock import FileLock

    place = cache.partial(entry(BIG).sha256)
    place.parent.mkdir(parents=True)
    with FileLock(f"{place}.lock"):
        assert obtain(source(big), "big.bin", entry(BIG)).read_bytes() == BIG


def test_large_files_that_are_not_as_the_manifest_says_are_refused(big: Shelf) -> None:
    for spoilt, words in (
        (BIG[:-1] + bytes([BIG[-1] ^ 1]), "other bytes"),
        (BIG[: 5 * MEGABYTE], "is truncated"),
        (BIG[:-1], "is truncated"),
    ):
        big.files["big.bin"] = spoilt
        with pytest.raises(FetchError, match=words):
            obtain(source(big), "big.bin", entry(BIG))
        assert not cache.place(entry(BIG).sha256, "big.bin").exists()
    del big.files["big.bin"]
    with pytest.raises(FetchError, match="there is no such file"):
        obtain(source(big), "big.bin", entry(BIG))


def test_an_object_that_changes_while_it_is_read_is_never_mixed(big: Shelf) -> None:
    def replace(count: int) -> None:
        big.files["big.bin"] = BIG[::-1]

    with pytest.raises(FetchError, match=r"changed while it was being read|other bytes"):
        obtain(source(big), "big.bin", entry(BIG), listening(replace))
    big.files["big.bin"] = BIG
    assert obtain(source(big), "big.bin", entry(BIG)).read_bytes() == BIG


def test_a_full_disk_is_one_line_and_leaves_nothing_half(published: Repository, big: Shelf, tmp_path: Path) -> None:
    huge = entry(BIG).model_copy(update={"size": 10**15})
    with pytest.raises(
        FetchError, match=r"1,000,000,000,000,000 bytes are to come, but the disk has room for .*T4ZOO_"
    ):
        obtain(source(big), "big.bin", huge)
    code = (
        "import resource, sys; from t4zoo.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); main()"  # the checkpoint has 300,000 bytes
    )
    command = [sys.executable, "-c", code, "pull", NAME, "--to", str(tmp_path / "here")]
    options = dict(os.environ) | {"T4ZOO_CACHE": str(tmp_path / "other-cache")}
    done = subprocess.run(command, cwd=published.root, env=options, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert not [path for path in (tmp_path / "here").glob("*") if "epoch" in path.name or path.name == FILE_NAME]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


SPANS = st.lists(st.tuples(st.integers(0, 999), st.integers(1, 200)), max_size=20)


@given(spans=SPANS, part=st.integers(1, 500))
def test_whatever_is_written_in_any_order_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]], part: int
) -> None:
    content = random.Random(1).randbytes(1000)
    path = tmp_path_factory.mktemp("partial") / "file"
    here = set()
    with Partial(path, 1000) as partial:
        for start, count in spans:
            partial.write(start, content[start : start + count])
            here |= set(range(start, min(start + count, 1000)))
        assert partial.written == len(here)
    with Partial(path, 1000) as partial:  # as the next process finds it
        missing = partial.missing(part)
        assert partial.written == len(here)
        assert [at for start, end in missing for at in range(start, end)] == sorted(set(range(1000)) - here)
        assert all(0 < end - start <= part for start, end in missing)
        for start, end in missing:
            partial.write(start, content[start:end])
        assert partial.digest() == hashlib.sha256(content).hexdigest()
