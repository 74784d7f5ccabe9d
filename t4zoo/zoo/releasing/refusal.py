"""Why a release is refused: every reason at once, each with its place and its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from t4zoo.errors import T4zooError

T = TypeVar("T")

_SHOWN = 5  # names in one refusal; the rest are counted


@dataclass(frozen=True)
class Refusal:
    """where: file, tag or object. what: the value that is wrong. cure: what to do. Of an error, `what` has all."""

    where: str
    what: str
    cure: str

    def __str__(self) -> str:
        return (f"{self.where}: " if self.where else "") + self.what + (f"; {self.cure}" if self.cure else "")


class RefusedError(T4zooError):
    """A release that the gate stops. refusals: all reasons, in the order in which they were looked for."""

    def __init__(self, name: object, refusals: Iterable[Refusal]) -> None:
        """Put the reasons in one message, a line each."""
        self.refusals = tuple(refusals)
        reasons = f"{len(self.refusals)} reasons" if len(self.refusals) > 1 else "one reason"
        super().__init__(
            "\n".join([f"{name} cannot be released, for {reasons}:", *(f"  - {r}" for r in self.refusals)])
        )


class Reasons(list[Refusal]):
    """Refusals so far, in the order in which they were found."""

    def attempt(self, find: Callable[[], T]) -> T | None:
        """What `find` finds; None where it raises, and then the error's words are a reason, or several."""
        try:
            return find()
        except RefusedError as error:
            self.extend(error.refusals)
        except T4zooError as error:
            self.append(Refusal("", str(error), ""))
        return None

    def once(self) -> tuple[Refusal, ...]:
        """Each of them once: two checks may stumble over one thing."""
        return tuple(dict.fromkeys(self))


def some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
