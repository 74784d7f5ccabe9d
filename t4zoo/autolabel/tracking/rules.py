"""What makes boxes of a scene one object, and what of it is smoothed: `conf/tracking/*.yaml`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from t4zoo.errors import UsageError

Positive = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Motion(_Rules):
    """How objects move and how well they are seen; all are standard deviations, of each of x and y.

    position_noise: of a box's centre [m]. velocity_noise: of the detector's velocity [m/s]. velocity_drift: what a
    velocity changes by in one second [m/s]. initial_speed: the velocity of an object never seen before [m/s].
    """

    position_noise: Positive
    velocity_noise: Positive
    velocity_drift: Positive
    initial_speed: Positive


class Group(Motion):
    """Classes between which a detector may waver over one object; they move alike."""

    classes: Annotated[tuple[str, ...], Field(min_length=1)]


class Smoothing(_Rules):
    """What of an object is made one over its boxes; "keep" and false leave it as the detector said."""

    velocity: Flag
    size: Literal["median", "mean", "keep"]
    label: Literal["vote", "keep"]


class KalmanRules(_Rules):
    """gates, default_gate [m], sigmas: beyond them a box is another object. max_age [s]: how long one stays unseen.

    distance: what decides between boxes within the gate; sigmas bound only the mahalanobis one.
    min_length: objects with fewer boxes are dropped.
    """

    passes: tuple[str, ...]
    distance: Literal["mahalanobis", "metres"]
    sigmas: Positive
    gates: dict[str, Positive]
    default_gate: Positive
    max_age: Positive
    groups: dict[str, Group]
    other: Motion
    use_velocity: Flag
    smoothing: Smoothing
    min_length: Annotated[int, Field(ge=1, strict=True)]

    @field_validator("passes")
    @classmethod
    def _forward_first(cls, passes: tuple[str, ...]) -> tuple[str, ...]:
        if passes not in (("forward",), ("forward", "backward")):
            raise ValueError("is [forward] or [forward, backward]")
        return passes

    @model_validator(mode="after")
    def _one_group_a_class(self) -> KalmanRules:
        names = [name for group in self.groups.values() for name in group.classes]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"groups name {', '.join(twice)} twice; a class moves as one group does")
        return self

    def gate(self, name: str) -> float:
        """How far from its expected place an object of this class is still looked for [m]."""
        return self.gates.get(name, self.default_gate)

    @property
    def widest(self) -> float:
        """The largest gate of any class [m]."""
        return max(*self.gates.values(), self.default_gate) if self.gates else self.default_gate


@dataclass(frozen=True)
class TrackingRules:
    """kalman: None where nothing is tracked."""

    kalman: KalmanRules | None


def read_tracking(data: Mapping[str, Any], where: str) -> TrackingRules:
    """The rules that `conf/tracking/*.yaml` holds; raises UsageError naming `where`, the key and the value."""
    rest = dict(data)
    method = rest.pop("method", None)
    if method == "none" and not rest:
        return TrackingRules(None)
    if method == "none":
        raise UsageError(
            f"{where}: method is none, so {min(rest)} has no meaning; conf/tracking/none.yaml shows the form"
        )
    if method != "kalman":
        raise UsageError(f"{where}: method is {method!r}, not none or kalman; conf/tracking/ shows both forms")
    try:
        return TrackingRules(KalmanRules.model_validate(rest))
    except ValidationError as error:
        raise UsageError(f"{where}: {_said(error)}; conf/tracking/kalman.yaml shows the form") from None


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    if not key or first["type"] == "missing":
        return f"{key}: {said}" if key else said
    return f"{key} is {first['input']!r}: {said}"
