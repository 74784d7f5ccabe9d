"""What create_info keeps stays below a bound: what was used least recently leaves, and is made anew when missed."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from t4zoo.errors import UsageError
from t4zoo.t4.cache_bound import DAY, GIB, keep_within, note_use
from t4zoo.t4.check.cache import Cache
from t4zoo.t4.check.many import check_known
from tests.stages.test_create_info import digests, run
from tests.t4.scenes import GIVEN, write_workspace
from tests.t4.test_pieces import FALSE, convert, forge, workspace_in

KILOBYTE = 1024 / GIB


def put(folder: Path, name: str, size: int, days: float) -> Path:
    """A file that was used some days ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    age(path, days)
    return path


def own(head: str, what: str) -> str:
    """The place of what is kept by a key."""
    return f"{head}/{head}{hashlib.sha256(what.encode()).hexdigest()[2:]}"


def age(path: Path, days: float) -> None:
    os.utime(path, (time.time() - days * DAY,) * 2)


def test_what_was_used_least_recently_leaves_until_there_is_room(tmp_path: Path):
    kept = [put(tmp_path, own("ab", f"piece{day}"), 400, day) for day in (1, 2)]
    left = [put(tmp_path, own("cd", "piece"), 400, 4), put(tmp_path, f"check/{own('ef', 'found')}.json", 400, 3)]
    stamps = put(tmp_path, "stamps.json", 4_000, 9)
    assert keep_within(tmp_path, KILOBYTE) == 2
    assert all(path.exists() for path in (*kept, stamps)) and not any(path.exists() for path in left)
    assert keep_within(tmp_path, KILOBYTE) == 0
    assert keep_within(tmp_path, 0.0) == 2 and stamps.exists()
    assert keep_within(None, 0.0) == 0


def test_what_a_killed_run_left_half_written_leaves_after_a_day(tmp_path: Path):
    begun = own("ab", "piece").replace("/", "/.")
    old, young = put(tmp_path, f"{begun}.x1", 10, 2), put(tmp_path, f"{begun}.json.x_2", 10, 0.1)
    assert keep_within(tmp_path, 1.0) == 0
    assert not old.exists() and young.exists()


def test_in_a_folder_that_is_no_cache_nothing_is_lost(tmp_path: Path):
    md5, sha = hashlib.md5(b"").hexdigest(), hashlib.sha256(b"").hexdigest()
    strangers = [
        put(tmp_path, name, 10, 100)
        for name in (
            "t4/notes.txt",
            "t4/.hidden",
            "src/t4/reader.py",
            f"objects/{md5[:2]}/{md5[2:]}",  # git's
            f"files/{sha[:2]}/{sha}",  # of the cache of far scenes
            f"md5/{md5[:2]}/{md5}",  # DVC's
            f"ab/{sha}",
        )
    ]
    below = tmp_path / own("cd", "folder") / "file"
    below.parent.mkdir(parents=True)
    below.touch()
    assert keep_within(tmp_path, 0.0) == 0
    assert all(path.exists() for path in (*strangers, below))


@pytest.mark.parametrize("gib", [-1.0, float("nan"), float("inf")])
def test_what_is_no_bound_is_refused(tmp_path: Path, gib: float):
    with pytest.raises(UsageError, match="cache_gib is"):
        keep_within(tmp_path, gib)


def test_a_use_is_noted_once_a_day_and_of_what_is_there(tmp_path: Path):
    today, before = put(tmp_path, "ab/x", 1, 0.5), put(tmp_path, "ab/y", 1, 1.5)
    note_use(today)
    note_use(before)
    note_use(tmp_path / "ab/z")
    assert before.stat().st_mtime > today.stat().st_mtime


def test_pieces_and_results_that_a_run_uses_are_the_last_to_leave(tmp_path: Path):
    root = workspace_in(tmp_path)
    convert(root)
    check_known(GIVEN / "synth_1/0", cache=Cache(root / "cache/check"))
    used = [*(root / "cache").glob("??/*"), *(root / "cache").glob("check/??/*")]
    unused = put(root / "cache", own("ab", "unused"), 10, 2)
    for path in used:
        age(path, 3)
    convert(root, out="info/other")
    assert check_known(GIVEN / "synth_1/0", cache=Cache(root / "cache/check")).cached
    size = sum(path.stat().st_size for path in used)
    assert len(used) == 3 and keep_within(root / "cache", (size + 5) / 0.9 / GIB) == 0
    put(root / "cache", own("ab", "another"), size // 5, 2)
    assert keep_within(root / "cache", (size + 5) / 0.9 / GIB) > 0
    assert all(path.exists() for path in used) and not unused.exists()


def test_a_run_without_room_for_anything_gives_the_same_results(tmp_path: Path):
    root = workspace_in(tmp_path)
    convert(root)
    forge(root)
    before = digests(root / "info/base")
    keep_within(root / "cache", 0.0)
    assert convert(root, out="again/base")["train"]["points"] != FALSE
    assert digests(root / "again/base") == before


def test_the_stage_refuses_what_is_no_bound_before_it_begins(tmp_path: Path):
    write_workspace(tmp_path)
    done = run(tmp_path, tmp_path / "info", "product=base", "cache_gib=-1.0", f"cache={tmp_path / 'cache'}")
    assert done.returncode == 2 and "cache_gib is -1.0" in done.stderr
    assert not (tmp_path / "info").exists() and not (tmp_path / "cache").exists()


def test_the_stage_bounds_its_cache_at_its_end(tmp_path: Path):
    write_workspace(tmp_path)
    cache, done = tmp_path / "cache", []
    for bound in ("cache_gib=1.0", "cache_gib=0.0"):
        done.append(run(tmp_path, tmp_path / "info", "product=base", f"cache={cache}", bound))
        assert done[-1].returncode == 0, done[-1].stderr
        assert bool([*cache.glob("??/*")]) == bool([*cache.glob("check/??/*")]) == (bound == "cache_gib=1.0")
    assert done[0].stdout == done[1].stdout
