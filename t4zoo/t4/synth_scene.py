"""Turns one made-up street into one T4 scene on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from t4zoo.geometry import (
    apply,
    compose,
    inverse,
    quaternion_from_rotation,
    quaternion_from_yaw,
    rotate,
    rotation_from_euler,
    rotation_from_quaternion,
    rotation_from_yaw,
    transform,
    wrap,
)
from t4zoo.points import points_in_oriented_boxes_count, write_points
from t4zoo.t4.lidar import Solids, revolution
from t4zoo.t4.tables import (
    CalibratedSensor,
    EgoPose,
    Log,
    Map,
    Quaternion,
    Sample,
    SampleData,
    Scene,
    SceneTables,
    Sensor,
    Vector,
    identifier,
    token,
)
from t4zoo.t4.world import CLASSES, SIGHT, Actor, World, make_world
from t4zoo.t4.writer import DECIMALS, Box, with_boxes, without_boxes, write_annotation

Array = NDArray[np.float64]

PERIOD = 0.1  # seconds between two revolutions
EPOCH = 1_700_000_000_000_000  # microseconds; scenes start whole minutes after it
REVISION = "0"
LIFT = 0.0005  # boxes float half a millimetre, so that no point, given in whole millimetres, lies exactly on a border


@dataclass(frozen=True)
class Mount:
    """Where the lidar sits and which channel its clouds have.

    ego_from_lidar of the device is `translation` [m] and `euler` (roll, pitch, yaw) [rad]. A concatenated cloud is
    given in the ego frame with an identity calibration, whatever the device's place.
    """

    channel: str
    translation: Vector
    euler: Vector
    concatenated: bool


CONCAT = Mount("LIDAR_CONCAT", (0.9, 0.0, 1.9), (0.0, 0.0, 0.0), concatenated=True)
TURNED_TOP = Mount(
    "LIDAR_TOP", (0.9, 0.1, 2.0), (math.radians(1.0), math.radians(-1.5), math.pi / 2), concatenated=False
)


@dataclass(frozen=True)
class ScenePlan:
    """What one sample scene is to be. gives_velocity: whether the annotations carry one, or leave it to a reader."""

    dataset: str
    split: str
    number: int
    frames: int
    mount: Mount
    annotated: bool = True
    gives_velocity: bool = True

    @property
    def id(self) -> str:
        """The T4 id."""
        return str(identifier("sample", self.dataset, self.split, str(self.number)))

    @property
    def key(self) -> str:
        """`{T4 id}/{revision}`."""
        return f"{self.id}/{REVISION}"


@dataclass(frozen=True)
class SceneCount:
    """How much one scene holds."""

    frames: int
    boxes: int
    points: int


def write_scene(folder: Path, plan: ScenePlan) -> SceneCount:
    """Write the scene as `folder`, which must not exist; the same plan always gives the same bytes."""
    rng = np.random.default_rng(identifier("world", plan.key).int)
    world = make_world(rng, plan.frames * PERIOD)
    map_from_road = _map_from_road(rng)
    tables = _tables(plan, world, map_from_road)
    clouds = _clouds(plan, world, rng)
    channel = folder / "data" / plan.mount.channel
    channel.mkdir(parents=True)
    for row, cloud in zip(tables.sample_data, clouds, strict=True):
        write_points(folder / row.filename, cloud)
    boxes = [box for number in range(plan.frames) for box in _boxes(plan, world, map_from_road, tables, number, clouds)]
    tables = with_boxes(tables, plan.key, boxes, CLASSES) if plan.annotated else without_boxes(tables)
    write_annotation(folder / "annotation", tables)
    return SceneCount(plan.frames, len(tables.sample_annotation), sum(len(cloud) for cloud in clouds))


def _map_from_road(rng: Generator) -> Array:
    """Any heading and place in the map."""
    x, y, z = (float(value) for value in rng.uniform((-900.0, -900.0, -20.0), (900.0, 900.0, 60.0)))
    return transform(rotation_from_yaw(float(rng.uniform(-math.pi, math.pi))), (x, y, z))


def _ego_from_lidar(mount: Mount) -> Array:
    return transform(rotation_from_euler(*mount.euler), mount.translation)


def _road_from_ego(world: World, time: float) -> Array:
    x, y, yaw = world.ego_at(time)
    return transform(rotation_from_yaw(yaw), (x, y, 0.0))


def _clouds(plan: ScenePlan, world: World, rng: Generator) -> list[NDArray[np.float32]]:
    solids = Solids(world.actors)
    ego_from_lidar = _ego_from_lidar(plan.mount)
    clouds = []
    for number in range(plan.frames):
        time = number * PERIOD
        cloud = revolution(solids, inverse(compose(_road_from_ego(world, time), ego_from_lidar)), time, rng)
        if plan.mount.concatenated:
            cloud[:, :3] = np.round(apply(ego_from_lidar, cloud[:, :3]), 3)
        clouds.append(cloud)
    return clouds


def _tables(plan: ScenePlan, world: World, map_from_road: Array) -> SceneTables:
    """Everything but the annotation."""
    key, mount = plan.key, plan.mount
    times = [EPOCH + plan.number * 60_000_000 + round(number * PERIOD * 1e6) for number in range(plan.frames)]
    samples = ["", *(token(key, "sample", str(time)) for time in times), ""]
    files = ["", *(token(key, "sample_data", str(time)) for time in times), ""]
    poses = [_pose(plan, world, map_from_road, number, time) for number, time in enumerate(times)]
    place = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)) if mount.concatenated else _placed(_ego_from_lidar(mount))
    sensor, calibration, log = token(key, "sensor"), token(key, "calibrated_sensor"), token(key, "log")
    return SceneTables(
        sensor=(Sensor(sensor, mount.channel, "lidar"),),
        calibrated_sensor=(CalibratedSensor(calibration, sensor, *place),),
        log=(Log(log, "", "sample", "2023-11-14", "t4zoo-street"),),
        map=(Map(token(key, "map"), (log,), "semantic_prior", ""),),
        ego_pose=tuple(poses),
        sample=tuple(
            Sample(samples[n + 1], time, token(key, "scene"), samples[n + 2], samples[n])
            for n, time in enumerate(times)
        ),
        sample_data=tuple(
            SampleData(
                token=files[n + 1],
                sample_token=samples[n + 1],
                ego_pose_token=poses[n].token,
                calibrated_sensor_token=calibration,
                filename=f"data/{mount.channel}/{n:05d}.pcd.bin",
                fileformat="pcd.bin",
                width=0,
                height=0,
                timestamp=time,
                is_key_frame=True,
                next=files[n + 2],
                prev=files[n],
            )
            for n, time in enumerate(times)
        ),
        scene=(
            Scene(
                token=token(key, "scene"),
                name=f"{plan.dataset}_{plan.split}_{plan.number:03d}",
                description="A street made by t4zoo sample",
                log_token=log,
                nbr_samples=plan.frames,
                first_sample_token=samples[1],
                last_sample_token=samples[-2],
            ),
        ),
    )


def _pose(plan: ScenePlan, world: World, map_from_road: Array, number: int, time: int) -> EgoPose:
    place = _placed(compose(map_from_road, _road_from_ego(world, number * PERIOD)))
    twist = (world.speed, 0.0, 0.0, 0.0, 0.0, world.turn)
    return EgoPose(token(plan.key, "ego_pose", str(time)), *place, time, twist=twist)


def _placed(matrix: Array) -> tuple[Vector, Quaternion]:
    w, x, y, z = (round(value, DECIMALS) for value in quaternion_from_rotation(matrix[:3, :3]))
    return _vector(matrix[:3, 3]), (w, x, y, z)


def _vector(values: Array) -> Vector:
    """Rounded as it will stand in the table, so that what is computed from it is what a reader computes."""
    x, y, z = (round(value, DECIMALS) for value in values.tolist())
    return x, y, z


def _boxes(
    plan: ScenePlan,
    world: World,
    map_from_road: Array,
    tables: SceneTables,
    number: int,
    clouds: list[NDArray[np.float32]],
) -> list[Box]:
    """The boxes of one frame, with the points counted through the tables' own rounded values."""
    time = number * PERIOD
    ego = world.ego_at(time)
    seen = [
        (row, actor)
        for row, actor in enumerate(world.actors)
        if actor.category and math.dist(actor.at(time), ego[:2]) < SIGHT
    ]
    boxes = [
        _box(actor, f"{actor.kind}_{row}", map_from_road, tables.sample[number].token, time) for row, actor in seen
    ]
    if not plan.gives_velocity:
        boxes = [replace(box, velocity=None) for box in boxes]
    counts = _counts(tables, number, boxes, clouds[number])
    return [replace(box, num_lidar_pts=int(count)) for box, count in zip(boxes, counts, strict=True)]


