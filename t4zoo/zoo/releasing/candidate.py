"""The state that would be released: one commit, its params.yaml and dvc.lock, and what these say of one model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from t4zoo.zoo import git
from t4zoo.zoo.releasing.lock import Lock, Out, parse_lock
from t4zoo.zoo.releasing.refusal import Refusal, RefusedError
from t4zoo.zoo.version import ModelVersion

PARTS = ("train", "evaluate", "export")  # the stages that make a model, and their folders in the workspace


@dataclass(frozen=True)
class Candidate:
    """entry: the model's entry in params.yaml. lock_bytes: dvc.lock at the commit. packages: the pinned environment."""

    name: ModelVersion
    root: Path
    commit: git.Commit
    entry: dict[str, Any]
    lock: Lock
    lock_bytes: bytes
    packages: dict[str, str]

    def folder(self, part: str) -> str:
        """The workspace folder of one of PARTS."""
        return f"models/{self.name.algorithm}/{self.name.model}/{part}"

    def outs(self, part: str) -> list[Out]:
        """What dvc.lock says that this stage made."""
        return self.lock.below(self.folder(part))

    def stages(self) -> set[str]:
        """The stages that made the model, and all that they were made from."""
        return self.lock.upstream(out.stage for part in PARTS for out in self.outs(part))


def read_candidate(name: ModelVersion, root: Path) -> Candidate:
    """What HEAD says of the model; raises RefusedError when HEAD has no such model or no dvc.lock."""
    commit = git.head(root)
    params, lock = git.show(root, commit.id, "params.yaml"), git.show(root, commit.id, "dvc.lock")
    refusals = []
    entry = _entry(name, params or b"")
    if entry is None:
        model = f"algorithm: {name.algorithm}, model: {name.model}"
        refusals.append(Refusal("params.yaml", f"no entry of `models` has {model}", "add it, `dvc repro` and commit"))
    if lock is None:
        refusals.append(Refusal("dvc.lock", "is not in the last commit", "`dvc repro`, then commit dvc.lock"))
    if entry is None or lock is None:
        raise RefusedError(name, refusals)
    environment = git.show(root, commit.id, "requirements.lock") or b""
    return Candidate(
        name, root, commit, entry, parse_lock(lock, "dvc.lock"), lock, _packages(environment.decode(errors="replace"))
    )


def _entry(name: ModelVersion, params: bytes) -> dict[str, Any] | None:
    try:
        data = yaml.safe_load(params)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        what = f"is not YAML: {' '.join(str(error).split())}"
        raise RefusedError(name, [Refusal("params.yaml", what, "mend it and commit")]) from error
    models = data.get("models") if isinstance(data, dict) else None
    for entry in (models if isinstance(models, dict) else {}).values():
        if isinstance(entry, dict) and (entry.get("algorithm"), entry.get("model")) == (name.algorithm, name.model):
            return entry
    return None


def _packages(text: str) -> dict[str, str]:
    """The `package==version` lines of a requirements file."""
    lines = (line.split("#")[0].split(";")[0].strip() for line in text.splitlines())
    pairs = (line.partition("==") for line in lines if "==" in line)
    return {name.strip().lower(): version.strip().split()[0] for name, _, version in pairs if version.strip()}
