"""How pseudo scenes and what is in them are called: derived from the input alone, so that two runs say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from t4zoo.autolabel.labels import Labels
from t4zoo.boxes import ID, spelt
from t4zoo.t4.tables import identifier, token

FIRST_REVISION = "0"  # of a pseudo scene whose input has no revision folder
UNTRACKED = np.zeros((), ID)


def pseudo_id(scene: str) -> str:
    """`{T4 id}/{revision}` of the pseudo scene of `scene`, which is that itself or, without revision, `{T4 id}`."""
    return scene if "/" in scene else f"{scene}/{FIRST_REVISION}"


def objects_of(labels: Labels, classes: Sequence[str]) -> list[str]:
    """The uuid of the object that each box is: its track; until tracking, each box is an object.

    T4 knows an object by one category, so a track whose boxes keep several classes is an object of each.
    """
    names = spelt(np.where(labels.tracks == UNTRACKED, labels.boxes.ids, labels.tracks))
    found: dict[str, set[int]] = {}
    for name, label in zip(names, labels.boxes.labels.tolist(), strict=True):
        found.setdefault(name, set()).add(label)
    return [
        name if len(found[name]) == 1 else str(identifier(name.replace("-", ""), classes[label]))
        for name, label in zip(names, labels.boxes.labels.tolist(), strict=True)
    ]


def instance_token(scene: str, name: str) -> str:
    """The token that a pseudo scene's tables give the object of that name."""
    return token(pseudo_id(scene), "instance", name)
