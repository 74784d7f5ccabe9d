"""What turns predictions into labels: which models, from which score on, and which of two overlapping boxes stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from t4zoo.errors import UsageError


@dataclass(frozen=True)
class ModelRules:
    """One model's part. name: `{algorithm}-{model}`, of its file of raw predictions.

    weight: multiplies its scores where boxes of an overlap compete. use_label: the classes that are kept.
    thresholds: class -> the least score that is kept, at least for each of `use_label`.
    """

    name: str
    weight: float
    use_label: tuple[str, ...]
    thresholds: dict[str, float]


@dataclass(frozen=True)
class Ensemble:
    """models: in the order in which they win ties. label_groups: classes that compete with each other.

    iou_threshold: two boxes of a group that overlap by more, seen from above, are one object.
    """

    models: tuple[ModelRules, ...]
    label_groups: tuple[tuple[str, ...], ...]
    iou_threshold: float


def read_ensemble(data: Mapping[str, Any], where: str) -> Ensemble:
    """The ensemble that `conf/ensemble/*.yaml` describes; raises UsageError naming `where` and the value."""
    try:
        models = tuple(_read_model(str(name), rules, where) for name, rules in data["models"].items())
        groups = tuple(tuple(str(name) for name in group) for group in data["label_groups"])
        iou_threshold = float(data["iou_threshold"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{where}: not an ensemble ({error!r}); conf/ensemble/tiny.yaml shows the form") from error
    if not models:
        raise UsageError(f"{where}: names no model; labels need at least one")
    names = [name for group in groups for name in group]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{where}: label_groups name {', '.join(twice)} twice; a class competes in one group")
    if not 0.0 <= iou_threshold <= 1.0:
        raise UsageError(f"{where}: iou_threshold is {iou_threshold}, not within 0 and 1")
    return Ensemble(models, groups, iou_threshold)


def _read_model(name: str, data: Mapping[str, Any], where: str) -> ModelRules:
    rules = ModelRules(
        name=name,
        weight=float(data["weight"]),
        use_label=tuple(str(label) for label in data["use_label"]),
        thresholds={str(label): float(score) for label, score in data["confidence_thresholds"].items()},
    )
    for label in rules.use_label:
        if label not in rules.thresholds:
            raise UsageError(
                f"{where}: {name} uses the label {label}, which has no confidence threshold; "
                "give it one, or take it out of use_label"
            )
    return rules
