"""A release that broke off and shall not be finished: its name is freed, and no released version ever is."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from t4zoo.cli.main import main
from t4zoo.errors import T4zooError
from t4zoo.zoo.keeping.abandon import AbandonError, abandon, plan_abandonment
from t4zoo.zoo.keeping.doctor.versions import check_versions
from t4zoo.zoo.keeping.survey import survey
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import FENCE, digest
from t4zoo.zoo.reading.catalogue import find
from t4zoo.zoo.reading.reindex import scan
from t4zoo.zoo.releasing import publish
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.publish import PublishError
from t4zoo.zoo.storage.s3 import Description, S3Folder
from t4zoo.zoo.storage.server import Server
from tests.zoo.faults.look import wrong_in_zoo
from tests.zoo.faults.tiny import Place, plan, release
from tests.zoo.proxy import Fault, Proxy, Request

NAME = "CenterPoint/t4base@v1.0.0"
AT_ONCE = timedelta(seconds=-60)  # the server stamps whole seconds


@pytest.fixture
def place(server: Server, alone: Path, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # what fails here fails until it is run again
    return Place.on(server, prefix, tmp_path / "dvc-cache").apart()


def break_off(place: Place, broken: Plan, word: str) -> None:
    """Release as far as the request of a path that ends so, which the server never hears of."""
    with Proxy(place.endpoint) as proxy:
        proxy.before = lambda request: Fault.ERROR if request.path.endswith(word) and request.method == "PUT" else None
        with pytest.raises(T4zooError, match="500"):
            release(broken, place.cache, *place.folders(proxy.endpoint))


def command(*words: str) -> int:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["t4zoo", *words])
        main()
    return int(end.value.code or 0)


def free(place: Place, zoo: S3Folder, quiet: timedelta = AT_ONCE) -> None:
    abandon(plan_abandonment(plan(NAME).name, zoo, load_layout(None), quiet), zoo)


def test_an_abandoned_version_may_be_released_with_other_bytes(place: Place, client: Any) -> None:
    mine, yours, (store, zoo) = plan(NAME), plan(NAME, "yours"), place.folders()
    break_off(place, mine, "manifest.json")
    key = f"{place.prefix}/{place.zoo}/{mine.folder}/epoch_3.pth"
    client.create_multipart_upload(Bucket=place.bucket, Key=key)
    with pytest.raises(PublishError, match=f"{mine.digest}.*{yours.digest}"):
        release(yours, place.cache, store, zoo)
    planned = plan_abandonment(mine.name, zoo, load_layout(None), AT_ONCE)
    assert set(planned.paths) == {".claim", *(file.path for file in mine.manifest.files)} and planned.uploads == 1
    abandon(planned, zoo)
    assert list(zoo.list(f"{mine.folder}/")) == [] == list(zoo.uploads(mine.folder).list())
    release(yours, place.cache, store, zoo)
    assert wrong_in_zoo(yours, place.reader(), finished=True) == ""


def test_what_is_released_or_was_never_begun_cannot_be_abandoned(place: Place) -> None:
    _, zoo = folders = place.folders()
    with pytest.raises(AbandonError, match="nobody has begun"):
        free(place, zoo)
    release(plan(NAME), place.cache, *folders)
    with pytest.raises(AbandonError, match="is released"):
        free(place, zoo)
    assert wrong_in_zoo(plan(NAME), place.reader(), finished=True) == ""


def test_a_release_that_may_be_going_on_cannot_be_abandoned(place: Place) -> None:
    break_off(place, plan(NAME), "manifest.json")
    with pytest.raises(AbandonError, match="wrote 0 minutes ago"):
        free(place, place.folders()[1], timedelta(minutes=15))


def test_a_manifest_that_comes_before_the_fence_stays_with_all_its_files(place: Place) -> None:
    mine, (_, zoo) = plan(NAME), place.folders()
    break_off(place, mine, "manifest.json")
    planned = plan_abandonment(mine.name, zoo, load_layout(None), AT_ONCE)
    release(mine, place.cache, *place.folders())
    with pytest.raises(AbandonError, match="is released"):
        abandon(planned, zoo)
    assert wrong_in_zoo(mine, place.reader(), finished=True) == ""


def test_a_publisher_that_wakes_up_after_the_fence_is_told_and_nothing_becomes_visible(place: Place) -> None:
    mine, (_, zoo) = plan(NAME), place.folders()

    def fence(request: Request) -> None:
        if request.method == "GET" and request.query.startswith("list-type"):  # it looked, and all was well
            with pytest.raises(ConnectionError):
                free_halfway(zoo)

    def free_halfway(zoo: S3Folder) -> None:
        with Proxy(place.endpoint) as other:
            other.before = lambda request: Fault.ERROR if request.query == "delete" else None
            try:
                free(place, place.folders(other.endpoint)[1])
            except T4zooError as told:
                raise ConnectionError from told

    with Proxy(place.endpoint) as proxy:
        proxy.after = fence
        with pytest.raises(PublishError, match="released or abandoned by another"):
            release(mine, place.cache, *place.folders(proxy.endpoint))
    free(place, zoo)
    assert wrong_in_zoo(mine, place.reader(), finished=False) == ""
    assert list(zoo.list(f"{mine.folder}/")) == []


def test_a_publisher_that_looked_for_long_looks_again_before_it_shows_anything(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fence has come and gone while it read what an earlier run had left."""
    mine, (_, zoo) = plan(NAME), place.folders()
    monkeypatch.setattr(publish, "FRESH", -1.0)
    listings: list[int] = []

    def free_at_the_first_look(request: Request) -> None:
        if request.method == "GET" and request.query.startswith("list-type"):
            listings.append(request.number)
            if len(listings) == 1:
                free(place, zoo)

    with Proxy(place.endpoint) as proxy:
        proxy.after = free_at_the_first_look
        with pytest.raises(PublishError, match="removed or replaced while they were read"):
            release(mine, place.cache, *place.folders(proxy.endpoint))
    assert len(listings) == 2 and list(zoo.list(f"{mine.folder}/")) == []
    release(mine, place.cache, *place.folders())
    assert wrong_in_zoo(mine, place.reader(), finished=True) == ""


