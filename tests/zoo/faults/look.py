"""What a fault left behind: nothing, or everything, and never another thing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo.manifest import FILE_NAME
from t4zoo.zoo.reading.catalogue import NotReleasedError
from t4zoo.zoo.reading.index import read_index
from t4zoo.zoo.reading.verify import verify_zoo
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.storage.folder import Folder
from tests.zoo.faults.steps import Step
from tests.zoo.faults.tiny import locate

FINISHED, TOLD = "ok", "told"
NOTHING, WHOLE = "nothing", "whole"  # what a publisher leaves visible that was killed


@dataclass(frozen=True)
class Cell:
    """A fault at a step. outcome: FINISHED as if nothing had been; TOLD in one line; NOTHING or WHOLE is
    visible after a kill; each with nothing half visible and a second run that finished. Any other text: not survived.
    """

    fault: str
    step: Step
    outcome: str

    @property
    def survived(self) -> bool:
        """Whether the outcome is one that may be."""
        return self.outcome in (FINISHED, TOLD, NOTHING, WHOLE)


def wrong_in_zoo(plan: Plan, zoo: Folder, finished: bool) -> str:
    """What is wrong with the version as a reader sees it: it may be absent unless its publisher says it is done."""
    try:
        located = locate(plan, zoo)
    except NotReleasedError:
        return "says that it is done, and nothing is there" if finished else ""
    wrong = [str(finding) for finding in verify_zoo(located).findings]
    if located.released.content != plan.content:
        wrong.append("another manifest")
    index = read_index(zoo)
    if finished and not (index and index.get(plan.name)):
        wrong.append("the index does not know of it")
    return "; ".join(wrong)


def wrong_in_folder(plan: Plan, folder: Path, finished: bool) -> str:
    """What is wrong with a pulled folder: a file may be absent, and none may be another's or half there."""
    whole = {file.path: file.sha256 for file in plan.manifest.files} | {FILE_NAME: plan.digest}
    here = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    wrong = [path for path in here if path not in whole or _sha256(here[path]) != whole[path]]
    if finished and set(here) != set(whole):
        wrong.append(f"has only {sorted(here)}")
    return "; ".join(wrong)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
