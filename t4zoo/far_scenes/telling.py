"""A line now and then while many files are fetched, from one process of those that share a cache."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 10.0  # [s] until the first line
PAUSE = 30.0  # [s] between two


@dataclass
class Teller:
    """Counts what this process fetches. folder: whichever process gets the lock in it is the one that tells."""

    folder: Path
    url: str
    patience: float = PATIENCE
    files: int = 0
    bytes: int = 0
    _next: float = 0.0
    _handle: int = -1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetched(self, size: int) -> None:
        """One more file."""
        with self._lock:
            self.files, self.bytes, now = self.files + 1, self.bytes + size, time.monotonic()
            self._next = self._next or now + self.patience
            if now < self._next:
                return
            self._next = now + PAUSE
            told = f"{self.files:,} files, {self.bytes / 1e6:,.1f} MB" if self._is_mine() else ""
        if told:
            print(f"fetching from {self.url}: {told} so far", file=sys.stderr, flush=True)

    def _is_mine(self) -> bool:
        """Whether no other process tells; held until this one ends."""
        if self._handle >= 0:
            return True
        try:
            handle = os.open(self.folder / "telling", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True
