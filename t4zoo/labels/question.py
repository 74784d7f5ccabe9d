"""What a report is asked: the folder, and what is known beside it, found in its repository where nobody names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from t4zoo.autolabel.rules import Ensemble
from t4zoo.errors import UsageError
from t4zoo.export.CenterPoint.parameters import PACKAGE_FILE
from t4zoo.labels.bundle_copy import ALGORITHM, BundleScores, read_bundle
from t4zoo.labels.ensemble_copy import read_ensemble_file
from t4zoo.labels.folder import Folder, open_folder
from t4zoo.labels.settings import Settings
from t4zoo.labels.truth import Truth, TruthError, read_truth


@dataclass(frozen=True)
class Given:
    """What the user names; None where the surroundings say it.

    models: `{algorithm}-{model}`, all where none is named. truth: an info file or a folder of scenes; labels: of
    conf/labels/. ensemble: of conf/ensemble/. bundle: an exported folder. data: what lidar paths are relative to.
    """

    folder: Path
    models: tuple[str, ...] = ()
    truth: Path | None = None
    labels: Path | None = None
    ensemble: Path | None = None
    bundle: Path | None = None
    data: Path | None = None


@dataclass(frozen=True, eq=False)
class EnsembleFile:
    """A file of conf/ensemble/."""

    path: Path
    text: str
    rules: Ensemble


@dataclass(frozen=True, eq=False)
class Question:
    """Everything that a report reads. bundles: by the model's name. data: where the clouds are, if anywhere."""

    folder: Folder
    truth: Truth | None
    ensemble: EnsembleFile | None
    bundles: Mapping[str, BundleScores]
    data: Path
    settings: Settings


def question(given: Given, settings: Settings) -> Question:
    """Open what is named, and what lies where a repository has it. Raises UsageError, and what the readers raise."""
    folder = open_folder(given.folder, given.models)
    root = given.folder.resolve().parent.parent
    classes = _classes(folder)
    if given.labels is not None and given.truth is None:
        raise UsageError(f"--labels {given.labels}: says what the classes of ground truth are; give --truth too")
    if given.bundle is not None and given.truth is None:
        raise UsageError(
            f"--bundle {given.bundle}: other thresholds for it are found by ground truth; give --truth too"
        )
    truth = read_truth(given.truth, folder.scenes, classes, given.labels) if given.truth else None
    if truth and not set(classes) & set(truth.classes):
        raise TruthError(
            f"{truth.path}: has none of the classes of the labels: it has {', '.join(truth.classes)}, and they have "
            f"{', '.join(classes)}; give ground truth with the same names of classes"
        )
    file = given.ensemble or _chosen_ensemble(root, given.folder.resolve().name)
    ensemble = EnsembleFile(file, *read_ensemble_file(file)) if file else None
    if given.data is not None and not given.data.is_dir():
        raise UsageError(f"--data {given.data}: no such folder; name the one that holds the folders of scenes")
    data = given.data or root / "data" / "t4dataset"
    return Question(folder, truth, ensemble, _bundles(folder, given.bundle, root) if truth else {}, data, settings)


def _classes(folder: Folder) -> list[str]:
    return list(dict.fromkeys(name for source in folder.sources for name in source.classes))


def _chosen_ensemble(root: Path, name: str) -> Path | None:
    """The ensemble file of the set `name` in the repository `root`, where that has one."""
    try:
        params: Any = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
        file = root / "conf" / "ensemble" / f"{params['auto_labels'][name]['ensemble']}.yaml"
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError):
        return None  # no repository, or none that knows this set
    return file if file.is_file() else None


def _bundles(folder: Folder, given: Path | None, root: Path) -> dict[str, BundleScores]:
    known = {source.name: source.classes for source in folder.raw if source.name.startswith(f"{ALGORITHM}-")}
    if given is not None:
        if len(known) != 1:
            here: Sequence[str] = sorted(known) or ["none"]
            raise UsageError(
                f"--bundle {given}: is of one {ALGORITHM} model, and here are raw predictions of {', '.join(here)}; "
                "name one with --model"
            )
        return {name: read_bundle(given, classes) for name, classes in known.items()}
    places = {name: root / "models" / ALGORITHM / name.removeprefix(f"{ALGORITHM}-") / "export" for name in known}
    return {name: read_bundle(place, known[name]) for name, place in places.items() if (place / PACKAGE_FILE).is_file()}
