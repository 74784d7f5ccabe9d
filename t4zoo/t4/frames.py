"""The frames of a scene: clouds, sweeps and boxes, ready for an info file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import compose, inverse, rotation_from_quaternion, transform
from t4zoo.info import Frame, Instances, Sweep
from t4zoo.points import PointsError, count_points
from t4zoo.t4.instances import instances_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import CURE, ReadError, T4Scene
from t4zoo.t4.tables import CalibratedSensor, Log, Sample, SampleData, Sensor

Array = NDArray[np.float64]

IMAGE_FIELDS = (
    "img_path", "height", "width", "depth_map", "cam2img", "lidar2img", "cam2ego", "sample_data_token", "timestamp",
    "lidar2cam",
)  # fmt: skip


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


def frames_of(
    scene: T4Scene, dataset: str, settings: FrameSettings, city: str = "", vehicle_type: str = ""
) -> tuple[Frame, ...]:
    """The frames of a scene in the order of time; paths in them begin with `dataset`, the data root's folder.

    A sample whose cloud the tables call invalid gives no frame. Raises ReadError where a cloud is missing or broken.
    """
    location = scene.one(Log, scene.tables.scene[0].log_token).location
    frames = []
    for number, sample in list(enumerate(scene.samples))[:: settings.sample_steps]:
        data = scene.lidar_of(sample)
        if data.is_valid:
            lidar2ego, ego2global = _poses(scene, data)
            frames.append(
                Frame(
                    sample_idx=number,
                    token=sample.token,
                    timestamp=sample.timestamp / 1e6,
                    scene=scene.name,
                    scene_token=sample.scene_token,
                    scene_name=scene.tables.scene[0].name,
                    location=location,
                    lidar_path=_lidar_path(scene, dataset, data),
                    num_pts_feats=scene.num_features(data),
                    lidar2ego=lidar2ego,
                    ego2global=ego2global,
                    sweeps=tuple(_sweeps(scene, dataset, data, settings.max_sweeps)),
                    instances=_instances(scene, sample, settings, compose(ego2global, lidar2ego)),
                    images=_images(scene, dataset, sample, compose(ego2global, lidar2ego), settings.cameras),
                    lidar_sources=_lidar_sources(scene),
                    city=city,
                    vehicle_type=vehicle_type,
                )
            )
    return tuple(frames)


def _poses(scene: T4Scene, data: SampleData) -> tuple[Array, Array]:
    """sensor2ego and ego2global, both (4, 4)."""
    mount, ego = scene.poses_of(data)
    return (
        transform(rotation_from_quaternion(mount.rotation), mount.translation),
        transform(rotation_from_quaternion(ego.rotation), ego.translation),
    )


def _lidar_path(scene: T4Scene, dataset: str, data: SampleData) -> str:
    """The cloud's path below the data root, once it is known to hold whole points."""
    path = scene.path(data.filename)
    if data.fileformat == "pcd":
        raise ReadError(f"scene {scene.name}: {path}: only raw float32 clouds (pcd.bin) can be read; convert the scene")
    try:
        count_points(path, scene.num_features(data))
    except PointsError as error:
        raise ReadError(f"scene {scene.name}: table sample_data, token {data.token}: {error}") from None
    return _below_root(scene, dataset, path)


def _below_root(scene: T4Scene, dataset: str, path: Path) -> str:
    return f"{dataset}/{scene.place}/{path.relative_to(scene.folder).as_posix()}"


def _sweeps(scene: T4Scene, dataset: str, key: SampleData, most: int) -> Iterator[Sweep]:
    """The latest `most` valid clouds of the same sensor before `key`, the newest first."""
    lidar2ego, ego2global = _poses(scene, key)
    global_from_key = compose(ego2global, lidar2ego)
    data, count, seen = key, 0, {key.token}
    while data.prev and count < most:
        data = scene.one(SampleData, data.prev)
        if data.token in seen:
            raise ReadError(f"scene {scene.name}: table sample_data, token {data.token}: prev runs in a circle; {CURE}")
        seen.add(data.token)
        if not data.is_valid:
            continue
        count += 1
        sweep2ego, sweep_ego2global = _poses(scene, data)
        yield Sweep(
            timestamp=data.timestamp / 1e6,
            token=data.token,
            lidar_path=_lidar_path(scene, dataset, data),
            lidar2ego=sweep2ego,
            ego2global=sweep_ego2global,
            lidar2sensor=compose(inverse(compose(sweep_ego2global, sweep2ego)), global_from_key),
            num_pts_feats=scene.num_features(data),
        )


def _instances(scene: T4Scene, sample: Sample, settings: FrameSettings, global_from_lidar: Array) -> Instances:
    if settings.labels is None:
        return Instances.empty()
    return instances_of(scene, sample, settings.labels, inverse(global_from_lidar), settings.max_speed)


def _images(
    scene: T4Scene, dataset: str, sample: Sample, global_from_lidar: Array, cameras: tuple[str, ...] | None
) -> dict[str, Any]:
    """Channel -> what AWML and mmdet3d read of a camera's key frame; lidar2cam accounts for the ego's motion.

    A camera of `cameras` that the sample lacks has None in every field: a frame without it is known by its img_path.
    """
    images: dict[str, Any] = {}
    for channel, data in sorted(scene.key_frames[sample.token].items()):
        mount, _ = scene.poses_of(data)
        if scene.one(Sensor, mount.sensor_token).modality == "camera":
            cam2ego, ego2global = _poses(scene, data)
            images[channel] = {
                "img_path": _below_root(scene, dataset, scene.path(data.filename)),
                "height": data.height or None,
                "width": data.width or None,
                "depth_map": None,
                "cam2img": [list(row) for row in mount.camera_intrinsic],
                "lidar2img": None,
                "cam2ego": cam2ego,
                "sample_data_token": data.token,
                "timestamp": data.timestamp / 1e6,
                "lidar2cam": compose(inverse(compose(ego2global, cam2ego)), global_from_lidar),
            }
    if cameras is None:
        return images
    return {channel: images.get(channel, dict.fromkeys(IMAGE_FIELDS)) for channel in sorted(cameras)}


def _lidar_sources(scene: T4Scene) -> dict[str, Any]:
    """Channel -> mount of each lidar that a concatenated cloud comes from, by name."""
    mounts = {scene.one(Sensor, row.sensor_token).channel: row for row in scene.tables.calibrated_sensor}
    return {
        channel: _source(mount)
        for channel, mount in sorted(mounts.items())
        if scene.one(Sensor, mount.sensor_token).modality == "lidar" and channel != "LIDAR_CONCAT"
    }


def _source(mount: CalibratedSensor) -> dict[str, Any]:
    return {
        "sensor_token": mount.sensor_token,
        "translation": list(mount.translation),
        "rotation": rotation_from_quaternion(mount.rotation),
    }
