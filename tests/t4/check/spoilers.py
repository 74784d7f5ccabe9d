"""Good scenes, and one way or more to break each rule: what is done to the scene, and which rules then speak."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tests.t4.scenes import GIVEN, edit, table

Row = dict[str, Any]
Spoiler = Callable[[Path], object]
NEW = "f" * 32


def good_scene(folder: Path) -> Path:
    """A copy of a scene of another writer, to be spoilt: four frames at 10 Hz, 18 objects, LIDAR_CONCAT."""
    shutil.copytree(GIVEN / "synth_1", folder / "synth_1")
    return folder / "synth_1" / "0"


def bare(scene: Path) -> Path:
    """The scene without boxes, its ego at rest, so that times and poses can be spoilt by themselves."""
    for name in ("sample_annotation", "instance", "category", "visibility"):
        (scene / "annotation" / f"{name}.json").write_text("[]")
    every("ego_pose", translation=[0.0, 0.0, 0.0])(scene)
    return scene


def first(name: str, **values: Any) -> Spoiler:
    """Other values in the first row of a table."""
    return nth(0, name, **values)


def nth(number: int, name: str, **values: Any) -> Spoiler:
    return lambda scene: edit(scene, name, lambda rows: rows[number].update(values))


def every(name: str, **values: Any) -> Spoiler:
    return lambda scene: edit(scene, name, lambda rows: [row.update(values) for row in rows])


def without(name: str, field: str) -> Spoiler:
    return lambda scene: edit(scene, name, lambda rows: rows[0].pop(field))


def more(name: str, **values: Any) -> Spoiler:
    """The first row again with other values."""
    return lambda scene: edit(scene, name, lambda rows: rows.append(rows[0] | values))


def text(name: str, content: str | bytes) -> Spoiler:
    """Another content of a table's file."""
    data = content.encode() if isinstance(content, str) else content
    return lambda scene: (scene / "annotation" / f"{name}.json").write_bytes(data)


def of_bare(spoiler: Spoiler) -> Spoiler:
    return lambda scene: spoiler(bare(scene))


def together(*spoilers: Spoiler) -> Spoiler:
    return lambda scene: [spoiler(scene) for spoiler in spoilers]


def times(
    change: Callable[[int], int],
    tables: Iterable[str] = ("sample", "sample_data", "ego_pose"),
    which: int | None = None,
):
    """Change the timestamps of all rows, or of the one at `which`."""

    def spoil(scene: Path) -> None:
        for name in tables:
            rows = table(scene, name)
            for row in rows if which is None else [rows[which]]:
                row["timestamp"] = change(row["timestamp"])
            text(name, json.dumps(rows))(scene)

    return spoil


def boxes(category: str, change: Callable[[Row], Any], most: int = 1) -> Spoiler:
    """Change all boxes of the first `most` objects of a category."""

    def spoil(scene: Path) -> None:
        names = {row["token"]: row["name"] for row in table(scene, "category")}
        objects = [row["token"] for row in table(scene, "instance") if names[row["category_token"]] == category]
        chosen = set(objects[:most])
        edit(scene, "sample_annotation", lambda rows: [change(r) for r in rows if r["instance_token"] in chosen])

    return spoil


def unseen_shift(metres: float, up: float = 0.0) -> Callable[[Row], Any]:
    """Move a box along x to where it holds no points, and say so."""

    def change(row: Row) -> None:
        x, y, z = row["translation"]
        row.update(translation=[x + metres, y, z + up], num_lidar_pts=0)

    return change


def one_box(change: Callable[[Row], Any], wanted: Callable[[Row], bool] = lambda row: True) -> Spoiler:
    return lambda scene: edit(scene, "sample_annotation", lambda rows: change(next(row for row in rows if wanted(row))))


def cloud(number: int, change: Callable[[np.ndarray], np.ndarray]) -> Spoiler:
    """Another content of a cloud: (N, 5) in, whatever out."""

    def spoil(scene: Path) -> None:
        path = scene / "data" / "LIDAR_CONCAT" / f"{number:05d}.pcd.bin"
        points = np.fromfile(path, dtype="<f4").reshape(-1, 5)
        path.write_bytes(np.ascontiguousarray(change(points.copy()), dtype="<f4").tobytes())

    return spoil


