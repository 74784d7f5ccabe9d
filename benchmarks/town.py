"""Annotated scenes as a town gives them, by the hundred: six cameras, ten sweeps a second, trucks with trailers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.random import Generator

from t4zoo.geometry import quaternion_from_rotation, quaternion_from_yaw, rotation_from_euler
from t4zoo.t4.tables import token

CAMERAS = ("CAM_FRONT", "CAM_FRONT_LEFT", "CAM_FRONT_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_BACK_RIGHT")
LIDARS = ("LIDAR_FRONT_UPPER", "LIDAR_REAR_UPPER", "LIDAR_LEFT_UPPER", "LIDAR_RIGHT_UPPER")
KINDS = ("car", "truck", "semi_trailer", "bus", "vehicle.bicycle", "pedestrian", "traffic_cone", "hovercraft")
SHARES = (0.42, 0.07, 0.05, 0.04, 0.1, 0.24, 0.07, 0.01)
SIZES = (
    (4.5, 1.9, 1.6),
    (6, 2.5, 3.2),
    (10, 2.6, 3.6),
    (11, 2.7, 3.3),
    (1.8, 0.7, 1.6),
    (0.7, 0.7, 1.7),
    (0.4, 0.4, 0.7),
    (6, 4, 2),
)
ATTRIBUTES = ("vehicle_state.driving", "vehicle_state.parked", "occlusion_state.none", "occlusion_state.most")
INTRINSIC = [[1042.5, 0.0, 960.2], [0.0, 1042.5, 540.1], [0.0, 0.0, 1.0]]
START, PERIOD = 1_700_000_000_000_000, 100_000  # [us]
DATASET = "db_town_v1"


@dataclass(frozen=True)
class Town:
    """scenes of so many key frames, each with `fewest` to `most` boxes; points: of a cloud, all of them zero.

    counted: whether boxes tell of points, which is false of such clouds, so that the rules would refuse them.
    """

    scenes: int
    frames: int = 40
    fewest: int = 18
    most: int = 50
    points: int = 1000
    counted: bool = True


def make(root: Path, town: Town) -> None:
    """Put the scenes into `root`/data/db_town_v1 and their list into `root`/lists."""
    names = [str(number) for number in range(town.scenes)]
    for number in range(town.scenes):
        write_town_scene(root / "data" / DATASET / scene_name(number) / "0", number, town)
    write_list(root, [f"{scene_name(int(name))}/0" for name in names])


def write_list(root: Path, scenes: list[str]) -> None:
    """The list of a dataset that trains on most scenes, and keeps each tenth for val and for test."""
    splits = {
        "train": [scene for number, scene in enumerate(scenes) if number % 10 < 8],
        "val": scenes[8::10],
        "test": scenes[9::10],
    }
    (root / "lists").mkdir(parents=True, exist_ok=True)
    data = {"version": 1, "dataset_version": f"{DATASET}.0", **splits}
    (root / "lists" / f"{DATASET}.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")


def scene_name(number: int) -> str:
    """The T4 id of a scene."""
    return f"town_{number:05d}"


def write_town_scene(folder: Path, number: int, town: Town) -> None:
    """Write one scene; its clouds are one file under many names."""
    tables = _Town(number, town).tables()
    (folder / "annotation").mkdir(parents=True)
    for name, rows in tables.items():
        (folder / "annotation" / f"{name}.json").write_text(json.dumps(rows, indent=4), encoding="utf-8")
    clouds = folder / "data" / "LIDAR_CONCAT"
    clouds.mkdir(parents=True)
    for row in tables["sample_data"]:
        if row["fileformat"] == "pcd.bin":
            first = clouds / "00000.pcd.bin"
            if first.exists():
                (folder / row["filename"]).hardlink_to(first)
            else:
                first.write_bytes(bytes(20 * town.points))


class _Town:
    def __init__(self, number: int, town: Town) -> None:
        self.number, self.town, self.rng = number, town, np.random.default_rng(number)

    def token(self, *parts: object) -> str:
        return token("town", str(self.number), *map(str, parts))

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        named = {
            "attribute": [{"token": self.token("a", n), "name": n, "description": ""} for n in ATTRIBUTES],
            "category": [{"token": self.token("c", n), "name": n, "description": ""} for n in KINDS],
            "visibility": [{"token": self.token("v"), "level": "full", "description": ""}],
        }
        last = self.town.frames - 1
        log = self.token("log")
        scene = {
            "token": self.token("scene"), "name": scene_name(self.number), "description": "", "log_token": log,
            "nbr_samples": self.town.frames, "first_sample_token": self.token("s", 0),
            "last_sample_token": self.token("s", last),
        }  # fmt: skip
        annotations, instances = self._objects()
        data, poses = self._files()
        return named | {
            "log": [{"token": log, "logfile": "", "vehicle": "j6", "data_captured": "", "location": "odaiba"}],
            "map": [{"token": self.token("map"), "log_tokens": [log], "category": "", "filename": ""}],
            "scene": [scene],
            "sensor": self._sensors(),
            "calibrated_sensor": self._mounts(),
            "sample": [
                {
                    "token": self.token("s", i), "timestamp": START + i * PERIOD, "scene_token": scene["token"],
                    "next": self._neighbour("s", i + 1), "prev": self._neighbour("s", i - 1),
                }
                for i in range(self.town.frames)
            ],
            "sample_data": data,
            "ego_pose": poses,
            "instance": instances,
            "sample_annotation": annotations,
        }  # fmt: skip

    def _neighbour(self, kind: str, i: int, *more: object) -> str:
        return self.token(kind, i, *more) if 0 <= i < self.town.frames else ""

    def _channels(self) -> list[tuple[str, str]]:
        return [(name, "lidar") for name in ("LIDAR_CONCAT", *LIDARS)] + [(name, "camera") for name in CAMERAS]

    def _sensors(self) -> list[dict[str, Any]]:
        return [{"token": self.token("sensor", n), "channel": n, "modality": kind} for n, kind in self._channels()]

    def _mounts(self) -> list[dict[str, Any]]:
        rows = []
        for name, kind in self._channels():
            turn = rotation_from_euler(*self.rng.uniform(-0.05, 0.05, 2), self.rng.uniform(-3, 3))
            concat = name == "LIDAR_CONCAT"
            rows.append(
                {
                    "token": self.token("mount", name), "sensor_token": self.token("sensor", name),
                    "translation": [0.0, 0.0, 0.0] if concat else self.rng.uniform(-2, 2, 3).tolist(),
                    "rotation": [1.0, 0.0, 0.0, 0.0] if concat else list(quaternion_from_rotation(turn)),
                    "camera_intrinsic": INTRINSIC if kind == "camera" else [],
                    "camera_distortion": [-0.1, 0.02, 0.0, 0.0, 0.0] if kind == "camera" else [],
                }
            )  # fmt: skip
        return rows

    def _ego(self, seconds: float) -> tuple[list[float], list[float]]:
        yaw = 0.1 * seconds
        place = [1e4 + 80 * math.sin(yaw), 2e4 + 80 * (1 - math.cos(yaw)), 12 + 0.1 * seconds]
        return place, list(quaternion_from_rotation(rotation_from_euler(0.01, 0.02, yaw)))

    def _files(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        data, poses = [], []
        for i in range(self.town.frames):
            for n, name in enumerate(("LIDAR_CONCAT", *CAMERAS)):
                lidar, time = n == 0, START + i * PERIOD + n * 7_000
                place, rotation = self._ego((time - START) / 1e6)
                pose = self.token("ego", i, name)
                poses.append({"token": pose, "translation": place, "rotation": rotation, "timestamp": time})
                data.append(
                    {
                        "token": self.token("d", i, name), "sample_token": self.token("s", i), "ego_pose_token": pose,
                        "calibrated_sensor_token": self.token("mount", name),
                        "filename": f"data/{name}/{i:05d}.{'pcd.bin' if lidar else 'jpg'}",
                        "fileformat": "pcd.bin" if lidar else "jpg", "width": 0 if lidar else 1920,
                        "height": 0 if lidar else 1080, "timestamp": time, "is_key_frame": True,
                        "next": self._neighbour("d", i + 1, name), "prev": self._neighbour("d", i - 1, name),
                        "is_valid": True, "info_filename": None,
                    }
                )  # fmt: skip
        return data, poses

    def _objects(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Each object is seen in one run of frames; as many are in each frame as the town says."""
        rows: list[list[dict[str, Any]]] = [[] for _ in range(self.town.frames)]
        wanted = self.rng.integers(self.town.fewest, self.town.most + 1, self.town.frames)
        instances = []
        alive: list[tuple[int, list[dict[str, Any]]]] = []
        tracks = []
        for i, count in enumerate(wanted):
            while len(alive) > count:
                alive.pop(int(self.rng.integers(len(alive))))
            while len(alive) < count:
                alive.append((len(tracks), []))
                tracks.append(_Object(self, self.rng))
                if KINDS[tracks[-1].kind] == "semi_trailer":
                    tracks[-1].follow([one for one in tracks if KINDS[one.kind] == "truck"])
            for k, _ in alive:
                rows[i].append(tracks[k].seen(k, i))
        for k, thing in enumerate(tracks):
            thing.link()
            instances.append(thing.instance(k))
        return [row for frame in rows for row in frame], instances


