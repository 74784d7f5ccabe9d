"""Which stages a version is proven by: the cheap ones give the same bytes, a training gives the same metrics."""

from __future__ import annotations

from dataclasses import dataclass

from t4zoo.zoo.releasing.lock import Lock
from t4zoo.zoo.version import INFO, InfoVersion, ModelVersion, Name

CHEAP = ("create_info", "export", "autolabel")  # no GPU, minutes, and no chance in them
TRAININGS = ("train", "evaluate")


@dataclass(frozen=True)
class Chosen:
    """Stages in the order in which they run. others: that made the version too, and are not run again."""

    cheap: tuple[str, ...]
    trainings: tuple[str, ...]
    others: tuple[str, ...]


def choose(name: Name, lock: Lock, train: bool) -> Chosen:
    """The stages that made the version, and create_info of what a model learnt from. train: its training too."""
    own = {out.stage for out in lock.below(_home(name))}
    read = {dep.path for stage in own for dep in lock.deps.get(stage, ())} if isinstance(name, ModelVersion) else set()
    infos = {out.stage for out in lock.outs if out.path in read and kind_of(out.stage) == "create_info"}
    cheap = sorted({stage for stage in own | infos if kind_of(stage) in CHEAP}, key=_order)
    trainings = sorted({stage for stage in own if train and kind_of(stage) in TRAININGS}, key=_order)
    return Chosen(tuple(cheap), tuple(trainings), tuple(sorted(own - {*cheap, *trainings}, key=_order)))


def kind_of(stage: str) -> str:
    """`export` of `export@CenterPoint-t4base`."""
    return stage.partition("@")[0]


def _order(stage: str) -> tuple[int, str]:
    kinds = (*CHEAP, *TRAININGS)
    return kinds.index(kind_of(stage)) if kind_of(stage) in kinds else len(kinds), stage


def _home(name: Name) -> str:
    if isinstance(name, ModelVersion):
        return f"models/{name.series}"
    return INFO if isinstance(name, InfoVersion) else str(name)
