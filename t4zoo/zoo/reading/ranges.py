"""Fill a large file: what is missing of it, in several ranges at once, each going on where its line breaks."""

from __future__ import annotations

import errno
import random
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from t4zoo.zoo.reading.failure import FetchError, missing, truncated
from t4zoo.zoo.reading.partial import Partial
from t4zoo.zoo.storage.folder import BrokenTransferError, Folder, OutOfRangeError

PARALLEL = 64 * 1024**2  # bytes; a smaller file comes by one request
PART = 32 * 1024**2  # bytes of a range
RANGES = 4  # at once
TRIES = 4  # that bring no byte, after which a broken line is given up

OnBytes = Callable[[int], None]  # hears how many bytes came


class _NoRangesError(Exception):
    """The server answers with the whole object, whatever part is asked for."""


def fill(source: Folder, path: str, partial: Partial, on_bytes: OnBytes) -> str:
    """Bring what is missing; sha256 of the whole, computed on the way.

    Raises ChangedError where the object is no longer the one whose beginning is here, FetchError where it is shorter.
    """
    _require_room(partial)
    at_once, part = (RANGES, PART) if partial.size > PARALLEL else (1, partial.size)
    try:
        return _bring(source, path, partial, partial.missing(part), at_once, on_bytes)
    except _NoRangesError:
        partial.clear()
        return _bring(source, path, partial, [(0, partial.size)], 1, on_bytes)


def _bring(
    source: Folder, path: str, partial: Partial, spans: list[tuple[int, int]], at_once: int, on_bytes: OnBytes
) -> str:
    with ThreadPoolExecutor(at_once + 1) as pool:
        digest = pool.submit(partial.digest)
        try:
            list(pool.map(lambda span: _bring_span(source, path, partial, span[0], span[1], on_bytes), spans))
        except BaseException:
            partial.stop()
            raise
        return digest.result()


def _bring_span(source: Folder, path: str, partial: Partial, start: int, end: int, on_bytes: OnBytes) -> None:
    failures = 0
    while start < end and not partial.stopped:
        before = start
        try:
            for chunk in _read_span(source, path, partial, start, end):
                partial.write(start, chunk)
                start += len(chunk)
                on_bytes(len(chunk))
        except BrokenTransferError:
            failures = failures + 1 if start == before else 1
            if failures == TRIES:
                raise
            time.sleep(random.uniform(0.1, 0.2) * 2**failures)  # noqa: S311


def _read_span(source: Folder, path: str, partial: Partial, start: int, end: int) -> Iterator[bytes]:
    url, left = source.address.url_of(path), end - start
    whole = start == 0 and end == partial.size
    try:
        with source.open(path, start=start, end=None if whole else end) as body:
            if body is None:
                raise missing(url)
            if body.start != start:
                raise _NoRangesError
            if whole and body.size is not None and body.size < end:
                raise truncated(url, body.size, end)
            partial.pin(body.etag)
            for chunk in body.chunks:
                yield chunk[:left]
                left -= min(left, len(chunk))
                if partial.stopped or not left:
                    return
            if body.size is not None:  # all came that was announced
                raise truncated(url, end - left, partial.size)
    except OutOfRangeError as error:
        raise FetchError(f"{url}: is truncated: it ends before its byte {start} of {partial.size}") from error
    raise BrokenTransferError(f"{url}: {left} of {end - start} bytes from {start} on did not come")


def _require_room(partial: Partial) -> None:
    left, free = partial.size - partial.written, shutil.disk_usage(partial.path.parent).free
    if left > free:
        raise OSError(errno.ENOSPC, f"{left:,} bytes are to come, but the disk has room for {free:,}")
