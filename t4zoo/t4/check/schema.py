"""Which fields the T4 tables have, of which kind, and how badly each is needed.

Source: the classes of t4-devkit 0.8.0; where older sets lack what nobody reads, that is `asked`, not `needed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from t4zoo.t4.check.kinds import (
    Kind,
    anything,
    count,
    distortion,
    flag,
    known_vector,
    matrix,
    one_of,
    text,
    token,
    tokens,
    vector,
    whole,
)
from t4zoo.t4.reader import REFERENCES

Need = Literal["needed", "asked", "optional"]  # asked: T4 has it always, yet nothing breaks without it

MODALITIES = ("lidar", "camera", "radar")
FORMATS = ("jpg", "png", "pcd", "bin", "pcd.bin")
VISIBILITIES = ("full", "most", "partial", "none", "unavailable", "v80-100", "v60-80", "v40-60", "v0-40")
OPTIONAL_TABLES = (
    "keypoint", "lidarseg", "object_ann", "surface_ann", "traffic_light", "traffic_light_instance_map", "vehicle_state",
)  # fmt: skip
LINKS = ("prev", "next")  # to rows of the same table, "" at the ends

# Field -> table that its token is of, in every table; `prev` and `next` left out.
TARGETS = REFERENCES | {"category_tokens": "category", "sample_data_token": "sample_data"}


@dataclass(frozen=True)
class Field:
    """A field of a table."""

    name: str
    kind: Kind
    need: Need = "needed"


def _needed(names: str, kind: Kind) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names.split())


TOKEN = (Field("token", token),)
DESCRIPTION = (Field("description", text, "asked"),)
CHAIN = _needed("next prev", text)
POSE = (Field("translation", vector(3)), Field("rotation", vector(4)))
METADATA = (Field("autolabel_metadata", anything, "optional"),)

SCHEMA: dict[str, Sequence[Field]] = {
    "attribute": (*TOKEN, *_needed("name", text), *DESCRIPTION),
    "calibrated_sensor": (
        *TOKEN, *_needed("sensor_token", text), *POSE,
        Field("camera_intrinsic", matrix, "asked"), Field("camera_distortion", distortion, "asked"),
    ),
    "category": (
        *TOKEN, *_needed("name", text), *DESCRIPTION, Field("index", whole, "optional"),
        Field("has_orientation", flag, "optional"), Field("has_number", flag, "optional"),
    ),
    "ego_pose": (
        *TOKEN, *POSE, *_needed("timestamp", whole), Field("twist", known_vector(6), "optional"),
        Field("acceleration", known_vector(3), "optional"), Field("geocoordinate", known_vector(3), "optional"),
    ),
    "instance": (
        *TOKEN, *_needed("category_token instance_name", text), *_needed("nbr_annotations", count),
        *_needed("first_annotation_token last_annotation_token", text),
    ),
    "log": (*TOKEN, *_needed("logfile vehicle data_captured location", text)),
    "map": (*TOKEN, *_needed("log_tokens", tokens), *_needed("category filename", text)),
    "sample": (*TOKEN, *_needed("timestamp", whole), *_needed("scene_token", text), *CHAIN),
    "sample_annotation": (
        *TOKEN, *_needed("sample_token instance_token visibility_token", text), *_needed("attribute_tokens", tokens),
        *POSE, Field("size", vector(3)), *_needed("num_lidar_pts num_radar_pts", count), *CHAIN,
        Field("velocity", known_vector(3), "optional"), Field("acceleration", known_vector(3), "optional"),
        Field("automatic_annotation", flag, "optional"), *METADATA,
    ),
    "sample_data": (
        *TOKEN, *_needed("sample_token ego_pose_token calibrated_sensor_token filename", text),
        Field("fileformat", one_of(FORMATS)), *_needed("width height", count), *_needed("timestamp", whole),
        *_needed("is_key_frame", flag), *CHAIN, Field("is_valid", flag, "optional"),
        Field("info_filename", text, "optional"), *METADATA,
    ),
    "scene": (
        *TOKEN, *_needed("name", text), *DESCRIPTION, *_needed("log_token", text), *_needed("nbr_samples", count),
        *_needed("first_sample_token last_sample_token", text),
    ),
    "sensor": (*TOKEN, *_needed("channel", token), Field("modality", one_of(MODALITIES))),
    "visibility": (*TOKEN, Field("level", one_of(VISIBILITIES)), *DESCRIPTION),
}  # fmt: skip
