"""The state that would be released: one commit, its params.yaml and dvc.lock, and what these say of one name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from t4zoo.errors import in_one_line
from t4zoo.zoo import git
from t4zoo.zoo.manifest import Kind
from t4zoo.zoo.releasing.lock import Lock, Out, parse_lock
from t4zoo.zoo.releasing.refusal import Refusal, RefusedError
from t4zoo.zoo.version import INFO, AutoLabelSet, InfoVersion, ModelVersion, Name, parse_version

PARTS = ("train", "evaluate", "export")  # the stages that make a model, and their folders in the workspace
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Candidate:
    """entry: what params.yaml says of the name. lock_bytes: dvc.lock at the commit. packages: of requirements.lock."""

    name: Name
    root: Path
    commit: git.Commit
    entry: dict[str, Any]
    lock: Lock
    lock_bytes: bytes
    packages: dict[str, str]

    @property
    def kind(self) -> Kind | None:
        """Of a model, what its parents may be."""
        return self.entry["kind"] if isinstance(self.name, ModelVersion) else None

    @property
    def home(self) -> str:
        """The workspace folder of all that is released under the name."""
        match self.name:
            case ModelVersion():
                return f"models/{self.name.series}"
            case InfoVersion():
                return "info"
            case AutoLabelSet():
                return str(self.name)

    @property
    def folders(self) -> tuple[str, ...]:
        """Workspace folders that are emptied into the version; inner ones come before those that hold them."""
        match self.name:
            case ModelVersion():
                # Trained on its own test scenes, a -release has no score to show.
                parts = [part for part in PARTS if part != "evaluate" or not self.name.version.release]
                return tuple(self.folder(part) for part in parts)
            case InfoVersion():
                return ("info",)
            case AutoLabelSet():
                return (f"{self.home}/raw", self.home)

    @property
    def required(self) -> tuple[str, ...]:
        """Workspace folders that must not be empty."""
        match self.name:
            case ModelVersion() if self.kind in ("public", "pretrain"):
                return (self.folder("train"),)  # only ever a parent: no node loads it
            case InfoVersion():
                return tuple(f"info/{product}" for product in sorted(self.entry))
            case _:
                return tuple(folder for folder in self.folders if not folder.endswith("/raw"))

    def folder(self, part: str) -> str:
        """The workspace folder of one of PARTS."""
        return f"{self.home}/{part}"

    def outs(self) -> list[Out]:
        """What dvc.lock says lies in `folders`; of info, in those of the products that there still are."""
        folders = self.required if isinstance(self.name, InfoVersion) else self.folders
        return sorted({out for folder in folders for out in self.lock.below(folder)}, key=lambda out: out.path)

    def path_of(self, path: str) -> str:
        """Where a file of the workspace lies in the version."""
        folder = next(folder for folder in self.folders if path.startswith(f"{folder}/"))
        return path.removeprefix(f"{folder}/")

    def stages(self) -> set[str]:
        """The stages that made it, and all that they were made from."""
        return self.lock.upstream(out.stage for out in self.outs())


def read_candidate(name: Name, root: Path) -> Candidate:
    """What HEAD says of the name; raises RefusedError when HEAD does not know it, or has no dvc.lock."""
    commit = git.head(root)
    params, lock = git.show(root, commit.id, "params.yaml"), git.show(root, commit.id, "dvc.lock")
    entry, refusals = _entry(name, _parse(name, params or b""))
    if lock is None:
        refusals.append(Refusal("dvc.lock", "is not in the last commit", "`dvc repro`, then commit dvc.lock"))
    if entry is None or lock is None or refusals:
        raise RefusedError(name, refusals)
    environment = git.show(root, commit.id, "requirements.lock") or b""
    return Candidate(
        name, root, commit, entry, parse_lock(lock, "dvc.lock"), lock, _packages(environment.decode(errors="replace"))
    )


def info_version(root: Path) -> InfoVersion:
    """The version of info that params.yaml has at HEAD; raises VersionError where it has none."""
    said = _parse(INFO, git.show(root, git.head(root).id, "params.yaml") or b"").get("autoware_ml")
    return InfoVersion(parse_version(str(said)))


def _parse(name: object, params: bytes) -> dict[str, Any]:
    try:
        data = yaml.safe_load(params)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        what = f"is not YAML: {in_one_line(error)}"
        raise RefusedError(name, [Refusal("params.yaml", what, "mend it and commit")]) from error
    return data if isinstance(data, dict) else {}


def _entry(name: Name, params: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Refusal]]:
    """What params.yaml says of the name: a model's or a set's entry; of info, all products."""
    match name:
        case ModelVersion():
            return _model(name, _section(params, "models"))
        case InfoVersion():
            return _info(name, params)
        case AutoLabelSet():
            entry = _section(params, "auto_labels").get(name.set)
            if isinstance(entry, dict):
                return entry, []
            what = f"has no {name.set} in `auto_labels`"
            return None, [Refusal("params.yaml", what, "add it, `dvc repro` and commit")]


def _model(name: ModelVersion, models: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Refusal]]:
    for key, entry in models.items():
        if isinstance(entry, dict) and (entry.get("algorithm"), entry.get("model")) == (name.algorithm, name.model):
            if entry.get("kind") in KINDS:
                return entry, []
            what = f"models.{key}: kind is {entry.get('kind')!r}"
            return entry, [Refusal("params.yaml", what, f"write {', '.join(KINDS[:-1])} or {KINDS[-1]}")]
    model = f"algorithm: {name.algorithm}, model: {name.model}"
    return None, [Refusal("params.yaml", f"no entry of `models` has {model}", "add it, `dvc repro` and commit")]


def _info(name: InfoVersion, params: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Refusal]]:
    said, products = params.get("autoware_ml"), _section(params, "products")
    if said != str(name.version):
        what = f"autoware_ml is {said}, not {name.version}"
        return products, [Refusal("params.yaml", what, "write the version there and commit, or release that one")]
    if not products:
        return None, [Refusal("params.yaml", "has no `products`", "add one, `dvc repro` and commit")]
    return products, []


def _section(params: dict[str, Any], key: str) -> dict[str, Any]:
    section = params.get(key)
    return section if isinstance(section, dict) else {}


def _packages(text: str) -> dict[str, str]:
    """The `package==version` lines of a requirements file."""
    lines = (line.split("#")[0].split(";")[0].strip() for line in text.splitlines())
    pairs = (line.partition("==") for line in lines if "==" in line)
    return {name.strip().lower(): version.strip().split()[0] for name, _, version in pairs if version.strip()}
