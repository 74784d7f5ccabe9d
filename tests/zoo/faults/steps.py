"""The steps of an operation: its requests in words, each with how many of its kind came before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.zoo.proxy import Request

# As they come; those of parallel files come in any order.
_ORDER = (
    *("check", "index?", "manifest?", "file", "claim", "copy", "upload", "part", "complete", "list", "claim?"),
    *("manifest", "index", "uploads?"),
)


class Step(NamedTuple):
    """The `number`th request (from 1) of its kind."""

    word: str
    number: int


def steps_of(requests: Iterable[Request]) -> tuple[Step, ...]:
    """The steps that these requests are."""
    counts = Counter(map(word, requests))
    return tuple(Step(name, n) for name in sorted(counts, key=_ORDER.index) for n in range(1, counts[name] + 1))


def is_step(step: Step) -> Callable[[Request], bool]:
    """A function that is asked of each request in turn and says yes to the one that is this step."""
    seen = 0

    def ask(request: Request) -> bool:
        nonlocal seen
        if word(request) != step.word:
            return False
        seen += 1
        return seen == step.number

    return ask


def word(request: Request) -> str:
    """What a request does."""
    if request.method == "POST":
        return "complete" if "uploadId=" in request.query else "upload"
    if "partNumber=" in request.query:
        return "part"
    if "/autoware-ml/" not in request.path:
        return "check" if "/dvc/" in request.path else "uploads?" if request.query.startswith("uploads") else "list"
    names = {"manifest.json": "manifest", ".claim": "claim", "notice.json": "notice", "index.json": "index"}
    name = names.get(request.path.rpartition("/")[2])
    if request.method == "PUT":
        return name or "copy"
    return f"{name}?" if name else "file"
