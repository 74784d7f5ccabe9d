"""One file of conf/autoware/, checked: what a bundle says besides what the checkpoint knows."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from t4zoo.errors import UsageError
from t4zoo.export import by_algorithm


class Section(BaseModel):
    """A group of values: none too many, and none changed once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Suppression(Section):
    """Parameters of the nodes that publish one box a query: how near [m] and how much over each other these may be."""

    circle_nms_dist_threshold: float
    iou_nms_search_distance_2d: float
    iou_nms_threshold: float


def bundle_config(section: Mapping[str, Any]) -> Any:
    """The `BundleConfig` of the algorithm that `section` names. Raises UsageError with every key that is wrong."""
    algorithm = str(section.get("algorithm"))
    kind = by_algorithm.parameters(algorithm).BundleConfig
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, ('autoware', *e['loc'])))}: {e['msg']}" for e in error.errors())
        raise UsageError(f"conf/autoware/{algorithm}.yaml: {wrong}") from None


def names_of(algorithm: str, known: Mapping[str, str], class_names: list[str]) -> list[str]:
    """Autoware's name of each of the model's classes, in their order; known: the model's class -> Autoware's name.

    Raises UsageError when one is missing or when two share a name.
    """
    unknown = [name for name in class_names if name not in known]
    if unknown:
        lacks = f"autoware.classes lacks the model's {', '.join(unknown)}; add each"
        raise UsageError(f"conf/autoware/{algorithm}.yaml: {lacks}")
    names = [known[name] for name in class_names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        what = f"autoware.classes names two of the model's classes {', '.join(twice)}"
        raise UsageError(f"conf/autoware/{algorithm}.yaml: {what}")
    return names


def require_one_each(algorithm: str, key: str, values: Sized, class_names: Sized) -> None:
    """Raise UsageError unless `values`, which stand below `key`, are as many as the model's classes."""
    if len(values) != len(class_names):
        what = f"autoware.{key} has {len(values)} values for the model's {len(class_names)} classes; give one for each"
        raise UsageError(f"conf/autoware/{algorithm}.yaml: {what}")
