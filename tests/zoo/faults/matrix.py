"""Each fault at each request of a release, a pull and a verification: python -m tests.zoo.faults.matrix"""

from __future__ import annotations

import itertools
import os
import queue
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.zoo.reading.cache import ENVIRONMENT as CACHE
from t4zoo.zoo.reading.pull import pull
from t4zoo.zoo.reading.verify import verify_zoo
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.refusal import RefusedError
from t4zoo.zoo.storage.folder import Folder
from t4zoo.zoo.storage.patience import ENVIRONMENT
from t4zoo.zoo.storage.server import Server
from tests.zoo.faults.killing import killed
from tests.zoo.faults.look import FINISHED, NOTHING, TOLD, Cell, wrong_in_folder, wrong_in_zoo
from tests.zoo.faults.steps import Step, is_step, steps_of
from tests.zoo.faults.tiny import Place, locate, plan, release
from tests.zoo.proxy import SILENT, Fault, Proxy

# Seconds that a silent server is waited for, and how many work side by side: where only the injected fault may end a
# request, and where silence must, in which most of the time goes by.
PATIENT, IMPATIENT = (60.0, 5), (1.0, 20)

_readers = itertools.count()

Act = Callable[[], object]
Look = Callable[[bool], str]  # whether the act finished -> what is wrong with what it left, "" if nothing
Operation = Callable[[Place, Proxy], Callable[[], tuple[Act, Look]]]  # by way of a proxy; each time made anew


@dataclass(frozen=True)
class Matrix:
    """What became of one operation. steps: its requests when nothing disturbs it."""

    title: str
    steps: tuple[Step, ...]
    cells: tuple[Cell, ...]

    @property
    def lost(self) -> list[Cell]:
        """Cells that did not survive."""
        return [cell for cell in self.cells if not cell.survived]

    def table(self) -> str:
        """Faults downward, requests to the right."""
        width = max(len(cell.fault) for cell in self.cells) + 2
        columns = [max(len(step.word), len(NOTHING)) + 1 for step in self.steps]
        lines = [self.title.ljust(width) + _row((step.word for step in self.steps), columns)]
        for fault in dict.fromkeys(cell.fault for cell in self.cells):
            row = {cell.step: cell for cell in self.cells if cell.fault == fault}
            words = [row[step].outcome if row[step].survived else "LOST" for step in self.steps]
            lines.append(fault.ljust(width) + _row(words, columns))
        return "\n".join([*lines, self.summary()])

    def summary(self) -> str:
        """One line."""
        finished, told = (sum(cell.outcome == outcome for cell in self.cells) for outcome in (FINISHED, TOLD))
        survived = len(self.cells) - len(self.lost)
        kills = survived - finished - told
        return (
            f"{self.title}: {survived} of {len(self.cells)} cells survived: {finished} finished, {told} told in a line"
            + (f", {kills} killed" if kills else "")
            + "; each rerun finished"
        )


def _row(words: Iterable[str], columns: Iterable[int]) -> str:
    return "".join(word.ljust(column) for word, column in zip(words, columns, strict=True)).rstrip()


def releasing(place: Place, proxy: Proxy) -> Callable[[], tuple[Act, Look]]:
    """Release a version of its own, from the look into the store to the manifest."""
    own = place.apart()  # its index is not what the others wait for
    folders, reader = own.folders(proxy.endpoint), own.reader()

    def prepare() -> tuple[Act, Look]:
        new = plan()
        return lambda: release(new, place.cache, *folders), lambda finished: wrong_in_zoo(new, reader, finished)

    return prepare


def pulling(web: bool) -> Operation:
    """Pull a version into a folder of its own, from S3 or from a web server; other bytes each time, since some are kept
    on this machine."""

    def operation(place: Place, proxy: Proxy) -> Callable[[], tuple[Act, Look]]:
        zoo, (_, writer) = _reader(place, proxy, web), place.folders()

        def prepare() -> tuple[Act, Look]:
            whose = f"reader {next(_readers)}"
            there = plan(whose=whose)
            place.put(there, whose, writer)
            to = Path(tempfile.mkdtemp(dir=place.cache.parent))
            return lambda: pull(locate(there, zoo), to), lambda finished: wrong_in_folder(there, to, finished)

        return prepare

    return operation


def verifying(whole: Plan) -> Operation:
    """Verify a version that is whole: a finding is wrong, unless the answer that led to it was a lie."""

    def operation(place: Place, proxy: Proxy) -> Callable[[], tuple[Act, Look]]:
        zoo = _reader(place, proxy, web=False)

        def act() -> None:
            report = verify_zoo(locate(whole, zoo))
            if report.findings or report.unlisted:
                raise FoundError(str(report))

        return lambda: (act, lambda finished: "")

    return operation


