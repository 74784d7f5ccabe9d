"""YAML as people write it, read within bounds: one file of it cannot take all memory, nor a message about it."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

import yaml

from t4zoo.errors import UsageError, in_one_line

MOST_BYTES = 8 * 2**20  # some 100,000 scenes; reading takes a second for each 100,000 bytes or so
LONGEST = 300  # characters of a value, or of what is wrong, in a message

_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother, _BRIEF.maxlong = 3, 120, 120, 60
_BRIEF.maxdict = _BRIEF.maxlist = _BRIEF.maxset = _BRIEF.maxtuple = 8


class YamlError(UsageError):
    """A file that is missing, is no YAML, or is larger than any that people write."""


def read_yaml(path: Path) -> Any:
    """What the file says. Raises YamlError."""
    if not path.is_file():  # a pipe would never end
        raise YamlError(f"{path}: does not exist")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        return parse_yaml(content)
    except OSError as error:
        raise YamlError(f"{path}: cannot be read: {error.strerror}") from None
    except YamlError as error:
        raise YamlError(f"{path}: {error}") from None


def parse_yaml(content: bytes) -> Any:
    """What it says. Raises YamlError, which does not say where."""
    if len(content) > MOST_BYTES:
        raise YamlError(f"is larger than {MOST_BYTES:,} bytes, which no YAML file of people is")
    try:
        return yaml.safe_load(content.decode("utf-8"))
    except Exception as error:  # IndexError for `!!int ""`, KeyError for `!!bool x`: tags raise anything
        told = in_one_line(error) or type(error).__name__
        raise YamlError(f"not a YAML file: {told[:LONGEST]}") from None


def brief(value: Any) -> str:
    """The value for a message; short, also where a few aliases stand for billions of values."""
    text = _BRIEF.repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
