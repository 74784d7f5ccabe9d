"""How mmengine finds checkpoints: by path, by released version or by URL, always as weights alone.

mmengine's own loaders are replaced: for URLs they use a cache that is keyed by file name, so that version 2's
`epoch_50.pth` would be version 1's; for local files they leave to torch's default what a file may run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader

from t4zoo.models.common import checkpoint

REMOTE = ("http://", "https://", "s3://", "zoo://")


def register(fetch: Callable[[str], Path]) -> None:
    """Make mmengine's `load_from`, `CheckpointLoader.load_checkpoint` and `init_cfg` load as `checkpoint.resolve`."""

    def read(filename: str, map_location: Any = None) -> dict[str, Any]:
        path = checkpoint.resolve(filename, fetch)
        if path is None:
            raise checkpoint.CheckpointError(f"{filename}: names no checkpoint to load")
        loaded = checkpoint.load(path)
        return {"state_dict": loaded.state_dict, "meta": loaded.meta}

    CheckpointLoader.register_scheme(prefixes=["", *REMOTE], loader=read, force=True)
