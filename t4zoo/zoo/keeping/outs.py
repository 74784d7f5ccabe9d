"""The outs that a dvc.lock names, read once a machine: a commit's lock never changes, and most stages of it are old."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from t4zoo.whole import write_whole
from t4zoo.zoo.keeping import history
from t4zoo.zoo.reading.cache import cache
from t4zoo.zoo.releasing.lock import LockError, Out, parse_lock

_HEAD = b"schema: '2.0'\nstages:\n"
_STAGE = re.compile(rb"^(?=  \S)", re.MULTILINE)
_OUTDENTED = re.compile(rb"^\S", re.MULTILINE)


@dataclass(frozen=True)
class Outs:
    """problem: why the lock cannot be read, "" where it can."""

    outs: tuple[Out, ...]
    problem: str


def read_outs(root: Path, locks: Iterable[str]) -> dict[str, Outs]:
    """The outs of each lock, by the id of its blob in git."""
    wanted = set(locks)
    found = {lock: known for lock in wanted if (known := _known(lock)) is not None}
    stages: dict[bytes, tuple[Out, ...]] = {}
    for lock, text in history.blobs(root, wanted - found.keys()):
        found[lock] = _read(text, stages)
        _keep(lock, found[lock])
    return found


def _read(text: bytes, stages: dict[bytes, tuple[Out, ...]]) -> Outs:
    """Stage by stage, since YAML is slow and consecutive locks differ in one or two. stages: those read before."""
    try:
        body = text.removeprefix(_HEAD)
        if body == text or _OUTDENTED.search(body):  # not as DVC writes it: read as a whole
            return Outs(parse_lock(text, history.LOCK).outs, "")
        outs: list[Out] = []
        for stage in _STAGE.split(body):
            if stage and stage not in stages:
                stages[stage] = parse_lock(_HEAD + stage, history.LOCK).outs
            outs += stages.get(stage, ())
        return Outs(tuple(outs), "")
    except LockError as error:
        return Outs((), str(error))


def _place(lock: str) -> Path:
    name = hashlib.sha256(f"outs {lock}".encode()).hexdigest()
    return cache() / "outs" / name[:2] / f"{name}.json"


def _known(lock: str) -> Outs | None:
    try:
        data = json.loads(_place(lock).read_bytes())
        return Outs(tuple(Out(*row) for row in data["outs"]), data["problem"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(lock: str, outs: Outs) -> None:
    rows = [astuple(out) for out in outs.outs]
    write_whole(_place(lock), json.dumps({"outs": rows, "problem": outs.problem}))
