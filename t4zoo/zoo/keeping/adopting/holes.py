"""What a release would have had and a hand-filled version has not; and versions that share their bytes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from t4zoo.zoo.keeping.adopting.digests import Digests
from t4zoo.zoo.keeping.adopting.hand_filled import HandFilled
from t4zoo.zoo.manifest import Role, role_of
from t4zoo.zoo.version import AutoLabelSet, InfoVersion, ModelVersion

_HASHED = re.compile(r"-([0-9a-f]{8,64})\.pth")  # MMLab's way to name a file by the beginning of its sha256
_LOGS = re.compile(r"(?:.*[/_-])?logs?\.zip", re.IGNORECASE)
_TELLING: tuple[Role, ...] = ("checkpoint", "onnx")  # two versions that share one of these are not two


@dataclass(frozen=True, order=True)
class Hole:
    """code: stable, for scripts. text: for people."""

    code: str
    text: str


@dataclass(frozen=True, order=True)
class Twins:
    """Two versions with a file of equal bytes; `path` is in the one, `other_path` in the other."""

    name: str
    path: str
    other: str
    other_path: str

    def __str__(self) -> str:
        return f"{self.name} {self.path} has the bytes of {self.other} {self.other_path}"


def role_in(version: HandFilled, path: str) -> Role:
    """As of a release's file, but that archives of logs were common."""
    logs = isinstance(version.name, ModelVersion) and _LOGS.fullmatch(path)
    return "train_log" if logs else role_of(path, version.name)


def holes_of(version: HandFilled, known: Mapping[str, Digests]) -> tuple[Hole, ...]:
    """All holes of one version. known: digests by path below the version's folder, as far as they are known."""
    holes = [Hole("left-out", f"not adopted: {reason}") for reason in version.left_out]
    if isinstance(version.name, ModelVersion):
        holes += [*_of_model(version, known), *_of_names(version, known)]
    if isinstance(version.name, InfoVersion | AutoLabelSet) and not _having(version, "info", "label"):
        holes.append(Hole("no-info", "has no info file"))
    return tuple(holes)


def find_twins(versions: Iterable[tuple[HandFilled, Mapping[str, Digests]]]) -> tuple[Twins, ...]:
    """Versions that share the bytes of a checkpoint, an ONNX file or an archive: each with the first that has them."""
    holders: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for version, known in versions:
        for file in version.files:
            if file.size and (role_in(version, file.path) in _TELLING or file.path.endswith(".zip")):
                digests = known.get(file.path)
                if digests:
                    holders[digests.sha256].append((str(version.name), file.path))
    pairs = ((other, found[0]) for found in holders.values() for other in found[1:])
    return tuple(sorted(Twins(*other, *first) for other, first in pairs if other[0] != first[0]))


def _of_model(version: HandFilled, known: Mapping[str, Digests]) -> list[Hole]:
    inside = {name for file in version.files for name in _members(known, file.path)}
    archives = [file.path for file in version.files if file.path.endswith(".zip")]
    unread = [path for path in archives if path not in known]
    unknown = [path for path in archives if path in known and known[path].members is None]
    checkpoints = _having(version, "checkpoint")
    holes = [Hole("unknown-archive", f"{path} cannot be listed: is it a zip file?") for path in unknown]
    if not checkpoints:
        where = "only inside an archive" if any(name.endswith(".pth") for name in inside) else "nothing to go on from"
        holes.append(Hole("no-checkpoint", f"has no checkpoint: {where}"))
    if len(checkpoints) > 1:
        holes.append(Hole("checkpoints", f"has {len(checkpoints)} checkpoints: name the file to go on from"))
    if not _having(version, "config"):
        where = ", but in an archive" if any(name.endswith(".py") for name in inside) else ""
        holes.append(Hole("no-config", f"has no configuration{where}"))
    if (
        not _having(version, "train_log")
        and not unread
        and not any(name.endswith((".log", ".log.json")) for name in inside)
    ):
        holes.append(Hole("no-log", "has no training log"))
    has_onnx = _having(version, "onnx") or any(name.endswith(".onnx") for name in inside)
    has_parameters = _having(version, "ros_param") or any(name.endswith(".param.yaml") for name in inside)
    if not has_onnx and not (unknown or unread):
        holes.append(Hole("no-onnx", "has no ONNX file"))
    if not has_parameters and not (unknown or unread):
        what = "ONNX files without ROS parameters" if has_onnx else "no ROS parameters"
        holes.append(Hole("no-ros-parameters", f"has {what}"))
    return holes


def _of_names(version: HandFilled, known: Mapping[str, Digests]) -> list[Hole]:
    """Files whose names say of their bytes what is not so."""
    holes = []
    for path in _having(version, "checkpoint"):
        said = _HASHED.search(path)
        digests = known.get(path)
        if said and digests and not _is_day(said[1]) and not digests.sha256.startswith(said[1]):
            text = f"{path} is named {said[1]}, and its sha256 begins with {digests.sha256[: len(said[1])]}"
            holes.append(Hole("other-bytes", text))
    return holes


def _members(known: Mapping[str, Digests], path: str) -> tuple[str, ...]:
    digests = known.get(path)
    return (digests.members if digests else None) or ()


def _having(version: HandFilled, *roles: Role) -> list[str]:
    return [file.path for file in version.files if role_in(version, file.path) in roles]


def _is_day(text: str) -> bool:
    try:
        return len(text) == 8 and text.isdigit() and date.fromisoformat(text).year > 2000
    except ValueError:
        return False
