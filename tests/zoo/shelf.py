"""A web server over a few files in memory, that knows entity tags and ranges, or fails to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

from tests.zoo.serving import serving


@dataclass
class Shelf:
    """files: path -> content. refused: a path that is nobody's to read. asked: each path and range.

    cut: bytes after which each answer's connection breaks.
    """

    files: dict[str, bytes]
    ranges: bool = True
    etags: bool = True
    cut: int | None = None
    refused: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        path = unquote(request.path).lstrip("/")
        self.asked.append((path, request.headers.get("Range", "")))
        if path == self.refused:
            return 401, {}, b"who are you?"
        content = self.files.get(path.partition("?")[0])
        if content is None:
            return 404, {}, b"no such file"
        tag = {"ETag": f'"{hashlib.md5(content).hexdigest()}"'} if self.etags else {}
        if tag and request.headers.get("If-None-Match") == tag["ETag"]:
            return 304, tag, b""
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if not span or not self.ranges:
            return 200, tag, content
        start, end = int(span[1]), min(int(span[2] or len(content)), len(content) - 1)
        if start >= len(content):
            return 416, {"Content-Range": f"bytes */{len(content)}"}, b""
        return 206, {**tag, "Content-Range": f"bytes {start}-{end}/{len(content)}"}, content[start : end + 1]


@contextmanager
def shelf(files: dict[str, bytes]) -> Iterator[Shelf]:
    found = Shelf(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = found.answer(self)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            part = body[: found.cut]
            found.sent += len(part)
            self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as found.url:
        yield found
