"""The frames of a scene: clouds, sweeps and boxes, ready for an info file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import compose, inverse
from t4zoo.info import Frame, Instances, Sweep
from t4zoo.points import PointsError, count_points
from t4zoo.t4.instances import instances_of
from t4zoo.t4.key_frames import KeyFrames
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.places import Places
from t4zoo.t4.reader import CURE, ReadError, T4Scene

Array = NDArray[np.float64]

IMAGE_FIELDS = (
    "img_path", "height", "width", "depth_map", "cam2img", "lidar2img", "cam2ego", "sample_data_token", "timestamp",
    "lidar2cam",
)  # fmt: skip
# A file name that is not as `T4Scene.path` would write it, or that it refuses.
_ODD = re.compile("^/|//|(^|/)\\.|/$|^$|[\\\\\0\ud800-\udfff]")


@dataclass(frozen=True)
class FrameSettings:
    """What to make of a scene.

    labels: None for a scene without boxes. max_sweeps: earlier clouds a frame gets. sample_steps: every so-many-th
    sample is a frame. max_speed: faster boxes are slowed down to it [m/s]. cameras: the channels that every frame's
    `images` has, None for those that the sample has.
    """

    labels: LabelMap | None
    max_sweeps: int
    sample_steps: int = 1
    max_speed: float = 50.0
    cameras: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Converted:
    """frames: of a scene, in the order of time. clouds: path of each cloud that they name -> its bytes."""

    frames: tuple[Frame, ...]
    clouds: Mapping[str, int]


def frames_of(
    scene: T4Scene, dataset: str, settings: FrameSettings, city: str = "", vehicle_type: str = ""
) -> tuple[Frame, ...]:
    """The frames alone of `convert`."""
    return convert(scene, dataset, settings, city, vehicle_type).frames


def convert(scene: T4Scene, dataset: str, settings: FrameSettings, city: str = "", vehicle_type: str = "") -> Converted:
    """The frames of a scene, and their clouds; paths in them begin with `dataset`, the data root's folder.

    A sample whose cloud the tables call invalid gives no frame. Raises ReadError where a cloud is missing or broken.
    """
    made = _Frames(scene, dataset, settings)
    return Converted(made.frames(city, vehicle_type), {path: size for path, _, size in made.clouds.values()})


class _Frames:
    """The frames of a scene; what they need of its files is computed for all of them at once."""

    def __init__(self, scene: T4Scene, dataset: str, settings: FrameSettings) -> None:
        self.scene, self.settings = scene, settings
        self.root = f"{dataset}/{scene.place}"
        self.data, self.places, self.key_frames = scene.columns["sample_data"], Places(scene), KeyFrames(scene)
        taken = self.key_frames.samples[:: settings.sample_steps]
        found = [(number, row, self.key_frames.lidar_of(row)) for number, row in taken]
        valid = [one for one in found if self.data["is_valid"][one[2]]]
        self.numbers = [number for number, _, _ in valid]
        self.samples = np.array([row for _, row, _ in valid], dtype=np.int64)
        self.keys = [key for _, _, key in valid]
        self.clouds: dict[int, tuple[str, int, int]] = {}
        self._known_before: dict[int, int] = {}

    def frames(self, city: str, vehicle_type: str) -> tuple[Frame, ...]:
        """All frames, by time."""
        scene, tables, first = self.scene, self.scene.columns, self.scene.columns["scene"]
        location = tables["log"]["location"][tables["log"].index[first["log_token"][0]]]
        sample, places = tables["sample"], self.places
        sources, sweeps, images, instances = self._sources(), self._sweeps(), self._images(), self._instances()
        frames = []
        for i, (row, key) in enumerate(zip(self.samples.tolist(), self.keys, strict=True)):
            path, features, _ = self._cloud(key)
            frames.append(
                Frame(
                    sample_idx=self.numbers[i],
                    token=sample["token"][row],
                    timestamp=sample["timestamp"][row] / 1e6,
                    scene=scene.name,
                    scene_token=sample["scene_token"][row],
                    scene_name=first["name"][0],
                    location=location,
                    lidar_path=path,
                    num_pts_feats=features,
                    lidar2ego=places.sensor2ego[key],
                    ego2global=places.ego2global[key],
                    sweeps=sweeps[i],
                    instances=instances[i],
                    images=images[i],
                    lidar_sources=sources,
                    city=city,
                    vehicle_type=vehicle_type,
                )
            )
        return tuple(frames)

    def _cloud(self, row: int) -> tuple[str, int, int]:
        """A cloud's path below the data root, its features and bytes, once it is known to hold whole points."""
        if row not in self.clouds:
            scene, features = self.scene, self.scene.features_of(self.data["info_filename"][row])
            path = self._below_root(row)
            file = scene.folder / self.data["filename"][row]
            if self.data["fileformat"][row] == "pcd":
                raise ReadError(
                    f"scene {scene.name}: {file}: only raw float32 clouds (pcd.bin) can be read; convert the scene"
                )
            try:
                size = 4 * features * count_points(file, features)
            except PointsError as error:
                token = self.data["token"][row]
                raise ReadError(f"scene {scene.name}: table sample_data, token {token}: {error}") from None
            self.clouds[row] = path, features, size
        return self.clouds[row]

    def _below_root(self, row: int) -> str:
        name = self.data["filename"][row]
        if _ODD.search(name):
            name = self.scene.path(name).relative_to(self.scene.folder).as_posix()
        return f"{self.root}/{name}"

    def _sweeps(self) -> list[tuple[Sweep, ...]]:
        """For each frame the latest valid clouds of the same sensor before its own, the newest first."""
        places = self.places
        chains = [self._before(key) for key in self.keys]
        rows = [row for chain in chains for row in chain]
        keys = [key for key, chain in zip(self.keys, chains, strict=True) for _ in chain]
        moved = iter(compose(inverse(places.sensor2global[rows]), places.sensor2global[keys]))
        return [tuple(self._sweep(row, next(moved)) for row in chain) for chain in chains]

    def _sweep(self, row: int, lidar2sensor: Array) -> Sweep:
        path, features, _ = self._cloud(row)
        return Sweep(
            timestamp=self.data["timestamp"][row] / 1e6,
            token=self.data["token"][row],
            lidar_path=path,
            lidar2ego=self.places.sensor2ego[row],
            ego2global=self.places.ego2global[row],
            lidar2sensor=lidar2sensor,
            num_pts_feats=features,
        )

    def _before(self, key: int) -> list[int]:
        """Rows of the valid clouds before this one, `max_sweeps` at most."""
        row, found, seen = key, list[int](), {key}
        while len(found) < self.settings.max_sweeps and (row := self._valid_before(row)) >= 0:
            if row in seen:
                self._refuse_circle(row)
            seen.add(row)
            found.append(row)
        return found

    def _valid_before(self, row: int) -> int:
        """Row of the first valid cloud before this one, -1 for none; no row is passed by twice."""
        data, known, passed = self.data, self._known_before, list[int]()
        while row not in known:
            if len(passed) > len(data):
                self._refuse_circle(row)
            passed.append(row)
            before = data["prev"][row]
            row = data.index[before] if before else -1
            if row < 0 or data["is_valid"][row]:
                break
        else:
            row = known[row]
        known.update(dict.fromkeys(passed, row))
        return row

    def _refuse_circle(self, row: int) -> NoReturn:
        token = self.data["token"][row]
        raise ReadError(f"scene {self.scene.name}: table sample_data, token {token}: prev runs in a circle; {CURE}")

    def _instances(self) -> tuple[Instances, ...]:
        if self.settings.labels is None:
            return (Instances.empty(),) * len(self.keys)
        lidar_from_map = inverse(self.places.sensor2global[self.keys])
        return instances_of(self.scene, self.samples, self.settings.labels, lidar_from_map, self.settings.max_speed)

    def _images(self) -> list[dict[str, Any]]:
        """For each frame: channel -> what AWML and mmdet3d read of a key frame; lidar2cam knows of the ego's motion.

        A camera of `cameras` that the sample lacks has None in every field: such a frame is known by its img_path.
        """
        cameras = [self.key_frames.cameras_of(row) for row in self.samples.tolist()]
        rows = [row for found in cameras for row in found.values()]
        keys = [key for key, found in zip(self.keys, cameras, strict=True) for _ in found]
        global_from_lidar = self.places.sensor2global[keys]
        moved = iter(compose(inverse(self.places.sensor2global[rows]), global_from_lidar))
        made = [{channel: self._image(row, next(moved)) for channel, row in found.items()} for found in cameras]
        wanted = self.settings.cameras
        if wanted is None:
            return made
        none = dict.fromkeys(IMAGE_FIELDS)
        return [{channel: images.get(channel, none) for channel in sorted(wanted)} for images in made]

    def _image(self, row: int, lidar2cam: Array) -> dict[str, Any]:
        data = self.data
        return {
            "img_path": self._below_root(row),
            "height": data["height"][row] or None,
            "width": data["width"][row] or None,
            "depth_map": None,
            "cam2img": self._intrinsics[row],
            "lidar2img": None,
            "cam2ego": self.places.sensor2ego[row],
            "sample_data_token": data["token"][row],
            "timestamp": data["timestamp"][row] / 1e6,
            "lidar2cam": lidar2cam,
        }

    @cached_property
    def _intrinsics(self) -> list[Array]:
        """Of each file's mount."""
        matrices = [np.array(matrix) for matrix in self.scene.columns["calibrated_sensor"]["camera_intrinsic"]]
        return [matrices[mount] for mount in self.places.mounts.tolist()]

    def _sources(self) -> dict[str, Any]:
        """Channel -> mount of each lidar that a concatenated cloud comes from, by name."""
        table, lidars = self.scene.columns["calibrated_sensor"], self.key_frames.mounted("lidar")
        return {
            channel: {
                "sensor_token": table["sensor_token"][row],
                "translation": table["translation"][row].tolist(),
                "rotation": self.places.mounted[row, :3, :3],
            }
            for channel, row in sorted({channel: row for row, channel in lidars.items()}.items())
            if channel != "LIDAR_CONCAT"
        }
