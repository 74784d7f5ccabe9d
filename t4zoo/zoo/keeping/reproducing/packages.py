"""Which packages are others here than those that a version was released with."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version


def other_packages(released: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each package of another version than in `released`, or that is not installed."""
    lines = []
    for name, then in sorted(released.items()):
        here = _installed(name)
        if here is None:
            lines.append(f"{name} is not installed, was {then}")
        elif _public(here, then) != then:
            lines.append(f"{name} is {here}, was {then}")
    return tuple(lines)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _public(here: str, then: str) -> str:
    """Without the build, as in 2.13.0+cpu, where the lock does not say one."""
    return here if "+" in then else here.partition("+")[0]