class FoundError(T4zooError):
    """Findings, where there is nothing to find."""


def _reader(place: Place, proxy: Proxy, web: bool) -> Folder:
    return place.web(proxy.endpoint) if web else place.reader(proxy.endpoint)


def run(title: str, place: Place, operation: Operation) -> Matrix:
    """Do the operation once undisturbed, and then with each fault at each of its requests, once and again and again."""
    with Proxy(place.endpoint) as proxy:
        act, look = operation(place, proxy)()
        act()
        assert not look(True)
        steps = steps_of(proxy.requests)
    cells: list[Cell] = []
    for faults, (seconds, many) in (([f for f in Fault if f not in SILENT], PATIENT), (list(SILENT), IMPATIENT)):
        todo = [(f, lasting, step) for f in faults for lasting in (False, True) for step in steps]
        with _waiting(seconds), _workers(place, operation, many) as do, ThreadPoolExecutor(many) as pool:
            cells += pool.map(lambda item, do=do: do(*item), todo)
    return Matrix(title, steps, tuple(cells))


@contextmanager
def _waiting(seconds: float) -> Iterator[None]:
    """As a user sets it; and fewer attempts than usual, since each wait doubles."""
    before = dict(os.environ)
    os.environ.update({ENVIRONMENT: str(seconds), "AWS_MAX_ATTEMPTS": "3"})
    try:
        yield
    finally:
        for name in (ENVIRONMENT, "AWS_MAX_ATTEMPTS"):
            os.environ.pop(name)
        os.environ.update(before)


@contextmanager
def _workers(place: Place, operation: Operation, many: int) -> Iterator[Callable[[Fault, bool, Step], Cell]]:
    """Clients with a proxy each, to be used by one thread at a time."""
    idle: queue.SimpleQueue[tuple[Proxy, Callable[[], tuple[Act, Look]]]] = queue.SimpleQueue()

    def do(fault: Fault, lasting: bool, step: Step) -> Cell:
        worker = idle.get()
        try:
            return _cell(*worker, fault, lasting, step)
        finally:
            idle.put(worker)

    with ExitStack() as stack:
        for _ in range(many):
            proxy = stack.enter_context(Proxy(place.endpoint))
            idle.put((proxy, operation(place, proxy)))
        yield do


def _cell(proxy: Proxy, prepare: Callable[[], tuple[Act, Look]], fault: Fault, lasting: bool, step: Step) -> Cell:
    act, look = prepare()
    proxy.disturb(is_step(step), fault, lasting)
    outcome = _attempt(act)
    complaint = look(outcome == FINISHED)
    proxy.let_pass()
    again = _attempt(act)
    if again != FINISHED:
        complaint = complaint or f"a rerun does not finish: {again}"
    return Cell(f"{fault.value}{', lasting' if lasting else ''}", step, complaint or look(True) or outcome)


def _attempt(act: Act) -> str:
    try:
        act()
    except T4zooError as told:
        # A refusal has a line for each reason, all others have one.
        return TOLD if isinstance(told, RefusedError) or "\n" not in str(told) else f"not in one line: {told}"
    except Exception as error:
        return f"no error of ours: {error!r}"
    return FINISHED


def released(place: Place) -> Plan:
    """A version that is there."""
    first = plan()
    release(first, place.cache, *place.folders())
    return first


def release_matrix(place: Place) -> Matrix:
    """Releasing, and being killed at it."""
    matrix = run("release", place, releasing)
    return Matrix(matrix.title, matrix.steps, (*matrix.cells, *killed(place.apart(), matrix.steps)))


def pull_matrix(place: Place, web: bool) -> Matrix:
    """Pulling from S3 or from a web server."""
    return run(f"pull from {'http' if web else 's3'}://", place, pulling(web))


def verify_matrix(place: Place) -> Matrix:
    """Verifying."""
    return run("verify", place, verifying(released(place)))


def main() -> int:
    """Print all tables; how many cells were lost."""
    lost = []
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder, "s3")) as server:
        os.environ[CACHE] = str(Path(folder, "pulled"))
        place = Place.on(server, "faults", Path(folder, "cache"))
        for make in (release_matrix, partial(pull_matrix, web=False), partial(pull_matrix, web=True), verify_matrix):
            matrix = make(place)
            print(matrix.table(), end="\n\n", flush=True)
            lost += matrix.lost
    for cell in lost:
        print(cell)
    return len(lost)


if __name__ == "__main__":
    sys.exit(bool(main()))
