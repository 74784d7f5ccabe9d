"""A checkpoint that mmengine wrote, read as if it held weights and builtins alone: the rest stays without effect.

Beside the weights such a file has buffers of losses, numpy's scalars and schedulers, and its pickle names their classes
and functions. torch's own reader of weights is told that each of those names means `Inert`, so none is looked up.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

# What the makers of such files are known to put in; `Inert` would take the sting from any other name too, but a file
# that names `os.system` should not pass for one of theirs.
_KNOWN = re.compile(
    r"(mmengine|mmcv|mmdet|mmdet3d|mmpretrain|mmseg|mmpose|autoware_ml|projects|numpy|torch\.optim|addict|pathlib)\.[\w.]+"
    r"|(builtins|__builtin__)\.(getattr|set|complex|slice)|argparse\.Namespace|functools\.partial|datetime\.\w+"
)


class StrangeNameError(ValueError):
    """A checkpoint that names something which no maker of checkpoints is known for."""


class Inert:
    """Takes any arguments and any state, and does nothing."""

    def __new__(cls, *arguments: Any, **named: Any) -> Inert:
        """Whatever the pickle calls it with."""
        return super().__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        """Forget it."""


def read(path: Path) -> Any:
    """What the file holds, without whatever is no tensor and no builtin; runs nothing that the file names.

    Raises StrangeNameError, or what torch raises for a broken file and for formats before torch 1.6.
    """
    names = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    strange = [name for name in names if not _KNOWN.fullmatch(name)]
    if strange:
        raise StrangeNameError(strange[0])
    with torch.serialization.safe_globals([(Inert, name) for name in names]):
        return _without_inert(torch.load(path, map_location="cpu", weights_only=True))


def _without_inert(value: Any) -> Any:
    """Dicts and lists without what was inert; other values as they are."""
    if isinstance(value, dict):
        return {
            key: _without_inert(item)
            for key, item in value.items()
            if not isinstance(item, Inert) and not isinstance(key, Inert)
        }
    if isinstance(value, list | tuple):
        return type(value)(_without_inert(item) for item in value if not isinstance(item, Inert))
    return value