def infos(features: int, sources: Callable[[int], Any] | None = None) -> Spoiler:
    """An info file for every cloud, which says how many values a point has."""

    def spoil(scene: Path) -> None:
        (scene / "data" / "LIDAR_CONCAT_INFO").mkdir()
        rows = table(scene, "sample_data")
        for number, row in enumerate(rows):
            name = f"data/LIDAR_CONCAT_INFO/{number:05d}.json"
            points = (scene / row["filename"]).stat().st_size // (4 * features)
            told: Row = {"stamp": {"sec": 0, "nanosec": 0}, "num_pts_feats": features}
            (scene / name).write_text(json.dumps(told if sources is None else told | {"sources": sources(points)}))
            row["info_filename"] = name
        text("sample_data", json.dumps(rows))(scene)

    return spoil


def columns(wanted: int) -> Spoiler:
    """All clouds with so many values a point."""

    def change(points: np.ndarray) -> np.ndarray:
        wide = np.column_stack([points, np.full((len(points), 3), 7.0)])[:, :wanted]
        return wide[: len(wide) // 5 * 5]  # still a whole number of points of five values

    return together(*(cloud(number, change) for number in range(4)))


def with_camera(filename: str) -> Spoiler:
    """A camera that took one picture."""

    def spoil(scene: Path) -> None:
        sensor, mount, data = "a" * 32, "b" * 32, "c" * 32
        more("sensor", token=sensor, channel="CAM_FRONT", modality="camera")(scene)
        more("calibrated_sensor", token=mount, sensor_token=sensor)(scene)
        row = {"token": data, "calibrated_sensor_token": mount, "filename": filename, "fileformat": "jpg", "next": ""}
        more("sample_data", **row)(scene)

    return spoil


def crossed(scene: Path) -> None:
    """The chains of the first two objects exchange their tails."""

    def change(rows: list[Row]) -> None:
        of = {row["token"]: row for row in rows}
        one, other = (row for row in rows[:2])
        one["next"], other["next"] = other["next"], one["next"]
        of[one["next"]]["prev"], of[other["next"]]["prev"] = one["token"], other["token"]

    edit(scene, "sample_annotation", change)


def twin(scene: Path) -> None:
    """A second object at every place of the first."""
    own = table(scene, "instance")[0]

    def other(token: str) -> str:
        return token and f"{int(token, 16) ^ 1:032x}"

    def change(rows: list[Row]) -> None:
        copies = [dict(row) for row in rows if row["instance_token"] == own["token"]]
        for row in copies:
            row.update({key: other(row[key]) for key in ("token", "instance_token", "next", "prev")})
        rows += copies

    edit(scene, "sample_annotation", change)
    keys = ("token", "first_annotation_token", "last_annotation_token")
    more("instance", **{key: other(own[key]) for key in keys})(scene)


def swap(row: Row) -> None:
    width, length, height = row["size"]
    row["size"] = [length, width, height]


def scaled(field: str, factor: float) -> Callable[[Row], Any]:
    return lambda row: row.update({field: [value * factor for value in row[field]]})


def linked_out(scene: Path) -> None:
    outside = scene.parent / "elsewhere.json"
    (scene / "annotation" / "ego_pose.json").rename(outside)
    (scene / "annotation" / "ego_pose.json").symlink_to(outside)


def second_key_frame(scene: Path) -> None:
    shutil.copy(scene / "data/LIDAR_CONCAT/00000.pcd.bin", scene / "data/LIDAR_CONCAT/again.pcd.bin")
    more("sample_data", token=NEW, next="", prev="", filename="data/LIDAR_CONCAT/again.pcd.bin")(scene)


def signed(*models: Any, flagged: bool = True) -> Spoiler:
    told = list(models)
    return first("sample_annotation", automatic_annotation=flagged, autolabel_metadata=told)


def sparse(name: str, size: int) -> Spoiler:
    return lambda scene: os.truncate(scene / name, size)


def link_of_samples(scene: Path) -> None:
    rows = table(scene, "sample")
    nth(2, "sample", prev=rows[0]["token"])(scene)


def circle_of_samples(scene: Path) -> None:
    rows = table(scene, "sample")
    together(first("sample", prev=rows[3]["token"]), nth(3, "sample", next=rows[0]["token"]))(scene)


def named_first(scene: Path) -> None:
    first("scene", first_sample_token=table(scene, "sample")[1]["token"])(scene)


def moved_file(name: str) -> Spoiler:
    return lambda scene: (scene / name).unlink()


CLOUD = "data/LIDAR_CONCAT/00001.pcd.bin"
SECOND = 1_000_000
PEDESTRIAN_NEAR = 20  # points

# What the spoiler is called, what it does, and exactly which rules then speak.
CASES: list[tuple[str, Spoiler, set[str]]] = [
    ("no annotation", lambda scene: shutil.rmtree(scene / "annotation"), {"STR001"}),
    ("no attribute.json", moved_file("annotation/attribute.json"), {"STR002"}),
    ("half a table", text("visibility", '[{"token": '), {"STR003"}),
    ("nested deeply", text("visibility", "[" * 100_000), {"STR003"}),
    ("not in UTF-8", text("visibility", b"[\xff]"), {"STR003"}),
    ("an endless whole number", text("visibility", f"[{'9' * 5000}]"), {"STR003"}),
    (
        "a folder as a table",
        lambda s: [moved_file("annotation/log.json")(s), (s / "annotation/log.json").mkdir()],
        {"STR003"},
    ),
    (
        "a pipe as a table",
        lambda s: [moved_file("annotation/log.json")(s), os.mkfifo(s / "annotation/log.json")],
        {"STR003"},
    ),
    ("a table of gigabytes", sparse("annotation/attribute.json", 65 * 2**20), {"STR004"}),
    ("a table of millions of values", text("attribute", "[" + "0," * 3_000_001 + "0]"), {"STR004"}),
    ("an object as a table", text("attribute", "{}"), {"STR005"}),
    ("a table that T4 has not", text("weather", "[]"), {"STR006"}),
    ("no scene", text("scene", "[]"), {"STR007", "REF002"}),
    ("two scenes", more("scene", token=NEW), {"STR007", "CHA005"}),
    ("another lidar", first("sensor", channel="LIDAR_FRONT"), {"STR008"}),
    ("a table elsewhere", linked_out, {"STR009"}),
    ("no samples", of_bare(together(text("sample", "[]"), text("sample_data", "[]"))), {"STR010", "REF002", "CHA005"}),
    ("a table of other rows", text("attribute", "[" + "{}," * 10_001 + "{}]"), {"STR012", "REC002", "REC003"}),
    ("a number as a row", text("attribute", "[5]"), {"REC001"}),
    ("no level", without("visibility", "level"), {"REC002"}),
    ("no token", without("map", "token"), {"REC002", "REF005"}),
    ("no description", without("visibility", "description"), {"REC003"}),
    ("an unknown format", first("sample_data", fileformat="tiff"), {"REC004"}),
    ("an unknown level", first("visibility", level="v90-100"), {"REC004"}),
    ("an unknown modality", first("sensor", modality="sonar"), {"REC004", "STR008"}),
    ("a time with a decimal point", first("ego_pose", timestamp=1.7e15), {"REC004"}),
    ("a size of two", first("sample_annotation", size=[1.0, 2.0]), {"REC004"}),
    ("a place in words", first("sample_annotation", translation="here"), {"REC004"}),
    ("points as text", first("sample_annotation", num_lidar_pts="12"), {"REC004"}),
    ("a flag as text", first("sample_data", is_valid="yes"), {"REC004"}),
    ("half an intrinsic", first("calibrated_sensor", camera_intrinsic=[[1.0, 0.0, 0.0]]), {"REC004"}),
    ("three distortions", first("calibrated_sensor", camera_distortion=[0.0, 0.0, 0.0]), {"REC004"}),
    ("attributes as text", first("sample_annotation", attribute_tokens="abc"), {"REC004"}),
    ("an endless count", first("sample_annotation", num_radar_pts=10**30), {"REC004"}),
    ("weather of a sample", first("sample", weather="rain"), {"REC005"}),
    ("no decimal point", first("calibrated_sensor", translation=[0, 0, 0]), {"REC006"}),
    ("null for none", first("sample", prev=None), {"REC007"}),
    ("a velocity of nulls", first("sample_annotation", velocity=[None, None, None]), {"REC008"}),
    ("a velocity of NaN", first("sample_annotation", velocity=[float("nan")] * 3), {"REC008"}),
    ("fewer than no points", first("sample_annotation", num_radar_pts=-1), {"REC009"}),
    ("one token twice", more("visibility"), {"REF001"}),
    ("an unknown category", first("instance", category_token=NEW), {"REF002"}),
    ("an unknown attribute", first("sample_annotation", attribute_tokens=[NEW]), {"REF002"}),
    ("an unknown mount", first("sample_data", calibrated_sensor_token=NEW), {"REF002", "CHA004", "CHA008"}),
    ("an unknown next", nth(3, "sample", next=NEW), {"REF002"}),
    ("no category", first("instance", category_token=""), {"REF003"}),
    ("no visibility", first("sample_annotation", visibility_token=""), {"REF004"}),
    ("no map of the log", first("map", log_tokens=[]), {"REF005"}),
    ("two sensors of a channel", more("sensor", token=NEW), {"REF006"}),
    ("a link back to another", link_of_samples, {"CHA001"}),
    ("a circle", circle_of_samples, {"CHA002", "TIM001"}),
    (
        "a row that is its own next",
        lambda s: nth(3, "sample", next=table(s, "sample")[3]["token"])(s),
        {"CHA001", "CHA002"},
    ),
    ("a chain in two", together(nth(1, "sample", next=""), nth(2, "sample", prev="")), {"CHA003"}),
    ("a chain of files in two", together(nth(1, "sample_data", next=""), nth(2, "sample_data", prev="")), {"CHA003"}),
    ("crossed chains", crossed, {"CHA004"}),
    ("five samples said", first("scene", nbr_samples=5), {"CHA005"}),
    ("three boxes said", first("instance", nbr_annotations=3), {"CHA005"}),
    ("another first sample", named_first, {"CHA006"}),
    (
        "another last box",
        lambda s: first("instance", last_annotation_token=table(s, "instance")[1]["last_annotation_token"])(s),
        {"CHA006"},
    ),
    ("two boxes of an object", more("sample_annotation", token=NEW, next=""), {"CHA003", "CHA005", "CHA007", "GEO011"}),
    ("a sweep for a key frame", nth(1, "sample_data", is_key_frame=False), {"CHA008"}),
    ("two key frames", second_key_frame, {"CHA003", "CHA009"}),
    (
        "files out of order",
        together(times(lambda t: t + 100_000, ["sample_data"], 1), times(lambda t: t - 100_000, ["sample_data"], 2)),
        {"TIM001"},
    ),
    ("nanoseconds", times(lambda t: t * 1000), {"TIM002"}),
    ("a clock from zero", times(lambda t: t - 1_700_000_000_000_000), {"TIM003"}),
    ("milliseconds", of_bare(times(lambda t: t // 1000)), {"TIM003", "TIM004"}),
    ("two seconds of nothing", of_bare(times(lambda t: t + 2 * SECOND, which=3)), {"TIM005"}),
    ("a file of another sample", times(lambda t: t + 600_000, ["sample_data", "ego_pose"], 3), {"TIM006"}),
    ("a pose of another time", times(lambda t: t + 600_000, ["ego_pose"], 3), {"TIM007"}),
    ("a pose of nearly that time", times(lambda t: t + 200_000, ["ego_pose"], 3), {"TIM008"}),
    ("a place that is NaN", first("sample_annotation", translation=[0.0, float("nan"), 0.0]), {"GEO001"}),
    ("a place that is nowhere", first("ego_pose", translation=[1e300, 0.0, 0.0]), {"GEO001"}),
    ("no height", first("sample_annotation", size=[2.0, 4.0, 0.0]), {"GEO002"}),
    ("length before width", together(boxes("car", swap)), {"GEO003", "CNT003"}),
    (
        "a car of five metres' height",
        one_box(lambda r: r["size"].__setitem__(2, 5.0), lambda r: 4 < r["size"][1] < 5),
        {"GEO004"},
    ),
    ("a long quaternion", one_box(scaled("rotation", 1.1)), {"GEO005"}),
    ("a short pose", first("ego_pose", rotation=[0.5, 0.0, 0.0, 0.0]), {"GEO005"}),
    ("no rotation at all", first("sample_annotation", rotation=[0.0, 0.0, 0.0, 0.0]), {"GEO005"}),
    (
        "the real part last",
        one_box(lambda r: r.update(rotation=[*r["rotation"][1:], r["rotation"][0]])),
        {"GEO006", "CNT003"},
    ),
    ("an ego on its side", of_bare(first("ego_pose", rotation=[0.7071, 0.7071, 0.0, 0.0])), {"GEO006"}),
    ("a kilometre off", boxes("car", unseen_shift(1000.0)), {"GEO007"}),
    ("in the sky", boxes("car", unseen_shift(0.0, up=150.0)), {"GEO007"}),
    ("hardly to be seen", boxes("car", unseen_shift(300.0)), {"GEO008"}),
    ("a calibrated concatenation", of_bare(first("calibrated_sensor", translation=[0.0, 0.0, 1.5])), {"GEO009"}),
    ("millimetres", of_bare(first("calibrated_sensor", translation=[900.0, 0.0, 1900.0])), {"GEO010"}),
    ("two objects in one", twin, {"GEO011"}),
    ("a box that jumps", one_box(unseen_shift(60.0), lambda r: r["prev"] and r["next"]), {"GEO012", "GEO014"}),
    (
        "a running pedestrian",
        one_box(unseen_shift(2.0), lambda r: r["size"][0] == 0.7 and not r["next"]),
        {"GEO013", "GEO014"},
    ),
    ("another velocity", first("sample_annotation", velocity=[30.0, 0.0, 0.0]), {"GEO014"}),
    ("kilometres an hour", lambda s: fast(s, 3.6), {"GEO014", "GEO015"}),
    ("an ego that jumps", of_bare(nth(2, "ego_pose", translation=[50.0, 0.0, 0.0])), {"GEO016"}),
    ("no cloud", moved_file(CLOUD), {"CLD001"}),
    ("a cloud that links nowhere", lambda s: [moved_file(CLOUD)(s), (s / CLOUD).symlink_to("nothing")], {"CLD001"}),
    ("a cloud that is a folder", lambda s: [moved_file(CLOUD)(s), (s / CLOUD).mkdir()], {"CLD001"}),
    ("a cloud that is a pipe", lambda s: [moved_file(CLOUD)(s), os.mkfifo(s / CLOUD)], {"CLD001"}),
    ("a picture that is not there", with_camera("data/CAM_FRONT/0.jpg"), {"CLD002"}),
    ("a file elsewhere", nth(1, "sample_data", filename="../../other/cloud.pcd.bin"), {"CLD003"}),
    ("a file of the system", nth(1, "sample_data", filename="/etc/passwd"), {"CLD003"}),
    ("a name that no file has", nth(1, "sample_data", filename="data/\ud800.pcd.bin"), {"CLD003"}),
    ("an empty cloud", cloud(1, lambda points: points[:0]), {"CLD004"}),
    ("half a point", sparse(CLOUD, 50_002), {"CLD005"}),
    ("points that are NaN", cloud(1, lambda points: np.where(points == points[7, 0], np.nan, points)), {"CLD006"}),
    (
        "points beyond the sky",
        cloud(1, lambda points: points * np.where(np.arange(len(points)) % 20, 1, 1e4)[:, None]),
        {"CLD007"},
    ),
    ("six values a point", columns(6), {"CLD008"}),
    ("four values a point", columns(4), {"CLD008"}),
    ("five values said to be six", together(lambda s: truncated_to(s, 6), infos(6)), {"CLD008"}),
    ("no info file", first("sample_data", info_filename="data/LIDAR_CONCAT_INFO/0.json"), {"CLD009"}),
    ("two values said", infos(2), {"CLD009"}),
    ("sources beyond the cloud", infos(5, lambda n: [{"sensor_token": NEW, "idx_begin": 5, "length": n}]), {"CLD010"}),
    ("half the sources", infos(5, lambda n: [{"sensor_token": NEW, "idx_begin": 0, "length": n // 2}]), {"CLD010"}),
    ("a cloud cut off", of_bare(cloud(1, lambda points: points[: len(points) // 4])), {"CLD011"}),
    ("a map as a cloud", sparse(CLOUD, 300 * 2**20), {"CLD012"}),
    ("one cloud twice", of_bare(nth(1, "sample_data", filename="data/LIDAR_CONCAT/00000.pcd.bin")), {"CLD013"}),
    ("a cloud of PCL", nth(1, "sample_data", fileformat="pcd"), {"CLD014"}),
    (
        "points where there are none",
        one_box(lambda r: r.update(translation=[60.0, 60.0, 30.0]), lambda r: not r["prev"]),
        {"CNT001", "GEO012", "GEO014"},
    ),
    (
        "none where there are points",
        one_box(lambda r: r.update(num_lidar_pts=0), lambda r: r["num_lidar_pts"] > 30),
        {"CNT002"},
    ),
    (
        "twice as many points",
        one_box(lambda r: r.update(num_lidar_pts=r["num_lidar_pts"] * 2), lambda r: r["num_lidar_pts"] > 50),
        {"CNT003"},
    ),
    (
        "points of a sixfold cloud",
        lambda s: edit(
            s, "sample_annotation", lambda rows: [r.update(num_lidar_pts=6 * r["num_lidar_pts"]) for r in rows]
        ),
        {"CNT003", "CNT004"},
    ),
    ("no model", signed(), {"AUT001"}),
    ("a model of a person's box", signed({"name": "a", "score": 0.5}, flagged=False), {"AUT002"}),
    (
        "the older form",
        first("sample_annotation", automatic_annotation=True, autolabel_metadata={"models": []}),
        {"AUT003"},
    ),
    ("a model without a name", signed({"score": 0.5}), {"AUT004"}),
    ("a score in per cent", signed({"name": "a", "score": 71.0}), {"AUT005"}),
    ("no score", signed({"name": "a"}), {"AUT005"}),
    ("a score that is NaN", signed({"name": "a", "score": float("nan")}), {"AUT005"}),
    ("an uncertainty of two", signed({"name": "a", "score": 0.5, "uncertainty": 2.0}), {"AUT005"}),
    ("a whole score", signed({"name": "a", "score": 1}), {"AUT006"}),
]


def fast(scene: Path, factor: float) -> None:
    """All boxes go fivefold, so that they move, and their velocities are given in another unit."""
    rows = table(scene, "sample_annotation")
    stamps = {row["token"]: row["timestamp"] for row in table(scene, "sample")}
    start = min(stamps.values())
    for row in rows:
        elapsed = (stamps[row["sample_token"]] - start) / 1e6
        row["translation"][0] += 10.0 * elapsed
        row["velocity"] = [(row["velocity"][0] + 10.0) * factor, row["velocity"][1] * factor, 0.0]
        row["num_lidar_pts"] = 0
    (scene / "annotation" / "sample_annotation.json").write_text(json.dumps(rows))
    for path in (scene / "data" / "LIDAR_CONCAT").iterdir():  # nothing is left in the boxes
        points = np.fromfile(path, dtype="<f4").reshape(-1, 5)
        points[:, 2] -= 50.0
        path.write_bytes(points.tobytes())


def truncated_to(scene: Path, features: int) -> None:
    for path in (scene / "data" / "LIDAR_CONCAT").iterdir():
        size = path.stat().st_size
        os.truncate(path, size - size % (4 * features * 5))
