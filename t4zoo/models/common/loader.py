"""How mmengine finds files: by path, by released version or by URL, each kept as itself; checkpoints as weights alone.

mmengine's own loaders are replaced: for URLs they use a cache that is keyed by file name, so that version 2's
`epoch_50.pth` would be version 1's; for local files they leave to torch's default what a file may run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.fileio import BaseStorageBackend, register_backend
from mmengine.runner import CheckpointLoader

from t4zoo.models.common import checkpoint

SCHEMES = ("http", "https", "s3", "zoo")

Fetch = Callable[[str], Path]  # of a released version or URL: its local file


def register(fetch: Fetch) -> None:
    """Make mmengine's checkpoints load as `checkpoint.resolve`, and its file functions read URLs by `fetch`.

    The first are `load_from`, `CheckpointLoader.load_checkpoint` and `init_cfg`; the second `mmengine.fileio`'s.
    """

    def load_from_t4zoo(filename: str, map_location: Any = None) -> dict[str, Any]:
        path = checkpoint.resolve(filename, fetch)
        if path is None:
            raise checkpoint.CheckpointError(f"{filename}: names no checkpoint to load")
        loaded = checkpoint.load(path)
        return {"state_dict": loaded.state_dict, "meta": loaded.meta}

    prefixes = [f"{scheme}://" for scheme in SCHEMES]
    CheckpointLoader.register_scheme(prefixes=["", *prefixes], loader=load_from_t4zoo, force=True)
    register_backend("fetched", _backend(fetch), force=True, prefixes=list(SCHEMES))


def _backend(fetch: Fetch) -> type[BaseStorageBackend]:
    class FetchedBackend(BaseStorageBackend):
        """Files behind a URL; to be read only."""

        def get(self, filepath: str | Path) -> bytes:
            return fetch(str(filepath)).read_bytes()

        def get_text(self, filepath: str | Path, encoding: str = "utf-8") -> str:
            return fetch(str(filepath)).read_text(encoding=encoding)

        @contextmanager
        def get_local_path(self, filepath: str | Path) -> Iterator[Path]:
            yield fetch(str(filepath))  # it stays in the cache

    return FetchedBackend
