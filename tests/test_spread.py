"""Things are spread over processes, some of which are killed."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from t4zoo.spread import KilledError, spread

DEADLY = 13


class Recording:
    """Notes which process did what, and kills those that are given a deadly number: once, or each time."""

    def __init__(self, folder: Path, always: bool) -> None:
        self.folder, self.always = folder, always

    def __call__(self, number: int) -> int:
        with (self.folder / f"{number}").open("a") as file:
            file.write(f"{os.getpid()} {time.monotonic()}\n")
        time.sleep(0.01)
        if number == DEADLY and (self.always or len((self.folder / f"{number}").read_text().splitlines()) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        with (self.folder / f"{number}").open("a") as file:
            file.write(f"{os.getpid()} {time.monotonic()}\n")
        return number * number

    def notes(self, number: int) -> list[tuple[int, float]]:
        lines = (self.folder / f"{number}").read_text().splitlines()
        return [(int(process), float(moment)) for process, moment in map(str.split, lines)]


def test_a_killed_process_costs_its_own_thing_only_which_is_tried_again_alone(tmp_path: Path):
    work = Recording(tmp_path, always=False)
    assert list(spread(work, range(40), 3)) == [number * number for number in range(40)]
    killed, begun, done = work.notes(DEADLY)
    assert killed[0] != begun[0] == done[0]
    for number in set(range(40)) - {DEADLY}:
        (_process, start), (_, end) = work.notes(number)  # once, whatever became of others
        assert end < begun[1] or done[1] < start


def test_what_kills_its_process_again_is_told_and_the_rest_is_done(tmp_path: Path):
    work = Recording(tmp_path, always=True)
    told = []

    def killed(number: int, error: KilledError) -> int:
        told.append((number, str(error)))
        return -1

    found = list(spread(work, range(20), 3, killed=killed))
    assert found == [-1 if number == DEADLY else number * number for number in range(20)]
    ((number, message),) = told
    assert number == DEADLY
    assert "tried alone" in message
    assert len(work.notes(DEADLY)) == 2


class OddError(Exception):
    """An error that no other process can make again from its arguments."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"{reason}: {number}")


def fail(number: int) -> int:
    raise OddError(number, "not divisible")


def test_an_error_that_cannot_be_sent_is_told_all_the_same():
    with pytest.raises(RuntimeError, match="not divisible: 1") as caught:
        list(spread(fail, [1, 2], 2))
    assert "in fail" in caught.value.__notes__[0]


def test_beside_other_threads_no_process_is_forked(tmp_path: Path):
    held = threading.Event()
    other = threading.Thread(target=held.wait)
    other.start()
    try:
        assert list(spread(Recording(tmp_path, always=False), [1, 2, 3], 2)) == [1, 4, 9]
    finally:
        held.set()
        other.join()


def test_what_is_not_asked_for_is_let_go(tmp_path: Path):
    work = Recording(tmp_path, always=False)
    results = spread(work, range(100), 2)
    assert next(results) == 0
    results.close()
    assert len(list(tmp_path.iterdir())) < 8
