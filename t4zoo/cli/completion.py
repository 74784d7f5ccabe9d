"""What a shell completes: names of versions, from the zoo's index, or as it was last seen where the zoo is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from t4zoo.zoo.reading.where import Where

PATIENCE = 0.8  # seconds that a person who pressed Tab is kept waiting; overridden by T4ZOO_TIMEOUT


def versions(context: typer.Context, incomplete: str) -> list[str]:
    """Names of versions that begin so; none where no zoo can be read. Never an error: it would break the line."""
    from t4zoo.errors import T4zooError

    try:
        names = _names(context.params.get("zoo"))
    except (T4zooError, OSError, ValueError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def _names(zoo: str | None) -> list[str]:
    import hashlib
    from threading import Thread

    from t4zoo.cli.common import where
    from t4zoo.whole import write_whole
    from t4zoo.zoo.address import find_zoo
    from t4zoo.zoo.reading.cache import cache
    from t4zoo.zoo.storage.patience import silence

    place = where(zoo)
    url = find_zoo(place.zoo, place.repository).url
    seen = cache() / "completion" / hashlib.sha256(url.encode()).hexdigest()
    found: list[str] = []
    asking = Thread(target=_ask, args=(place, found), daemon=True)  # which the end of the process does not wait for
    asking.start()
    asking.join(silence(PATIENCE))
    if found:
        write_whole(seen, "\n".join(found))
    elif seen.is_file():
        found = seen.read_text().splitlines()
    return list(found)


def _ask(place: Where, found: list[str]) -> None:
    from t4zoo.errors import T4zooError
    from t4zoo.zoo.reading.index import read_index

    try:
        index = read_index(place.open_zoo())
    except (T4zooError, OSError):
        return
    found += [row.name for row in index.rows if row.state != "yanked"] if index else []
