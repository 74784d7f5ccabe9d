"""`t4zoo gc`: what anybody needs stays, whatever else is deleted, and whoever is killed while at it."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from t4zoo.errors import T4zooError, UsageError
from t4zoo.zoo.address import Credentials, find_store
from t4zoo.zoo.keeping.gc.clones import clone_id, read_clones
from t4zoo.zoo.keeping.gc.command import forget, register
from t4zoo.zoo.keeping.gc.plan import GcError, Plan, delete, make_plan, sort_out
from t4zoo.zoo.keeping.stored import list_store
from t4zoo.zoo.policy import below, render
from t4zoo.zoo.releasing.lock import key_of
from t4zoo.zoo.storage.eraser import Eraser, server_time
from t4zoo.zoo.storage.folder import FolderError, open_folder
from t4zoo.zoo.storage.s3 import Description, S3Folder
from t4zoo.zoo.storage.server import REGION, Server
from tests.zoo.keeping.planted import MANIFEST, locked
from tests.zoo.keeping.ward import Ward
from tests.zoo.repository import NAME

LATER = datetime.now(UTC) + timedelta(days=20)  # when nothing of now is young any more
TRAIN = "models/CenterPoint/t4base/train"


def plan(ill: Ward, now: datetime = LATER) -> Plan:
    return make_plan(ill.root, now)


def doomed(ill: Ward, now: datetime = LATER) -> set[str]:
    return {entry.path for entry in plan(ill, now).doomed}


def collect(ill: Ward, made: Plan, batch: int = 1000) -> None:
    delete(made, made.digest, Eraser(find_store(ill.root)), batch=batch)


def stored(ill: Ward, content: bytes, suffix: str = "") -> str:
    """An object of the store, as a push would leave it; its md5."""
    md5 = hashlib.md5(content).hexdigest() + suffix
    ill.put(f"dvc/{key_of(md5)}", content)
    return md5


def folder(ill: Ward, **files: bytes) -> str:
    """A folder of the store: its files and their list."""
    rows = [{"md5": stored(ill, content), "relpath": name} for name, content in files.items()]
    return stored(ill, json.dumps(rows).encode(), ".dir")


def dvc_file(md5: str) -> str:
    return f"outs:\n- md5: {md5}\n  hash: md5\n  path: x\n"


def commit(ill: Ward, path: str, text: str) -> None:
    ill.write(path, text)
    ill.git("add", "--force", path)
    ill.git("commit", "--quiet", "-m", f"change {path}")


def clone(ill: Ward, place: Path) -> Ward:
    """Another clone of the same repository, with the same store."""
    ill.git("clone", "--quiet", str(ill.root), str(place))
    return Ward(place, ill.url, ill.client)


def forget_commits(ill: Ward) -> None:
    """Nothing in git leads to what no branch or tag names."""
    ill.git("reflog", "expire", "--expire=now", "--all")
    ill.git("gc", "--quiet", "--prune=now")


def test_nothing_of_a_repository_and_its_releases_is_ever_planned(ill: Ward) -> None:
    made = plan(ill)
    assert made.doomed == () and made.kept.here > 10 and made.kept.young == 0


def test_what_nothing_names_is_planned_then_deleted_and_all_else_stays(ill: Ward) -> None:
    before = ill.paths("")
    list_ = folder(ill, a=b"old a", b=b"old b")
    made = plan(ill)
    assert len(made.doomed) == 3 and made.doomed[0].path == key_of(list_)  # the list before what it lists
    assert ill.paths("dvc/files/") != [path for path in before if path.startswith("dvc/files/")]
    collect(ill, made)
    assert ill.paths("") == before and ill.found() == [] and plan(ill).doomed == ()


def on_a_branch(ill: Ward, md5: str) -> None:
    ill.git("switch", "--quiet", "--create", "mine")
    commit(ill, "data/x.dvc", dvc_file(md5))
    ill.git("switch", "--quiet", "main")
    forget_commits(ill)


def in_the_first_commit_of_another_history(ill: Ward, md5: str) -> None:
    ill.git("switch", "--quiet", "--orphan", "other")
    commit(ill, "x.dvc", dvc_file(md5))
    commit(ill, "x.dvc", dvc_file("0" * 32))
    ill.git("switch", "--quiet", "main")
    forget_commits(ill)


def in_an_old_commit(ill: Ward, md5: str) -> None:
    commit(ill, "data/x.dvc", dvc_file(md5))
    commit(ill, "data/x.dvc", dvc_file("0" * 32))
    forget_commits(ill)


def in_a_commit_of_a_deleted_branch(ill: Ward, md5: str) -> None:
    ill.git("switch", "--quiet", "--create", "mine")
    commit(ill, "data/x.dvc", dvc_file(md5))
    ill.git("switch", "--quiet", "main")
    ill.git("branch", "--delete", "--force", "mine")


def in_an_older_stash(ill: Ward, md5: str) -> None:
    commit(ill, "data/x.dvc", dvc_file("1" * 32))
    for text in (dvc_file(md5), dvc_file("2" * 32)):
        ill.write("data/x.dvc", text)
        ill.git("stash", "--quiet")


def at_a_tag_alone(ill: Ward, md5: str) -> None:
    ill.git("switch", "--quiet", "--detach")
    commit(ill, "data/x.dvc", dvc_file(md5))
    ill.git("tag", "mine")
    ill.git("switch", "--quiet", "main")
    forget_commits(ill)


def in_a_merge(ill: Ward, md5: str) -> None:
    """Both sides have another file; the merge itself brings this one."""
    commit(ill, "data/x.dvc", dvc_file("1" * 32))
    ill.git("switch", "--quiet", "--create", "side", "HEAD~1")
    commit(ill, "data/x.dvc", dvc_file("2" * 32))
    ill.git("switch", "--quiet", "main")
    subprocess.run(["git", "merge", "--quiet", "side"], cwd=ill.root, capture_output=True, check=False)
    commit(ill, "data/x.dvc", dvc_file(md5))
    commit(ill, "data/x.dvc", dvc_file("3" * 32))
    forget_commits(ill)


def under_a_name_that_another_file_has_first(ill: Ward, md5: str) -> None:
    """Git lists a blob once, by the first name that it meets."""
    commit(ill, "zoo/x.dvc", dvc_file(md5))
    ill.git("mv", "zoo/x.dvc", "a-copy.txt")
    ill.git("commit", "--quiet", "-m", "no longer tracked")
    forget_commits(ill)


def staged(ill: Ward, md5: str) -> None:
    ill.write("x.dvc", dvc_file(md5))
    ill.git("add", "--force", "x.dvc")
    ill.write("x.dvc", dvc_file("0" * 32))


def in_the_working_tree(ill: Ward, md5: str) -> None:
    ill.write("data/deep/x.dvc", dvc_file(md5))


def in_another_working_tree(ill: Ward, md5: str) -> None:
    tree = ill.root.parent / "tree"
    ill.git("worktree", "add", "--quiet", "--detach", str(tree))
    (tree / "x.dvc").write_text(dvc_file(md5))


def in_a_lock_of_a_folder_below(ill: Ward, md5: str) -> None:
    commit(ill, "sub/dvc.lock", f"schema: '2.0'\nstages:\n  s:\n    outs:\n    - path: x\n      md5: {md5}\n")
    commit(ill, "sub/dvc.lock", "schema: '2.0'\nstages: {}\n")
    forget_commits(ill)


def beside_conflict_marks(ill: Ward, md5: str) -> None:
    commit(ill, "x.dvc", f"<<<<<<< HEAD\n{dvc_file('0' * 32)}=======\n{dvc_file(md5)}>>>>>>> mine\n")


PLACES = [
    in_the_first_commit_of_another_history,
    *(on_a_branch, in_an_old_commit, in_a_commit_of_a_deleted_branch, in_an_older_stash, at_a_tag_alone, in_a_merge),
    *(under_a_name_that_another_file_has_first, staged, in_the_working_tree, in_another_working_tree),
    *(in_a_lock_of_a_folder_below, beside_conflict_marks),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_folder_is_kept_that_is_named(place: Callable[[Ward, str], None], ill: Ward) -> None:
    unneeded = stored(ill, b"nobody's")
    place(ill, folder(ill, a=b"a", b=b"b"))
    assert doomed(ill) == {key_of(unneeded)}


def test_a_released_version_is_kept_without_any_commit_that_names_it(ill: Ward) -> None:
    ill.git("tag", "--delete", NAME)
    shutil.rmtree(ill.root / ".git")
    for path in ("dvc.lock", "dvc.yaml"):
        (ill.root / path).unlink()
    ill.git("init", "--quiet", "--initial-branch=main")
    ill.git("commit", "--quiet", "--allow-empty", "-m", "another history")
    files = json.loads(ill.get(MANIFEST))["files"]
    left = doomed(ill)
    assert not left & {key_of(file["md5"]) for file in files}
    assert any(path.endswith(".dir") for path in left)  # lists, which no manifest names


def test_what_is_young_is_kept_and_what_lies_in_a_young_folder_though_that_is_old(ill: Ward) -> None:
    stored(ill, b"nobody's")
    assert doomed(ill, now=server_time(find_store(ill.root))) == set()
    list_ = folder(ill, a=b"shared with an older folder")
    store = list_store(open_folder(find_store(ill.root)))
    old = "2020-01-01T00:00:00Z"
    for md5, entry in store.objects.items():
        store.objects[md5] = entry if md5 == list_ else replace(entry, modified=old)
    found, kept = sort_out(store, [frozenset()] * 3, datetime(2021, 1, 1, tzinfo=UTC), ill.root / "no-cache")
    shared = key_of(hashlib.md5(b"shared with an older folder").hexdigest())
    assert kept.young == 2 and shared not in {entry.path for entry in found}
    assert len(found) == len(store.objects) - 2


def test_a_list_that_was_not_pushed_yet_still_keeps_its_files(ill: Ward) -> None:
    list_ = folder(ill, a=b"a", b=b"b")
    ill.write("x.dvc", dvc_file(list_))
    cached = ill.root / ".dvc/cache" / key_of(list_)
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(ill.get(f"dvc/{key_of(list_)}"))
    ill.delete(f"dvc/{key_of(list_)}")  # a push that was killed leaves the list to the last
    assert doomed(ill) == set()


def test_a_branch_that_only_another_clone_has_is_kept_once_that_clone_has_spoken(ill: Ward, tmp_path: Path) -> None:
    other = clone(ill, tmp_path / "other")
    commit(other, "data/x.dvc", dvc_file(folder(ill, a=b"a")))
    assert len(doomed(ill)) == 2
    register(other.root, dry_run=True)
    assert len(doomed(ill)) == 2
    assert clone_id(other.root) in other.t4zoo("gc", "--register").out
    made = plan(ill)
    assert made.doomed == () and made.kept.clones == 2 and [one.id for one in made.clones] == [clone_id(other.root)]
    commit(other, "data/y.dvc", dvc_file(stored(ill, b"more")))
    register(other.root, dry_run=False)
    assert plan(ill).doomed == () and len(plan(ill).clones) == 1


def test_real_pushes_from_two_clones_survive_each_others_gc(ill: Ward, tmp_path: Path) -> None:
    other = clone(ill, tmp_path / "other")
    other.params(seed=77)
    other.build("Train with another seed")
    register(other.root, dry_run=False)
    register(ill.root, dry_run=False)
    for one in (ill, other):
        collect(one, plan(one))
    assert ill.found() == []
    fresh = clone(other, tmp_path / "fresh")
    assert fresh.dvc("pull").code == 0
    assert fresh.dvc("status").out.strip() == "Data and pipelines are up to date."


def test_a_clone_that_has_long_been_silent_stops_gc_until_it_speaks_or_is_forgotten(ill: Ward, tmp_path: Path) -> None:
    other = clone(ill, tmp_path / "other")
    register(other.root, dry_run=False)
    with pytest.raises(GcError, match=f"clone {clone_id(other.root)} .*--forget"):
        plan(ill, LATER + timedelta(days=60))
    with pytest.raises(UsageError, match=clone_id(other.root)):
        forget(ill.root, "x", dry_run=False)
    forget(ill.root, clone_id(other.root), dry_run=True)
    assert len(read_clones(open_folder(find_store(ill.root)))) == 1
    forget(ill.root, clone_id(other.root), dry_run=False)
    assert plan(ill, LATER + timedelta(days=60)).doomed == ()


def test_a_copied_folder_is_a_clone_of_its_own(ill: Ward, tmp_path: Path) -> None:
    register(ill.root, dry_run=False)
    shutil.copytree(ill.root, tmp_path / "copied", symlinks=True)
    assert clone_id(tmp_path / "copied") != clone_id(ill.root) == clone_id(ill.root)


def with_a_remote(ill: Ward) -> Path:
    remote = ill.root.parent / "origin.git"
    ill.git("clone", "--quiet", "--bare", str(ill.root), str(remote))
    ill.git("remote", "add", "origin", str(remote))
    return remote


def test_a_branch_at_the_remote_that_was_not_fetched_stops_gc(ill: Ward, tmp_path: Path) -> None:
    remote = with_a_remote(ill)
    other = clone(ill, tmp_path / "other")
    commit(other, "x.dvc", dvc_file(stored(ill, b"theirs")))
    other.git("push", "--quiet", str(remote), "HEAD:theirs")
    with pytest.raises(GcError, match=r"origin has refs/heads/theirs.*git fetch --all"):
        plan(ill)
    ill.git("fetch", "--quiet", "--all")
    assert plan(ill).doomed == ()


def test_a_remote_that_does_not_answer_stops_gc(ill: Ward) -> None:
    shutil.rmtree(with_a_remote(ill))
    with pytest.raises(GcError, match="origin cannot be asked"):
        plan(ill)


def test_a_clone_without_its_past_stops_gc(ill: Ward, tmp_path: Path) -> None:
    commit(ill, "x.txt", "more")
    ill.git("clone", "--quiet", "--depth=1", f"file://{ill.root}", str(tmp_path / "shallow"))
    shallow = Ward(tmp_path / "shallow", ill.url, ill.client)
    with pytest.raises(GcError, match="shallow"):
        plan(shallow)
    with pytest.raises(GcError, match="shallow"):
        register(shallow.root, dry_run=False)


LOST = "schema: '2.0'\nstages:\n  s:\n    outs:\n    - path: x\n      files: []\n"
SPOILS: dict[str, tuple[Callable[[Ward], object], str]] = {
    "a lock that is no YAML": (lambda ill: commit(ill, "dvc.lock", "stages: ["), "main: dvc.lock: not a lock that"),
    "a lock in the working tree that is no YAML": (lambda ill: ill.write("dvc.lock", "stages: ["), "not a lock"),
    "a lock that has lost an md5": (lambda ill: commit(ill, "dvc.lock", LOST), "lost the md5 of x"),
    "a list with other bytes": (lambda ill: ill.put(locked(ill, TRAIN), b"[]"), "other bytes than its name says"),
    "a manifest that is cut off": (lambda ill: ill.put(MANIFEST, b"{"), "not JSON"),
    "a clone that says nonsense": (lambda ill: ill.put("dvc/gc/roots/x.json", b"{}"), "may need anything"),
}


@pytest.mark.parametrize("fault", SPOILS)
def test_gc_is_stopped_by(fault: str, ill: Ward) -> None:
    spoil, words = SPOILS[fault]
    spoil(ill)
    with pytest.raises(T4zooError, match=words):
        plan(ill)


def test_a_tag_whose_lock_lost_an_md5_is_told_and_the_commits_before_still_name_it(ill: Ward) -> None:
    commit(ill, "dvc.lock", LOST)
    ill.git("tag", "v9.0.0")
    ill.git("reset", "--quiet", "--hard", "HEAD~1")
    made = plan(ill)
    assert made.doomed == () and "lost the md5 of x" in made.notes[0]


def test_a_plan_that_is_no_longer_the_same_is_not_done(ill: Ward, tmp_path: Path) -> None:
    mine = stored(ill, b"mine")
    agreed = plan(ill).digest
    more = stored(ill, b"more")
    before = ill.paths("")
    with pytest.raises(GcError, match="no longer the same"):
        delete(plan(ill), agreed, Eraser(find_store(ill.root)))
    agreed = plan(ill).digest
    other = clone(ill, tmp_path / "other")
    commit(other, "x.dvc", dvc_file(mine))
    register(other.root, dry_run=False)
    with pytest.raises(GcError, match="no longer the same"):
        delete(plan(ill), agreed, Eraser(find_store(ill.root)))
    assert set(before) <= set(ill.paths(""))
    assert doomed(ill) == {key_of(more)}


def test_the_same_plan_has_the_same_digest_all_day(ill: Ward) -> None:
    stored(ill, b"nobody's")
    midnight = LATER.replace(hour=0, minute=0, second=0, microsecond=0)
    assert plan(ill, midnight).digest == plan(ill, midnight + timedelta(hours=23, minutes=59)).digest


def test_a_gc_that_is_killed_leaves_no_list_without_its_files_and_the_next_one_finishes(ill: Ward) -> None:
    needed = ill.paths("dvc/")
    for number in range(3):
        folder(ill, a=f"a{number}".encode(), b=f"b{number}".encode())
    script = Path(__file__).with_name("killed_gc.py")
    for allowed in (1, 2, 3):
        command = [sys.executable, str(script), str(ill.root), LATER.isoformat(), str(allowed)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        there = set(ill.paths("dvc/"))
        assert set(needed) < there
        for path in there:
            rows = json.loads(ill.get(path)) if path.endswith(".dir") else []
            assert all(f"dvc/{key_of(row['md5'])}" in there for row in rows), path
    collect(ill, plan(ill))
    assert ill.paths("dvc/") == needed


def test_who_may_not_delete_is_told_so(alone: Path, tmp_path: Path) -> None:
    store, zoo = below("s3://team/perception")
    with Server(tmp_path / "s3", "team", {"trainer": render("trainer", store, zoo)}) as server:
        names = server.environment_of("trainer")
        key_id, secret = names["AWS_ACCESS_KEY_ID"], names["AWS_SECRET_ACCESS_KEY"]
        trainer = replace(store, credentials=Credentials(server.endpoint, REGION, None, key_id, secret))
        content = b"somebody's"
        path = key_of(hashlib.md5(content).hexdigest())
        S3Folder(trainer).create(path, content, Description("text/plain", hashlib.sha256(content).hexdigest()))
        with pytest.raises(FolderError, match=r"denied|s3:DeleteObject"):
            Eraser(trainer).delete([path])
        assert [entry.path for entry in open_folder(trainer).list()] == [path]


def test_the_command_plans_and_deletes_nothing_without_the_plans_digest(ill: Ward) -> None:
    stored(ill, b"nobody's")
    before = ill.paths("")
    told = ill.t4zoo("gc").out
    assert "1 more that are young" in told and "Nothing is left to delete" in told
    refused = ill.t4zoo("gc", "--delete", "0" * 64, check=False)
    assert refused.code == 1 and "no longer the same" in refused.err
    assert ill.t4zoo("gc", "--delete", plan(ill, server_time(find_store(ill.root))).digest).out == (
        "deleted 0 objects, 0 bytes\n"
    )
    assert ill.paths("") == before
