"""Would the vehicle's node take what is exported? Whoever knows its contract is asked, with the files at hand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.lock import TrackedFile
from t4zoo.zoo.releasing.objects import Objects
from t4zoo.zoo.releasing.refusal import Refusal
from t4zoo.zoo.version import ModelVersion


class Problem(Protocol):
    """What is wrong with an exported file: its name, the parameter or tensor, the value, and what to change."""

    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def problem(self) -> str: ...  # noqa: D102
    @property
    def cure(self) -> str: ...  # noqa: D102


Inspect = Callable[[str, Path], Sequence[Problem]]  # (algorithm, a folder with the exported files)


def check_contract(
    candidate: Candidate, files: Mapping[str, TrackedFile], objects: Objects, inspect: Inspect
) -> list[Refusal]:
    """Every problem of the exported files. files: of the version, by path in it; the store holds each whole."""
    assert isinstance(candidate.name, ModelVersion)  # noqa: S101  (nothing else is exported)
    folder = candidate.folder("export")
    with tempfile.TemporaryDirectory(prefix="t4zoo-") as scratch:
        for path, file in sorted(files.items()):
            if file.path.startswith(f"{folder}/"):
                objects.bring(file.md5, Path(scratch) / path)
        problems = inspect(candidate.name.algorithm, Path(scratch))
    return [Refusal(f"{folder}/{one.file}: {one.key}", one.problem, one.cure) for one in problems]
