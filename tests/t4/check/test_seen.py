"""Tables that nobody touched are not read again, and any touch is noticed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from t4zoo.t4.check.cache import Cache, key_of
from t4zoo.t4.check.scene import EVERY
from t4zoo.t4.check.seen import Seen
from tests.t4.check.spoilers import good_scene

KIND = "log.json"


def digest(seen: Seen, folder: Path, made: str) -> str:
    """What is remembered of the tables, or `made` where nothing is."""
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.stat()) for entry in entries)
    return seen.digest(folder, found, lambda: made)


def swap_for_another(file: Path) -> None:
    """Same length, and the time of change put back."""
    before, content = file.stat(), file.read_bytes()
    file.write_bytes(content.replace(b'"', b" ", 1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_a_link(file: Path) -> None:
    """To the very same file under another name."""
    file.rename(file.parent.parent / "elsewhere.json")
    file.symlink_to(file.parent.parent / "elsewhere.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables that were written a while ago."""
    found = tmp_path_factory.mktemp("seen") / "annotation"
    shutil.copytree(good_scene(tmp_path_factory.mktemp("good")) / "annotation", found)
    time.sleep(2.1)
    return found


def test_tables_are_known_again_in_the_next_run(folder: Path, tmp_path: Path):
    seen = Seen(tmp_path / "kept" / "seen.json")
    assert digest(seen, folder, "one") == "one"
    assert digest(seen, folder, "other") == "one"
    seen.save()
    assert digest(Seen(tmp_path / "kept" / "seen.json"), folder, "other") == "one"


@pytest.mark.parametrize("touch", [swap_for_another, put_a_link, Path.unlink])
def test_whoever_touches_a_table_has_it_read(folder: Path, tmp_path: Path, touch: Callable[[Path], None]):
    copied = Path(shutil.copytree(folder.parent, tmp_path / "scene")) / "annotation"
    time.sleep(2.1)
    seen = Seen(tmp_path / "seen.json")
    assert digest(seen, copied, "one") == digest(seen, copied, "other") == "one"
    touch(copied / KIND)
    assert digest(seen, copied, "other") == "other"


def test_tables_of_a_moment_ago_may_change_again(folder: Path, tmp_path: Path):
    copied = Path(shutil.copytree(folder, tmp_path / "annotation"))
    seen = Seen(tmp_path / "seen.json")
    assert digest(seen, copied, "one") == "one"
    assert digest(seen, copied, "other") == "other"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"/": 3}'])
def test_a_broken_memory_is_none(folder: Path, tmp_path: Path, content: bytes):
    (tmp_path / "seen.json").write_bytes(content)
    assert digest(Seen(tmp_path / "seen.json"), folder, "one") == "one"


def test_a_key_is_the_same_with_and_without_the_memory(tmp_path: Path):
    cache, scene = Cache(tmp_path / "kept"), good_scene(tmp_path / "data")
    keys = {key_of(scene, EVERY), key_of(scene, EVERY, seen=cache.seen), key_of(scene, EVERY, seen=cache.seen)}
    assert len(keys) == 1
