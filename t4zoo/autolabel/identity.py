"""How pseudo scenes and what is in them are called: derived from the input alone, so that two runs say the same."""

from __future__ import annotations

from t4zoo.t4.tables import token

FIRST_REVISION = "0"  # of a pseudo scene whose input has no revision folder


def pseudo_id(scene: str) -> str:
    """`{T4 id}/{revision}` of the pseudo scene of `scene`, which is that itself or, without revision, `{T4 id}`."""
    return scene if "/" in scene else f"{scene}/{FIRST_REVISION}"


def instance_token(scene: str, box_id: str) -> str:
    """The token that a pseudo scene's tables give the object of a box; until tracking, each box is an object."""
    return token(pseudo_id(scene), "instance", box_id)
