"""`t4zoo deprecate`, `yank` and `restore`: said once for everybody, and nothing of a version is touched."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from t4zoo.zoo.keeping.withdraw import say
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.reading.index import read_index
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.reading.notice import Event
from tests.zoo.keeping.planted import INDEX, ill_path
from tests.zoo.keeping.ward import Ward
from tests.zoo.repository import FOLDER, NAME, forget_the_user


def state_of(ill: Ward) -> tuple[str, str | None]:
    """As the index says it."""
    index = read_index(Where(ill.zoo).open_zoo())
    assert index is not None
    return index.rows[0].state, index.rows[0].reason


def test_a_yanked_version_says_who_withdrew_it_when_and_why_and_keeps_its_bytes(ill: Ward) -> None:
    before = {path: ill.get(path) for path in ill.paths(ill_path(""))}
    told = ill.t4zoo("yank", NAME, "--reason", "trained on a withdrawn scene").out
    notice = locate(NAME, Where(ill.zoo)).notice
    assert notice is not None and (notice.state, notice.reason) == ("yanked", "trained on a withdrawn scene")
    assert notice.events[0].by == "Ada Tester <ada@example.invalid>" and f"{notice}\n" == told
    assert state_of(ill) == ("yanked", "trained on a withdrawn scene")
    assert {path: ill.get(path) for path in before} == before
    assert ill.found() == []


def test_what_is_restored_remembers_that_it_was_withdrawn(ill: Ward) -> None:
    ill.t4zoo("deprecate", NAME, "--reason", "v1.1.0 is better")
    ill.t4zoo("yank", NAME, "--reason", "wrong labels")
    ill.t4zoo("restore", NAME, "--reason", "the labels were right")
    notice = locate(NAME, Where(ill.zoo)).notice
    assert notice is not None
    assert [event.state for event in notice.events] == ["deprecated", "yanked", "active"]
    assert state_of(ill) == ("active", None)
    again = ill.t4zoo("restore", NAME, "--reason", "once more", check=False)
    assert again.code == 1 and "was restored already" in again.err


def test_the_same_said_twice_is_said_once(ill: Ward) -> None:
    ill.t4zoo("yank", NAME, "--reason", "wrong labels")
    before = ill.get(ill_path("notice.json"))
    ill.delete(INDEX)
    told = ill.t4zoo("yank", NAME, "--reason", "wrong labels")
    assert "as was said before" in told.out and "doctor --fix" in told.err  # there is no index to tell
    assert ill.get(ill_path("notice.json")) == before
    # In the same second, too, which is all that an event tells of its time.
    located = locate(NAME, Where(ill.zoo))
    assert located.notice is not None
    assert not say(ill.writer, load_layout(None), located.released, located.notice.events[-1]).is_new


def test_what_was_never_withdrawn_cannot_be_restored(ill: Ward) -> None:
    told = ill.t4zoo("restore", NAME, "--reason", "x", check=False)
    assert told.code == 1 and "nothing was ever said against it" in told.err
    assert ill_path("notice.json") not in ill.paths("")


def test_a_dry_run_says_it_to_nobody(ill: Ward) -> None:
    before = ill.get(INDEX)
    assert "would say" in ill.t4zoo("yank", NAME, "--reason", "wrong labels", "--dry-run").out
    assert ill_path("notice.json") not in ill.paths("") and ill.get(INDEX) == before


def test_what_many_say_at_once_is_all_kept(ill: Ward) -> None:
    located = locate(NAME, Where(ill.zoo))

    def one(number: int) -> None:
        event = Event("deprecated", f"reason {number}", "Ada <ada@example.invalid>", "2025-01-31T12:00:00Z")
        said = say(ill.writer, load_layout(None), located.released, event)
        assert said.is_new and said.index == ""

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    notice = locate(NAME, Where(ill.zoo)).notice
    assert notice is not None
    assert sorted(event.reason for event in notice.events) == [f"reason {number}" for number in range(8)]
    assert state_of(ill) == ("deprecated", notice.reason)


def test_a_version_is_withdrawn_by_its_address_too(ill: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ill.t4zoo("yank", f"{ill.zoo}/{FOLDER}", "--reason", "wrong labels")
    assert state_of(ill) == ("yanked", "wrong labels")


def test_a_pull_from_the_cache_says_that_its_warning_may_be_late(ill: Ward, tmp_path: Path) -> None:
    pull = ("pull", NAME, "--to", str(tmp_path / "pulled"))
    ill.t4zoo("yank", NAME, "--reason", "wrong labels")
    assert "--refresh" not in ill.t4zoo(*pull).err
    ill.t4zoo("restore", NAME, "--reason", "they were right")
    told = ill.t4zoo(*pull).err
    assert "wrong labels" in told and "--refresh asks the zoo again" in told
    assert ill.t4zoo(*pull, "--refresh").err == ""


def test_a_web_server_cannot_be_told(ill: Ward, s3: object) -> None:
    url = f"{s3.endpoint}/{ill.zoo.removeprefix('s3://')}"  # type: ignore[attr-defined]
    told = ill.t4zoo("yank", f"{url}/{FOLDER}", "--reason", "x", check=False)
    assert told.code == 2 and "s3://" in told.err


def test_nobody_withdraws_without_a_name(ill: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_the_user(monkeypatch)
    told = ill.t4zoo("yank", NAME, "--reason", "x", check=False)
    assert told.code == 1 and "git config" in told.err
    assert ill_path("notice.json") not in ill.paths("")


def test_a_scene_that_is_revoked_takes_with_it_what_learned_from_it(ill: Ward) -> None:
    told = json.loads(ill.t4zoo("revoke-scene", "a", "--json").out)
    assert told["descendants"] == [{"name": NAME, "reach": "learned", "why": "a/0 in train"}]
    assert ill_path("notice.json") not in ill.paths("")
    ill.t4zoo("revoke-scene", "a", "--yank", "--reason", "private ground", "--dry-run")
    assert state_of(ill) == ("active", None)
    ill.t4zoo("revoke-scene", "a", "--yank", "--reason", "private ground")
    assert state_of(ill) == ("yanked", "private ground (a/0 in train)")
    again = ill.get(ill_path("notice.json"))
    ill.t4zoo("revoke-scene", "a", "--yank", "--reason", "private ground")
    assert ill.get(ill_path("notice.json")) == again


def test_a_scene_that_only_judged_a_model_does_not_take_it_away(ill: Ward) -> None:
    told = ill.t4zoo("revoke-scene", "d/2", "--yank", "--reason", "private ground").out
    assert "the score is affected, the weights are not" in told and NAME in told
    assert state_of(ill) == ("active", None)


def test_lists_of_this_repository_that_still_name_the_scene_are_told(ill: Ward) -> None:
    ill.write("conf/dataset/db_x.yaml", "version: 1\ntrain: [q/0, a/0]\nval: []\ntest: [a/3]\n")
    ill.write("conf/dataset/db_y.yaml", "version: 1\ntrain: [q/0]\nval: []\ntest: []\n")
    told = ill.t4zoo("revoke-scene", "a").out
    assert "conf/dataset/db_x.yaml still lists it: train, test" in told and "db_y" not in told


def test_a_yank_needs_a_reason(ill: Ward) -> None:
    told = ill.t4zoo("revoke-scene", "a", "--yank", check=False)
    assert told.code == 2 and "--reason" in told.err
