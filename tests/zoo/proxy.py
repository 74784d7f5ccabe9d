"""A proxy between an S3 client and its server: it counts requests and bytes, and injects a fault where it is told to.

Bytes pass untouched, the client's Host header too, which its signature covers.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from types import TracebackType
from typing import BinaryIO

CHUNK = 1 << 18  # bytes passed on at once
PATIENCE = 60.0  # seconds until a client that does not give up loses its silent connection


class Fault(StrEnum):
    """What may befall one request."""

    ERROR = "500"
    SLOW_DOWN = "503 SlowDown"
    RESET_BEFORE = "reset, request lost"
    RESET_AFTER = "reset, answer lost"
    STALL_BEFORE = "silence, request lost"
    STALL_AFTER = "silence, answer lost"
    HEAD_CUT = "half of the answer's head"
    BODY_CUT = "half of the answer"
    BODY_STALLS = "half of it, then silence"
    BODY_SHORT = "half of it, length to match"


SILENT = (Fault.STALL_BEFORE, Fault.STALL_AFTER, Fault.BODY_STALLS)  # only the client's own patience ends these
_UNHEARD = (Fault.ERROR, Fault.SLOW_DOWN, Fault.RESET_BEFORE, Fault.STALL_BEFORE)  # the server never sees the request
_REFUSALS = {Fault.ERROR: (500, "InternalError"), Fault.SLOW_DOWN: (503, "SlowDown")}


@dataclass
class Request:
    """One request as it passed. sent, received [bytes]: by the client, heads included."""

    number: int
    method: str
    path: str
    query: str
    sent: int = 0
    received: int = 0


class Proxy:
    """Between clients of `endpoint` and the server at `target`, while `with` lasts; safe for parallel clients.

    before: hears of each request before the server does, and may name a fault. after: the server has answered, and the
    client does not know it yet.
    """

    def __init__(self, target: str) -> None:
        """target: `http://host:port`."""
        host, _, port = target.removeprefix("http://").partition(":")
        self.target = (host, int(port))
        self.requests: list[Request] = []
        self.before: Callable[[Request], Fault | None] = lambda request: None
        self.after: Callable[[Request], object] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def let_pass(self) -> None:
        """Count anew and disturb nothing."""
        self.requests, self.before, self.after = [], lambda request: None, None

    def disturb(self, chosen: Callable[[Request], bool], fault: Fault, lasting: bool = False) -> None:
        """Count anew, and inject the fault at each chosen request; `lasting`: and whenever one is made again."""
        self.let_pass()
        victims: set[tuple[str, str]] = set()

        def before(request: Request) -> Fault | None:
            if chosen(request):
                victims.add((request.method, request.path))
                return fault
            return fault if lasting and (request.method, request.path) in victims else None

        self.before = before

    def ask(self, request: Request) -> Fault | None:
        """Which fault this request shall have, if any; one request at a time."""
        with self._lock:
            return self.before(request)

    def count(self, head: Head) -> Request:
        """Number a request that begins."""
        path, _, query = head.target.partition("?")
        with self._lock:
            request = Request(len(self.requests) + 1, head.method, path, query, sent=len(head.raw))
            self.requests.append(request)
        return request

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A peer that goes away in the middle is what this proxy is for.
        with contextlib.suppress(OSError), client, socket.create_connection(self.target) as server:
            connection = _Connection(self, client, server)
            while connection.pass_one():
                pass


@dataclass(frozen=True)
class Head:
    """The lines before a body. first: the three words of the first line."""

    raw: bytes
    first: tuple[str, str, str]
    headers: dict[str, str]

    @staticmethod
    def read(stream: BinaryIO) -> Head | None:
        """The next head; None where the peer has closed."""
        lines = [stream.readline()]
        while lines[-1] not in (b"\r\n", b""):
            lines.append(stream.readline())
        if lines[-1] == b"":
            return None
        words = (*lines[0].decode("latin-1").rstrip("\r\n").split(" ", 2), "", "")
        fields = [line.decode("latin-1").partition(":") for line in lines[1:-1]]
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        return Head(b"".join(lines), (words[0], words[1], words[2]), headers)

    @property
    def method(self) -> str:
        return self.first[0]

    @property
    def target(self) -> str:
        return self.first[1]

    @property
    def status(self) -> int:
        return int(self.first[1])

    @property
    def waits(self) -> bool:
        """Whether the client keeps its body until it is asked for it."""
        return self.headers.get("expect", "").lower() == "100-continue"

    def body(self, stream: BinaryIO) -> Iterator[bytes]:
        """The bytes that follow, as they are on the wire."""
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            size = -1
            while size != 0:
                line = stream.readline()
                size = int(line.split(b";")[0], 16)
                yield line + stream.read(size) + stream.readline()
            return
        left = int(self.headers.get("content-length", "0"))
        while left:
            chunk = stream.read1(min(left, CHUNK))  # type: ignore[attr-defined]
            if not chunk:
                raise ConnectionResetError
            left -= len(chunk)
            yield chunk


class _Connection:
    """One client's connection and its twin to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        for peer in (client, server):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming, self._outgoing = client.makefile("rb"), server.makefile("rb")

    def pass_one(self) -> bool:
        """One request and its answer; whether the connection can serve another."""
        head = Head.read(self._incoming)
        if head is None:
            return False
        request = self._proxy.count(head)
        fault = self._proxy.ask(request)
        if fault in _UNHEARD:
            for _ in () if head.waits else head.body(self._incoming):
                pass
            self._end(fault)
            return False
        answer = self._ask(request, head)
        if answer is None:
            return False
        body = iter(()) if head.method == "HEAD" or answer.status in (204, 304) else answer.body(self._outgoing)
        if fault is not None or self._proxy.after is not None:
            content = b"".join(body)  # the server is done before the client hears of it
            if self._proxy.after is not None:
                self._proxy.after(request)
            if fault is not None:
                self._client.sendall(_spoil(answer, content, fault))
                self._end(fault)
                return False
            body = iter((content,))
        for chunk in chain((answer.raw,), body):
            request.received += len(chunk)
            self._client.sendall(chunk)
        return True

    def _ask(self, request: Request, head: Head) -> Head | None:
        """Pass a request on, its body when the server wants it; the head of the answer."""
        self._server.sendall(head.raw)
        if head.waits:
            answer = Head.read(self._outgoing)
            if answer is None or answer.status != 100:
                return answer
            self._client.sendall(answer.raw)
        for chunk in head.body(self._incoming):
            request.sent += len(chunk)
            self._server.sendall(chunk)
        return Head.read(self._outgoing)

    def _end(self, fault: Fault | None) -> None:
        if fault in _REFUSALS:
            status, code = _REFUSALS[fault]
            text = f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
            head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
            self._client.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())
        elif fault in SILENT:
            self._client.settimeout(PATIENCE)
            while self._client.recv(CHUNK):
                pass
        elif fault in (Fault.RESET_BEFORE, Fault.RESET_AFTER):
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST


def _spoil(answer: Head, body: bytes, fault: Fault) -> bytes:
    """What the client still gets of an answer."""
    half = body[: len(body) // 2]
    if fault in (Fault.RESET_AFTER, Fault.STALL_AFTER):
        return b""
    if fault is Fault.HEAD_CUT or not body:  # an answer without a body has nothing else to lose
        return answer.raw[: len(answer.raw) // 2]
    if fault is Fault.BODY_SHORT and "content-length" in answer.headers:
        lines = answer.raw.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"content-length:")]
        return b"\r\n".join([kept[0], b"Content-Length: %d" % len(half), *kept[1:]]) + half
    return answer.raw + half
