"""How far two runs of a network are apart whose outputs are queries, in whatever order."""

from __future__ import annotations

import numpy as np

from t4zoo.export.onnx_file import Outputs


def parity(given: Outputs, wanted: Outputs) -> dict[str, float]:
    """Output name -> greatest difference of two (..., P) arrays, whatever the order of their P queries.

    Each query is compared with its nearest in the other set, and the other way round: two that are equally hot up to
    the last bit may stand in either order, and nothing that a node does depends on it.
    """
    queries = next(iter(wanted.values())).shape[-1]
    mine, theirs = (
        {name: np.asarray(one[name], np.float64).reshape(-1, queries) for name in wanted} for one in (given, wanted)
    )
    a, b = (np.concatenate(list(one.values())) for one in (mine, theirs))
    gaps = np.abs(a[:, :, None] - b[:, None, :]).max(axis=0)
    nearest, back = gaps.argmin(axis=1), gaps.argmin(axis=0)
    return {
        name: float(
            max(
                np.abs(mine[name] - theirs[name][:, nearest]).max(),
                np.abs(theirs[name] - mine[name][:, back]).max(),
            )
        )
        for name in wanted
    }
