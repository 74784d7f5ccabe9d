"""GET as every reader sends it: counted, tried again while a server is busy, and redirected with care."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from t4zoo.zoo.storage.answers import silent
from t4zoo.zoo.storage.folder import FolderError, OnRequest
from t4zoo.zoo.storage.patience import CONNECT, silence

ATTEMPTS = 5
SILENCE = 30.0  # seconds without a byte: less than a write's, since a read begins again where it stopped
LONGEST_PAUSE = 20  # seconds between two attempts, whatever a server asks for
REDIRECTS = 5

_BUSY = (429, 500, 502, 503, 504)
_MOVED = (301, 302, 303, 307, 308)

Sign = Callable[[str, dict[str, str]], dict[str, str]]  # (URL, headers) to the headers that are sent
Answer = urllib3.BaseHTTPResponse


class UnreachableError(FolderError):
    """No server answers there."""


class SilentError(UnreachableError):
    """A server takes the request and does not answer it, or breaks off before its answer's head is whole."""


class Http:
    """Connections to any servers; safe to share between threads. A URL's query is never shown: it may be a secret."""

    def __init__(self, on_request: OnRequest | None = None, verify_tls: bool = True) -> None:
        """Connect lazily: nothing is sent yet."""
        self.requests = 0
        self._on_request = on_request
        self._lock = threading.Lock()
        if not verify_tls:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # it was asked for
        self._options: dict[str, Any] = {
            "maxsize": 32,
            "timeout": urllib3.Timeout(connect=min(CONNECT, silence(SILENCE)), read=silence(SILENCE)),
            "cert_reqs": "CERT_REQUIRED" if verify_tls else "CERT_NONE",
            "ca_certs": os.environ.get("AWS_CA_BUNDLE") or None,
        }
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._proxies: dict[tuple[str, str], str] = {}

    def get(self, url: str, headers: dict[str, str], sign: Sign | None = None) -> Answer:
        """The answer, whose body is still to be read and which the caller closes.

        Redirects are followed to http and https, never from https to http; what is signed follows none. Raises
        UnreachableError, and FolderError for a redirect that is refused.
        """
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                answer = self._follow(url, headers, sign)
            except urllib3.exceptions.HTTPError as error:
                if last or isinstance(error, urllib3.exceptions.SSLError | urllib3.exceptions.LocationValueError):
                    raise _failure(shown(url), error) from error
                wait = None
            else:
                if last or answer.status not in _BUSY:
                    return answer
                wait = answer.headers.get("Retry-After")
                answer.close()
            time.sleep(_pause(attempt, wait))
        raise AssertionError("unreachable")

    def _follow(self, url: str, headers: dict[str, str], sign: Sign | None) -> Answer:
        start = url
        for _ in range(REDIRECTS + 1):
            answer = self._send(url, sign(url, headers) if sign else headers)
            target = answer.headers.get("Location") if answer.status in _MOVED else None
            if target is None or sign:
                return answer
            answer.close()
            url = _next(url, target, start)
        raise FolderError(f"{shown(start)}: is redirected more than {REDIRECTS} times")

    def _send(self, url: str, headers: dict[str, str]) -> Answer:
        with self._lock:
            self.requests += 1
            pool = self._pool(url)
        if self._on_request:
            self._on_request("GET", shown(url))
        return pool.request("GET", url, headers=headers, preload_content=False, retries=False, redirect=False)

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        place = parts.scheme, parts.hostname or ""
        if place not in self._proxies:  # once a server: it goes through the whole environment
            self._proxies[place] = "" if proxy_bypass(place[1]) else getproxies().get(place[0], "")
        proxy = self._proxies[place]
        if proxy not in self._pools:
            made = urllib3.ProxyManager(proxy, **self._options) if proxy else urllib3.PoolManager(**self._options)
            self._pools[proxy] = made
        return self._pools[proxy]


def _failure(url: str, error: urllib3.exceptions.HTTPError) -> UnreachableError:
    if isinstance(error, urllib3.exceptions.ReadTimeoutError | urllib3.exceptions.ProtocolError):
        return SilentError(f"{url}: {silent(None)}")
    reason = type(getattr(error, "reason", None) or error).__name__
    return UnreachableError(f"{url}: cannot be reached ({reason}); is the address right?")


def shown(url: str) -> str:
    """A URL as it may be shown: without its query, which in a presigned URL is the permission."""
    return url.partition("?")[0]


def _next(url: str, target: str, start: str) -> str:
    """Where a redirect leads; raises FolderError where no reader should follow."""
    there = urljoin(url, target)
    before, after = urlsplit(url).scheme, urlsplit(there).scheme
    if after not in ("http", "https") or not urlsplit(there).netloc:
        raise FolderError(f"{shown(start)}: is redirected to {after}:, which no web server's file is; refused")
    if (before, after) == ("https", "http"):
        raise FolderError(
            f"{shown(start)}: is redirected from https to http ({shown(there)}), where anyone could change it; refused"
        )
    return there


def _pause(attempt: int, asked: str | None) -> float:
    """Seconds before the next attempt: what the server asks for, else twice as long each time, and never in step."""
    if asked and asked.isdigit():
        return min(float(asked), LONGEST_PAUSE)
    return random.uniform(0.1, 0.2) * float(2**attempt)  # noqa: S311