class _Object:
    def __init__(self, town: _Town, rng: Generator) -> None:
        self.town, self.kind = town, int(rng.choice(len(KINDS), p=SHARES))
        self.start = np.array([1e4, 2e4, 13.0]) + rng.uniform(-60, 60, 3) * (1, 1, 0.01)
        self.yaw, self.speed = rng.uniform(-3, 3), rng.uniform(0, 15)
        self.length, self.width, self.height = np.array(SIZES[self.kind]) * rng.uniform(0.9, 1.1)
        self.attributes = [ATTRIBUTES[int(rng.integers(2))], ATTRIBUTES[2 + int(rng.integers(2))]]
        self.known = bool(rng.random() < 0.5)
        self.points = rng.integers(0, 400, town.town.frames).tolist()
        self.rows: list[dict[str, Any]] = []

    def seen(self, number: int, i: int) -> dict[str, Any]:
        direction = np.array([math.cos(self.yaw), math.sin(self.yaw), 0])
        row = {
            "token": self.town.token("b", number, i), "sample_token": self.town.token("s", i),
            "instance_token": self.town.token("i", number),
            "attribute_tokens": [self.town.token("a", name) for name in self.attributes],
            "visibility_token": self.town.token("v"),
            "translation": (self.start + direction * self.speed * i * PERIOD / 1e6).tolist(),
            "size": [self.width, self.length, self.height], "rotation": list(quaternion_from_yaw(self.yaw)),
            "num_lidar_pts": self.points[i] * self.town.town.counted, "num_radar_pts": 0, "next": "", "prev": "",
            "velocity": (direction * self.speed).tolist() if self.known else None, "acceleration": None,
            "automatic_annotation": False, "autolabel_metadata": None,
        }  # fmt: skip
        self.rows.append(row)
        return row

    def follow(self, trucks: list[_Object]) -> None:
        """Go behind the latest truck, if there is one."""
        for truck in trucks[-1:]:
            self.yaw, self.speed = truck.yaw, truck.speed
            behind = np.array([math.cos(self.yaw), math.sin(self.yaw), 0]) * (truck.length + self.length) / 2
            self.start = truck.start - behind

    def link(self) -> None:
        for one, other in zip(self.rows, self.rows[1:], strict=False):
            one["next"], other["prev"] = other["token"], one["token"]

    def instance(self, number: int) -> dict[str, Any]:
        return {
            "token": self.town.token("i", number), "category_token": self.town.token("c", KINDS[self.kind]),
            "instance_name": f"{DATASET}::{number}", "nbr_annotations": len(self.rows),
            "first_annotation_token": self.rows[0]["token"], "last_annotation_token": self.rows[-1]["token"],
        }  # fmt: skip
