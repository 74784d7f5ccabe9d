"""The T4 tables: one dataclass a table, one field a JSON key.

Lengths in metres, angles as quaternions (w, x, y, z), timestamps in microseconds. A token is a 32-digit hex string, and
"" stands for "none" at the ends of the `prev`/`next` chains.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "t4zoo")
_NAMESPACE = NAMESPACE.bytes
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


def identifier(*parts: str) -> uuid.UUID:
    """The uuid5 that the same parts always give."""
    return uuid.uuid5(NAMESPACE, "/".join(parts))


def token(*parts: str) -> str:
    """The record token (32 hex digits) that the same parts always give: `identifier`, spelt in a third of its time.

    Source: RFC 4122, section 4.3: SHA-1 of name space and name, cut to 16 bytes, version 5, variant binary 10.
    """
    digits = hashlib.sha1(_NAMESPACE + "/".join(parts).encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:12]}5{digits[13:16]}{_VARIANT[digits[16]]}{digits[17:32]}"


@dataclass(frozen=True)
class Attribute:
    """A named property that annotations refer to."""

    token: str
    name: str
    description: str = ""


@dataclass(frozen=True)
class CalibratedSensor:
    """Where a sensor is mounted: sensor to ego. The intrinsic is 3x3 for a camera, else empty."""

    token: str
    sensor_token: str
    translation: Vector
    rotation: Quaternion
    camera_intrinsic: tuple[Vector, ...] = ()
    camera_distortion: tuple[float, ...] = ()


@dataclass(frozen=True)
class Category:
    """A raw class name."""

    token: str
    name: str
    description: str = ""
    index: int | None = None


@dataclass(frozen=True)
class EgoPose:
    """Where the ego was: ego to map. twist: linear then angular velocity in the ego frame [m/s, rad/s]."""

    token: str
    translation: Vector
    rotation: Quaternion
    timestamp: int
    twist: tuple[float, ...] | None = None
    acceleration: Vector | None = None
    geocoordinate: Vector | None = None


@dataclass(frozen=True)
class Instance:
    """One object through the scene."""

    token: str
    category_token: str
    instance_name: str
    nbr_annotations: int
    first_annotation_token: str
    last_annotation_token: str


@dataclass(frozen=True)
class Log:
    """The recording that a scene was cut from."""

    token: str
    logfile: str
    vehicle: str
    data_captured: str
    location: str


@dataclass(frozen=True)
class Map:
    """A map file and the logs that it covers."""

    token: str
    log_tokens: tuple[str, ...]
    category: str
    filename: str


@dataclass(frozen=True)
class Sample:
    """One annotated instant."""

    token: str
    timestamp: int
    scene_token: str
    next: str
    prev: str


@dataclass(frozen=True)
class AutolabelMetadata:
    """A model that made an annotation, with its score in 0..1."""

    name: str
    score: float
    uncertainty: float | None = None


@dataclass(frozen=True)
class SampleAnnotation:
    """One box at one instant, in the map frame.

    translation: the centre. size: width, length, height. velocity [m/s], None where unknown.
    autolabel_metadata: the models, if and only if automatic_annotation.
    """

    token: str
    sample_token: str
    instance_token: str
    attribute_tokens: tuple[str, ...]
    visibility_token: str
    translation: Vector
    size: Vector
    rotation: Quaternion
    num_lidar_pts: int
    num_radar_pts: int
    next: str
    prev: str
    velocity: Vector | None = None
    acceleration: Vector | None = None
    automatic_annotation: bool = False
    autolabel_metadata: tuple[AutolabelMetadata, ...] | None = None


@dataclass(frozen=True)
class SampleData:
    """One file of one sensor; `filename` is relative to the scene folder."""

    token: str
    sample_token: str
    ego_pose_token: str
    calibrated_sensor_token: str
    filename: str
    fileformat: str
    width: int
    height: int
    timestamp: int
    is_key_frame: bool
    next: str
    prev: str
    is_valid: bool = True
    info_filename: str | None = None


@dataclass(frozen=True)
class Scene:
    """The scene itself; a T4 folder holds exactly one."""

    token: str
    name: str
    description: str
    log_token: str
    nbr_samples: int
    first_sample_token: str
    last_sample_token: str


@dataclass(frozen=True)
class Sensor:
    """A sensor's channel, and its modality: lidar, camera or radar."""

    token: str
    channel: str
    modality: str


@dataclass(frozen=True)
class Visibility:
    """How much of an object is seen: full, most, partial, none or unavailable."""

    token: str
    level: str
    description: str = ""


@dataclass(frozen=True)
class SceneTables:
    """The 13 mandatory tables of one scene; each field is the stem of its file in `annotation/`."""

    attribute: tuple[Attribute, ...] = ()
    calibrated_sensor: tuple[CalibratedSensor, ...] = ()
    category: tuple[Category, ...] = ()
    ego_pose: tuple[EgoPose, ...] = ()
    instance: tuple[Instance, ...] = ()
    log: tuple[Log, ...] = ()
    map: tuple[Map, ...] = ()
    sample: tuple[Sample, ...] = ()
    sample_annotation: tuple[SampleAnnotation, ...] = ()
    sample_data: tuple[SampleData, ...] = ()
    scene: tuple[Scene, ...] = ()
    sensor: tuple[Sensor, ...] = ()
    visibility: tuple[Visibility, ...] = ()


RECORDS: dict[str, type[Any]] = {
    "attribute": Attribute,
    "calibrated_sensor": CalibratedSensor,
    "category": Category,
    "ego_pose": EgoPose,
    "instance": Instance,
    "log": Log,
    "map": Map,
    "sample": Sample,
    "sample_annotation": SampleAnnotation,
    "sample_data": SampleData,
    "scene": Scene,
    "sensor": Sensor,
    "visibility": Visibility,
}
