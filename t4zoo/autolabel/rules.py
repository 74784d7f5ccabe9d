"""What turns predictions into labels: models and thresholds, how overlapping boxes become one, and filters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from t4zoo.autolabel.filter_rules import Filters, read_filters
from t4zoo.errors import UsageError

FORM = "conf/ensemble/pair.yaml shows the form"


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
class Merge:
    """How boxes of one object become one: `nms`, the strongest stays; `wbf`, their weighted mean.

    missing_models: whether a model that did not find an object scores it 0 (`zero`) or is not asked (`ignore`); for
    `wbf` alone.
    """

    kind: Literal["nms", "wbf"] = "nms"
    missing_models: Literal["zero", "ignore"] = "zero"


@dataclass(frozen=True)
class Ensemble:
    """models: in the order in which they win ties. label_groups: classes that compete with each other.

    iou_threshold: two boxes of a group that overlap by more, seen from above, are one object.
    """

    models: tuple[ModelRules, ...]
    label_groups: tuple[tuple[str, ...], ...]
    iou_threshold: float
    merge: Merge = Merge()
    filters: Filters = field(default_factory=Filters)

    @property
    def ungrouped(self) -> tuple[str, ...]:
        """The classes that are used and yet dropped, since several models compete and no group names them."""
        grouped = {name for group in self.label_groups for name in group}
        used = dict.fromkeys(name for model in self.models for name in model.use_label)
        return tuple(name for name in used if name not in grouped) if len(self.models) > 1 else ()


def read_ensemble(data: Mapping[str, Any], where: str) -> Ensemble:
    """The ensemble that `conf/ensemble/*.yaml` describes; raises UsageError naming `where` and the value."""
    try:
        _check_keys(data, ("models", "label_groups", "iou_threshold", "merge", "filters"), where)
        models = tuple(_read_model(str(name), rules, where) for name, rules in data["models"].items())
        groups = tuple(tuple(str(name) for name in group) for group in data["label_groups"])
        iou_threshold = float(data["iou_threshold"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{where}: not an ensemble ({error!r}); {FORM}") from error
    if not models:
        raise UsageError(f"{where}: names no model; labels need at least one")
    names = [name for group in groups for name in group]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{where}: label_groups name {', '.join(twice)} twice; a class competes in one group")
    if not 0.0 <= iou_threshold <= 1.0:
        raise UsageError(f"{where}: iou_threshold is {iou_threshold}, not within 0 and 1")
    classes = tuple(dict.fromkeys(name for model in models for name in model.thresholds))
    filters = read_filters(data.get("filters"), where, classes)
    return Ensemble(models, groups, iou_threshold, _read_merge(data.get("merge"), where), filters)


def _read_model(name: str, data: Mapping[str, Any], where: str) -> ModelRules:
    _check_keys(data, ("weight", "use_label", "confidence_thresholds"), f"{where}: models.{name}")
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
    for label, score in rules.thresholds.items():
        if not 0.0 <= score <= 1.0:
            raise UsageError(f"{where}: the confidence threshold of {name} for {label} is {score}, not within 0 and 1")
    if not 0.0 < rules.weight < math.inf:
        raise UsageError(f"{where}: the weight of {name} is {rules.weight}, not above 0; leave out a model to drop it")
    return rules


def _read_merge(data: Any, where: str) -> Merge:
    if data is None:
        return Merge()
    kind = data.get("kind") if isinstance(data, Mapping) else data
    if kind not in ("nms", "wbf"):
        raise UsageError(f"{where}: merge.kind is {kind!r}, neither nms nor wbf; {FORM}")
    settings = data if isinstance(data, Mapping) else {"kind": kind}
    _check_keys(settings, ("kind",) if kind == "nms" else ("kind", "missing_models"), f"{where}: merge ({kind})")
    if kind == "nms":
        return Merge()
    missing = settings.get("missing_models")
    if missing not in ("zero", "ignore"):
        raise UsageError(f"{where}: merge.missing_models is {missing!r}, neither zero nor ignore")
    return Merge("wbf", "zero" if missing == "zero" else "ignore")


def _check_keys(data: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    if unknown := [str(key) for key in data if key not in keys]:
        raise UsageError(f"{where}: has no key {unknown[0]}, but {', '.join(keys)}")