def _box(actor: Actor, track: str, map_from_road: Array, sample: str, time: float) -> Box:
    x, y = actor.at(time)
    length, width, height = actor.size
    w, qx, qy, qz = quaternion_from_yaw(wrap(actor.yaw + math.atan2(map_from_road[1, 0], map_from_road[0, 0])))
    return Box(
        track=track,
        category=actor.category,
        sample_token=sample,
        translation=_vector(apply(map_from_road, (x, y, height / 2 + LIFT))),
        size=(width, length, height),
        rotation=(round(w, DECIMALS), qx, qy, round(qz, DECIMALS)),
        num_lidar_pts=0,
        velocity=_vector(rotate(map_from_road[:3, :3], (*actor.velocity, 0.0))),
        attributes=actor.attributes,
    )


def _counts(tables: SceneTables, number: int, boxes: list[Box], cloud: NDArray[np.float32]) -> NDArray[np.int64]:
    pose, calibration = tables.ego_pose[number], tables.calibrated_sensor[0]
    map_from_ego = transform(rotation_from_quaternion(pose.rotation), pose.translation)
    ego_from_cloud = transform(rotation_from_quaternion(calibration.rotation), calibration.translation)
    cloud_from_map = inverse(compose(map_from_ego, ego_from_cloud))
    centres = apply(cloud_from_map, np.array([box.translation for box in boxes]).reshape(-1, 3))
    sizes = np.array([(box.size[1], box.size[0], box.size[2]) for box in boxes]).reshape(-1, 3)
    turned = [compose(cloud_from_map[:3, :3], rotation_from_quaternion(box.rotation)) for box in boxes]
    return points_in_oriented_boxes_count(cloud, centres, sizes, np.array(turned).reshape(-1, 3, 3))
