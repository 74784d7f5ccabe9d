"""A copy of an ensemble file with other thresholds: everything else in it, comments too, stays as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from t4zoo.autolabel.rules import Ensemble, read_ensemble
from t4zoo.errors import T4zooError, UsageError, in_one_line
from t4zoo.labels.suggestion import Thresholds


class CopyError(T4zooError):
    """A file in which thresholds cannot be replaced in place."""


def read_ensemble_file(path: Path) -> tuple[str, Ensemble]:
    """The text of a file of conf/ensemble/, and what it says. Raises UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as an ensemble file ({error})") from None
    return text, _parse(text, path)


def with_thresholds(text: str, path: Path, wanted: Thresholds) -> str:
    """The text of `path` with model -> class -> threshold in place of the numbers that stand there.

    Raises CopyError where the result would not say what is meant, as where models share one mapping by an alias.
    """
    spans = [
        (node.start_mark.index, node.end_mark.index, repr(score))
        for model, scores in wanted.items()
        for name, score in scores.items()
        for node in [_scalar(yaml.compose(text, Loader=yaml.SafeLoader), model, name)]
        if node is not None
    ]
    changed = text
    for start, end, number in sorted(spans, reverse=True):
        changed = changed[:start] + number + changed[end:]
    if _parse(changed, path) != meant(_parse(text, path), wanted):
        raise CopyError(
            f"{path}: its confidence_thresholds cannot be replaced one by one; write each model's out as numbers, "
            "without aliases or merge keys"
        )
    return changed


def meant(ensemble: Ensemble, wanted: Thresholds) -> Ensemble:
    """The ensemble with these thresholds and everything else as it is."""
    models = (
        dataclasses.replace(rules, thresholds=rules.thresholds | dict(wanted.get(rules.name, {})))
        for rules in ensemble.models
    )
    return dataclasses.replace(ensemble, models=tuple(models))


def _parse(text: str, path: Path) -> Ensemble:
    try:
        data: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not YAML: {in_one_line(error)}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{path}: not an ensemble; conf/ensemble/tiny.yaml shows the form")
    return read_ensemble(data, str(path))


def _scalar(node: yaml.Node | None, *below: str) -> yaml.ScalarNode | None:
    """The number of a class of a model, by its place in the text."""
    model, name = below
    for key in ("models", model, "confidence_thresholds", name):
        values = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for known, value in values if known.value == key), None)
    return node if isinstance(node, yaml.ScalarNode) else None
