"""What a command knows of its surroundings: which zoo it reads, and around which repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo.address import find_zoo
from t4zoo.zoo.storage.folder import Folder, OnRequest, open_folder


@dataclass(frozen=True)
class Where:
    """What a command knows of its surroundings. zoo: of --zoo. repository: around the working folder, if any."""

    zoo: str | None = None
    repository: Path | None = None
    on_request: OnRequest | None = None

    def open_zoo(self) -> Folder:
        """The configured zoo."""
        return open_folder(find_zoo(self.zoo, self.repository), self.on_request)
