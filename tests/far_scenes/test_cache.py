"""What was fetched is kept below a bound that many processes share, and is never another file."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from t4zoo.errors import UsageError
from t4zoo.far_scenes.cache import GIB, FileCache, scene_cache
from t4zoo.far_scenes.telling import Teller

BOUND = 100_000


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    return FileCache(tmp_path / "cache", BOUND)


def held(cache: FileCache) -> list[Path]:
    return [path for path in (cache.folder / "files").rglob("*") if path.is_file()]


def weight(cache: FileCache) -> int:
    return sum(path.stat().st_size for path in held(cache))


def use(cache: FileCache, number: int, ago: float) -> None:
    """As if the file of this number was last used so many seconds ago."""
    now = (cache.folder / "bytes").stat().st_mtime
    os.utime(cache._place(str(number)), (now - ago, now - ago))


def test_what_is_kept_is_found_again_under_its_own_key_and_size_alone(cache: FileCache) -> None:
    assert cache.find("a", 3) is None
    cache.keep("a", b"abc")
    assert cache.find("a", 3) == b"abc"
    assert cache.find("b", 3) is None
    assert cache.find("a", 4) is None


def test_what_was_used_least_recently_leaves_first(cache: FileCache) -> None:
    for number in range(9):
        cache.keep(str(number), bytes(10_000))
        use(cache, number, 1000 - number)
    use(cache, 0, 5000)
    assert cache.find("0", 10_000)  # its use is noted
    cache.keep("new", bytes(20_000))
    assert weight(cache) <= BOUND * 0.9
    assert cache.find("0", 10_000)
    assert cache.find("new", 20_000)
    assert [number for number in range(9) if not cache.has(str(number), 10_000)] == [1, 2]


def test_a_file_larger_than_the_bound_is_not_kept_and_nothing_leaves_for_it(cache: FileCache) -> None:
    cache.keep("small", b"abc")
    cache.keep("large", bytes(BOUND))
    assert cache.find("large", BOUND) is None
    assert cache.find("small", 3) == b"abc"


def test_what_is_none_of_its_files_is_left_alone(cache: FileCache) -> None:
    others = [cache.folder / "files" / name for name in ("ab/notes.txt", "ab/.hidden", f"ab/{'0' * 63}")]
    others[0].parent.mkdir(parents=True)
    for path in others:
        path.write_bytes(bytes(10))
    for number in range(30):
        cache.keep(str(number), bytes(10_000))
    assert not cache.has("0", 10_000) and all(path.exists() for path in others)


def test_a_damaged_file_is_none_and_is_mended(cache: FileCache) -> None:
    cache.keep("a", b"abcdef")
    held(cache)[0].write_bytes(b"abc")
    assert cache.find("a", 6) is None
    cache.keep("a", b"abcdef")
    assert cache.find("a", 6) == b"abcdef"


def _fill(cache: FileCache, seed: int, seen: list[int]) -> None:
    for number in range(150):
        cache.keep(f"{seed % 3} {number}", bytes(1000 + 17 * number))
        with cache._counted():  # nobody adds or removes while this adds up
            seen.append(weight_of(cache))


def weight_of(cache: FileCache) -> int:
    total = 0
    for path in (cache.folder / "files").glob("??/*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _filling(cache: FileCache, seed: int, most: object) -> None:
    seen: list[int] = []
    _fill(cache, seed, seen)
    most.put(max(seen))  # type: ignore[attr-defined]


def test_the_bound_holds_at_every_moment_for_several_processes(cache: FileCache) -> None:
    most = multiprocessing.get_context("spawn").Queue()
    children = [
        multiprocessing.get_context("spawn").Process(target=_filling, args=(cache, seed, most)) for seed in range(4)
    ]
    for child in children:
        child.start()
    peaks = [most.get(timeout=120) for _ in children]
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert BOUND / 2 < max(peaks) <= BOUND
    assert weight(cache) <= BOUND
    assert not [path for path in held(cache) if path.name.startswith(".")]


def _fill_for_ever(cache: FileCache) -> None:
    number = 0
    while True:
        cache.keep(str(number), bytes(5000))
        number += 1


def test_a_killed_process_leaves_no_lock_and_nothing_that_is_counted_for_ever(cache: FileCache) -> None:
    for _ in range(3):
        child = multiprocessing.get_context("spawn").Process(target=_fill_for_ever, args=(cache,))
        child.start()
        while weight_of(cache) < BOUND / 2:
            assert child.is_alive()
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
    for number in range(100):
        cache.keep(f"after {number}", bytes(5000))
        assert weight(cache) <= BOUND
    assert cache.find("after 99", 5000)
    assert weight(cache) > BOUND / 2


def test_where_it_cannot_be_written_all_goes_on_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FileCache(tmp_path / "file" / "cache", BOUND)
    for _ in range(3):
        cache.keep("a", b"abc")
        assert cache.find("a", 3) is None
    (line,) = caplog.messages
    assert str(cache.folder) in line
    assert "nothing more of far scenes is kept there" in line


def test_a_full_disk_is_said_once_and_leaves_nothing_half(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("this system has no full device")
    cache = FileCache(tmp_path / "cache", BOUND)
    cache.folder.mkdir()
    (cache.folder / "bytes").symlink_to("/dev/full")  # the count is what is written first
    cache.keep("a", b"abc")
    cache.keep("b", b"abc")
    (line,) = caplog.messages
    assert "the disk is full" in line
    assert held(cache) == []


@pytest.mark.parametrize(("text", "most"), [("", 50 * GIB), ("0.5", GIB // 2), ("0", 0)])
def test_the_bound_is_set_in_gib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, most: int) -> None:
    monkeypatch.setenv("T4ZOO_SCENES_GIB", text)
    assert scene_cache(tmp_path).most == most


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf"])
def test_a_bound_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("T4ZOO_SCENES_GIB", text)
    with pytest.raises(UsageError, match="T4ZOO_SCENES_GIB"):
        scene_cache(tmp_path)


def test_one_of_those_that_fetch_tells_how_far_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = (Teller(tmp_path, "s3://bucket/scenes", patience=0.0) for _ in range(2))
    first.fetched(2_500_000)
    second.fetched(1)
    assert capfd.readouterr().err == "fetching from s3://bucket/scenes: 1 files, 2.5 MB so far\n"
    first.fetched(1)  # too soon for another line
    assert capfd.readouterr().err == ""
    Teller(tmp_path, "s3://bucket/scenes").fetched(1)  # nor is a line said of what takes a moment
    assert capfd.readouterr().err == ""
