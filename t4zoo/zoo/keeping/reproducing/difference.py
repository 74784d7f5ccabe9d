"""Where two files part, told so that a person sees it: a line of a text, a byte of anything else."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from t4zoo.zoo.storage.folder import CHUNK

TEXTS = (".yaml", ".yml", ".json", ".csv", ".log", ".py", ".txt", ".md")
WIDTH = 100  # characters of a line that are shown

_BEFORE = 30  # of them, those before the first that differs


def first_difference(expected: Path, found: Path) -> str | None:
    """The first difference of two files in words, None where they are the same; `found` gives the kind by its name."""
    at = _first_byte(expected, found)
    if at is None:
        return None
    if found.suffix in TEXTS and (line := _first_line(expected, found)):
        return line
    before, now = expected.stat().st_size, found.stat().st_size
    sizes = f"{before} bytes" if before == now else f"{before} bytes, now {now}"
    return f"from byte {at} on ({sizes})"


def _first_byte(expected: Path, found: Path) -> int | None:
    at = 0
    with expected.open("rb") as left, found.open("rb") as right:
        while True:
            one, other = left.read(CHUNK), right.read(CHUNK)
            if one != other:
                pairs = enumerate(zip(one, other, strict=False))
                return at + next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
            if not one:
                return None
            at += len(one)


def _first_line(expected: Path, found: Path) -> str | None:
    try:
        with expected.open(encoding="utf-8", newline="") as left, found.open(encoding="utf-8", newline="") as right:
            for number, (one, other) in enumerate(zip_longest(left, right), 1):
                if one != other:
                    return f"line {number}: was {_shown(one, other)}, is {_shown(other, one)}"
    except UnicodeDecodeError:
        return None
    return None


def _shown(line: str | None, other: str | None) -> str:
    if line is None:
        return "not there"
    pairs = enumerate(zip(line, other or "", strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(line), len(other or "")))
    start = max(0, at - _BEFORE) if len(line) > WIDTH else 0
    part = line[start : start + WIDTH]
    return f"{'…' if start else ''}{part!r}{'…' if start + WIDTH < len(line) else ''}"
