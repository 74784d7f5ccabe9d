"""A version that is proposed, with what it was compared with, for a person and for a script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from t4zoo.zoo.releasing.gate.parameters import Change
from t4zoo.zoo.releasing.refusal import some
from t4zoo.zoo.version import Name


@dataclass(frozen=True)
class Wanted:
    """What is asked for. series: `CenterPoint/t4x2` or `info`. project, release: the suffix, if any."""

    series: str
    project: str | None = None
    release: bool = False


@dataclass(frozen=True)
class Proposal:
    """name: None where there can be no next version yet; `why` then says what has to happen first.

    last: the version that was compared with. files: that differ from it, of `count`. parameters: of the ROS node.
    commit: whose state it is.
    """

    series: str
    name: Name | None
    why: str
    commit: str
    last: Name | None = None
    files: tuple[str, ...] = ()
    count: int = 0
    parameters: tuple[Change, ...] = ()

    @property
    def is_unchanged(self) -> bool:
        """Whether the state is that of a version already."""
        return self.name is not None and self.name == self.last

    def record(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "series": self.series,
            "next": self.name and str(self.name),
            "why": self.why,
            "unchanged": self.is_unchanged,
            "compared_with": self.last and str(self.last),
            "changed_files": list(self.files),
            "changed_parameters": [{"key": one.key, "old": one.old, "new": one.new} for one in self.parameters],
            "commit": self.commit,
        }

    def __str__(self) -> str:
        """For a person."""
        lines = [f"{self.name or self.series}", f"  {self.why}"]
        if self.last and not self.is_unchanged:
            lines.append(f"  compared with {self.last}: {len(self.files)} of {self.count} files differ")
            lines += [f"    {some(list(self.files))}"] if self.files else []
            lines += [f"  what the ROS node reads: {some([str(one) for one in self.parameters])}"] * bool(
                self.parameters
            )
        return "\n".join([*lines, f"  of commit {self.commit[:10]}"])
