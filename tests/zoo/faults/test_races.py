"""Two publishers of one version at the same moment, a hundred times: one version comes of it, whole."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from t4zoo.errors import T4zooError
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.storage.s3 import S3Folder
from tests.zoo.faults.look import wrong_in_zoo
from tests.zoo.faults.tiny import Place, plan, release

ROUNDS = 100
APART = 0.04  # seconds, about as long as a release takes: who comes second meets the first anywhere

Record = Callable[[str, object], None]


class Rivals:
    """Two publishers, each with connections of its own, on the same starting line again and again."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place = place.apart()
        self.reader = self.place.reader()
        self._folders = [self.place.folders(), self.place.folders()]
        self._waits = random.Random(seed)

    def race(self, plans: list[Plan]) -> list[T4zooError | None]:
        """Each releases its plan after a short wait of its own; what each was told."""
        line = threading.Barrier(2)
        waits = [self._waits.uniform(0, APART) for _ in plans]

        def act(plan: Plan, folders: tuple[S3Folder, S3Folder], wait: float) -> T4zooError | None:
            line.wait()
            time.sleep(wait)
            try:
                release(plan, self.place.cache, *folders)
            except T4zooError as told:
                return told
            return None

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(act, plans, self._folders, waits))


def test_of_two_publishers_with_different_bytes_one_wins_and_the_other_is_told_both_digests(
    place: Place, record_property: Record
) -> None:
    rivals, wins = Rivals(place, seed=1), Counter[str]()
    for number in range(ROUNDS):
        name = f"CenterPoint/t4base@v3.0.{number}"
        plans = [plan(name, whose) for whose in ("mine", "yours")]
        told = rivals.race(plans)
        assert told.count(None) == 1, told
        loser, winner = (next(error for error in told if error), plans[told.index(None)])
        assert all(rival.digest in str(loser) for rival in plans), loser
        assert wrong_in_zoo(winner, rivals.reader, finished=True) == ""
        wins[winner.manifest.source.subject] += 1  # type: ignore[union-attr]
    record_property("shown", f"two publishers with different bytes: {ROUNDS} races, one winner each {dict(wins)}")
    assert len(wins) == 2  # or it was no race


def test_two_publishers_with_the_same_bytes_both_succeed(place: Place, record_property: Record) -> None:
    rivals = Rivals(place, seed=2)
    for number in range(ROUNDS):
        twins = [plan(f"CenterPoint/t4base@v4.0.{number}")] * 2
        assert rivals.race(twins) == [None, None]
        assert wrong_in_zoo(twins[0], rivals.reader, finished=True) == ""
    record_property("shown", f"two publishers with the same bytes: {ROUNDS} races, both succeeded")
