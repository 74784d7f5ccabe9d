"""What a command knows of its surroundings: which zoo it reads, and around which repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo.address import Address, find_zoo
from t4zoo.zoo.storage.folder import Folder, OnRequest, open_folder


@dataclass(frozen=True)
class Where:
    """What a command knows of its surroundings. zoo: of --zoo. repository: around the working folder, if any.

    remembered: a version that was pulled before is found without asking the zoo; `refresh` asks, and remembers anew.
    checked: what is remembered is asked after by its entity tag, and believed only where the zoo does not answer.
    """

    zoo: str | None = None
    repository: Path | None = None
    on_request: OnRequest | None = None
    remembered: bool = False
    refresh: bool = False
    checked: bool = False

    def open_zoo(self) -> Folder:
        """The configured zoo."""
        return self.open(find_zoo(self.zoo, self.repository))

    def open(self, address: Address) -> Folder:
        """The folder at an address."""
        folder = open_folder(address, self.on_request)
        if not self.remembered:
            return folder
        from t4zoo.zoo.reading.remembered import Remembered  # late: a list needs nothing that knows manifests

        return Remembered(folder, self.refresh, self.checked)
