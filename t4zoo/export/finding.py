"""One thing that is wrong with a bundle, in words that say where it is and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """file: its name in the bundle. key: the parameter or tensor. problem: with the value. cure: what to change."""

    file: str
    key: str
    problem: str
    cure: str

    def __str__(self) -> str:
        """The finding as one line for a person."""
        return f"{self.file}: {self.key}: {self.problem}; {self.cure}"
