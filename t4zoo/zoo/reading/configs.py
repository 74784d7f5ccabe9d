"""How the resolved config of one version differs from another's: both brought by way of the cache."""

from __future__ import annotations

from t4zoo.zoo.reading.cat import stream
from t4zoo.zoo.reading.compare import unified
from t4zoo.zoo.reading.locate import Located

LIMIT = 4 * 1024**2  # bytes of a config that anybody would read


def difference(a: Located, b: Located) -> list[str]:
    """Lines as of `diff -u`; none where both are the same, or one has none. Raises FetchError, and FolderError."""
    if a.released.manifest.config == b.released.manifest.config:
        return []
    texts = [_config(located) for located in (a, b)]
    if texts[0] is None or texts[1] is None:
        return []
    return unified(texts[0], texts[1], (a.released.manifest.name, b.released.manifest.name))


def _config(located: Located) -> str | None:
    manifest = located.released.manifest
    file = next((file for file in manifest.of_role("config") if file.sha256 == manifest.config), None)
    if file is None or file.size > LIMIT:
        return None
    return b"".join(stream(located, file)).decode(errors="replace")