def test_files_that_no_release_has_begun_with_are_never_removed(place: Place) -> None:
    """As those of a version that was filled by hand, in a folder that is called as this version's would be."""
    mine, (_, zoo) = plan(NAME), place.folders()
    zoo.create(f"{mine.folder}/epoch_1.pth", b"by hand", Description("text/plain", digest(b"by hand")))
    time.sleep(1.1)  # the server stamps whole seconds
    for objects in ({"epoch_1.pth"}, {"epoch_1.pth", ".claim"}):  # and of an adoption that broke off
        with pytest.raises(AbandonError, match=r"epoch_1\.pth is of no release"):
            free(place, zoo)
        assert {entry.path for entry in zoo.list(f"{mine.folder}/")} >= {f"{mine.folder}/{path}" for path in objects}
        claim = f"{mine.digest}\n".encode()
        zoo.create(f"{mine.folder}/.claim", claim, Description("text/plain", digest(claim)))


def test_while_the_fence_stands_the_version_is_not_there_and_nothing_is_broken(place: Place) -> None:
    mine, (_, zoo) = plan(NAME), place.folders()
    zoo.create(f"{mine.folder}/manifest.json", FENCE, Description("text/plain", digest(FENCE)))
    assert find(place.reader(), mine.folder) is None
    found = scan(place.reader(), load_layout(None))
    assert NAME not in {row.name for row in found.rows} and found.problems == ()
    seen = survey(place.reader(), load_layout(None))
    assert seen.held[mine.folder].problem == "" and NAME not in seen.by_name()
    cures = [one.cure for one in check_versions(seen, place.reader()) if one.where.endswith(mine.folder)]
    assert cures == [f"`t4zoo release {NAME} --abandon` was broken off: run it again"]


def test_an_abandonment_that_is_broken_off_anywhere_is_finished_by_another(place: Place) -> None:
    mine, direct = plan(NAME), place.folders()
    with Proxy(place.endpoint) as proxy:
        through = place.folders(proxy.endpoint)
        for number in range(1, 20):
            proxy.before = lambda request: Fault.ERROR if request.path.endswith("manifest.json") else None
            with pytest.raises(T4zooError, match="500"):
                release(mine, place.cache, *through)
            proxy.disturb(lambda request, last=number: request.number >= last, Fault.RESET_BEFORE)  # type: ignore[misc]
            try:
                free(place, through[1])
                break
            except T4zooError as told:
                assert "\n" not in str(told)
            free(place, direct[1])
            assert list(direct[1].list(f"{mine.folder}/")) == []
    assert number >= 8
    release(mine, place.cache, *direct)


def test_the_command_says_what_it_would_remove_and_waits_until_nobody_writes(
    place: Place, s3: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_off(place, plan(NAME), "manifest.json")
    monkeypatch.setenv("T4ZOO_URL", place.reader().address.url)
    assert command("release", NAME, "--abandon") == 1
    assert "may be going on" in capsys.readouterr().err
    now = ("--abandon", "--after", "-1")  # the server stamps whole seconds
    assert command("release", NAME, *now, "--dry-run") == 0
    assert capsys.readouterr().out.startswith(f"{NAME} was never released: 4 objects")
    assert command("release", NAME, *now, "--json") == 0
    assert ".claim" in json.loads(capsys.readouterr().out)["paths"]
    assert command("release", NAME, *now) == 1
    assert "nobody has begun" in capsys.readouterr().err
