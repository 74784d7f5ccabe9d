"""CHA: do `prev` and `next` make one whole chain of each scene, sensor and object, and are the totals right?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from t4zoo.t4.check.raw import RawScene, Row
from t4zoo.t4.check.rule import Fault, Rule, named, shown

ONE_WAY = Rule(
    "CHA001", "error", "prev and next do not agree", "let the next row's prev be this row, and this row's next that one"
)
CIRCLE = Rule("CHA002", "error", "a chain is a circle", "end the chain with an empty next")
BROKEN = Rule(
    "CHA003", "error", "the rows of one scene, sensor or object are not one chain", "link them in the order of time"
)
STRAY = Rule("CHA004", "error", "a chain leads to another scene, sensor or object", "link rows of the same one only")
NUMBER = Rule("CHA005", "error", "nbr_samples or nbr_annotations is not the number of rows", "count again")
ENDS = Rule("CHA006", "error", "the first or last row named is not the chain's", "name the ends of the chain")
DOUBLE = Rule("CHA007", "error", "an object has two boxes in one sample", "keep one, or make it another object's")
CLOUDLESS = Rule(
    "CHA008", "error", "a sample has no key frame of the lidar", "write the row of its cloud, or take the sample out"
)
TWO_KEYS = Rule("CHA009", "error", "a sample has two key frames of one sensor", "keep one of them a key frame")

RULES = (ONE_WAY, CIRCLE, BROKEN, STRAY, NUMBER, ENDS, DOUBLE, CLOUDLESS, TWO_KEYS)


def faults(scene: RawScene) -> Iterator[Fault]:
    """Faults of chains and of what is said about them."""
    sensor_of = {token: row["token"] for token, row in scene.sensors.items()}
    samples = scene.by_token("sample", "scene_token", "prev", "next")
    boxes = scene.by_token("sample_annotation", "instance_token", "prev", "next")
    files = scene.by_token("sample_data", "calibrated_sensor_token", "prev", "next")
    samples_of = {token: row["scene_token"] for token, row in samples.items()}
    boxes_of = {token: row["instance_token"] for token, row in boxes.items()}
    files_of = {token: sensor_of.get(row["calibrated_sensor_token"], "") for token, row in files.items()}
    for table, rows, group in (
        ("sample", samples, samples_of), ("sample_annotation", boxes, boxes_of), ("sample_data", files, files_of),
    ):  # fmt: skip
        yield from _links(table, rows, group)
        yield from _circles(table, rows)
        yield from _pieces(table, rows, group)
    yield from _totals(scene, "scene", "sample", samples, samples_of)
    yield from _totals(scene, "instance", "annotation", boxes, boxes_of)
    yield from _doubles(scene)
    yield from _key_frames(scene)


def _links(table: str, rows: dict[str, Row], group: dict[str, str]) -> Iterator[Fault]:
    for token, row in rows.items():
        for there, back in (("next", "prev"), ("prev", "next")):
            other = rows.get(row[there] or "")
            if other is None:
                continue
            if group[token] != group[other["token"]]:
                yield Fault(STRAY, table, named(token), f"{there} is {named(row[there])}")
            elif other[back] != token:
                yield Fault(
                    ONE_WAY,
                    table,
                    named(token),
                    f"{there} is {named(row[there])}, whose {back} is {shown(other[back])}",
                )


def _circles(table: str, rows: dict[str, Row]) -> Iterator[Fault]:
    walked: dict[str, str] = {}  # token -> the token from which it was reached first
    for start in rows:
        token = start
        while token in rows and token not in walked:
            walked[token] = start
            token = rows[token]["next"] or ""
        if token in rows and walked[token] == start:
            yield Fault(CIRCLE, table, named(token), "its next leads back to it")


def _pieces(table: str, rows: dict[str, Row], group: dict[str, str]) -> Iterator[Fault]:
    heads, tails = Counter[str](), Counter[str]()
    for token, row in rows.items():
        heads[group[token]] += not row["prev"]
        tails[group[token]] += not row["next"]
    for name in heads:
        if name and (heads[name] > 1 or tails[name] > 1):
            yield Fault(
                BROKEN, table, "", f"of {named(name)}: {heads[name]} rows without prev, {tails[name]} without next"
            )


def _totals(scene: RawScene, table: str, what: str, rows: dict[str, Row], group: dict[str, str]) -> Iterator[Fault]:
    counted = Counter(group.values())
    ends: dict[str, dict[str, list[str]]] = {"first": {}, "last": {}}
    for token, row in rows.items():
        for end, link in (("first", "prev"), ("last", "next")):
            if not row[link]:
                ends[end].setdefault(group[token], []).append(token)
    fields = (f"nbr_{what}s", f"first_{what}_token", f"last_{what}_token")
    of_what = "sample" if what == "sample" else "sample_annotation"
    if of_what not in scene.tables:
        return
    for owner in scene.sound(table, *fields):
        token = owner["token"]
        if owner[fields[0]] != counted[token]:
            yield Fault(
                NUMBER, table, named(token), f"{fields[0]} is {owner[fields[0]]}, and there are {counted[token]}"
            )
        for end, field in zip(("first", "last"), fields[1:], strict=True):
            found = ends[end].get(token, [])
            if len(found) == 1 and owner[field] != found[0]:
                yield Fault(
                    ENDS, table, named(token), f"{field} is {shown(owner[field])}, and the chain's is {named(found[0])}"
                )


def _doubles(scene: RawScene) -> Iterator[Fault]:
    seen: dict[tuple[str, str], str] = {}
    for row in scene.sound("sample_annotation", "sample_token", "instance_token"):
        other = seen.setdefault((row["sample_token"], row["instance_token"]), row["token"])
        if other != row["token"]:
            yield Fault(DOUBLE, "sample_annotation", named(row["token"]), f"as {named(other)}")


def _key_frames(scene: RawScene) -> Iterator[Fault]:
    if "sample_data" not in scene.tables:
        return
    channels: dict[tuple[str, str], list[str]] = {}
    for row in scene.sound("sample_data", "sample_token", "calibrated_sensor_token", "is_key_frame"):
        sensor = scene.sensors.get(row["calibrated_sensor_token"])
        if row["is_key_frame"] and sensor is not None:
            channels.setdefault((row["sample_token"], sensor["channel"]), []).append(row["token"])
    for (_, channel), tokens in channels.items():
        if len(set(tokens)) > 1:
            yield Fault(TWO_KEYS, "sample_data", named(tokens[1]), f"of {named(channel)}, as {named(tokens[0])}")
    if scene.lidar_channel is not None:
        for row in scene.sound("sample"):
            if (row["token"], scene.lidar_channel) not in channels:
                yield Fault(CLOUDLESS, "sample", named(row["token"]), f"of {scene.lidar_channel}")
