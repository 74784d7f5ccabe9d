"""Which scenes a model was trained, validated and tested on, and what was let pass of them, as create_info told it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from t4zoo.zoo.manifest import Scenes, Waiver
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.lock import TrackedFile, expand
from t4zoo.zoo.releasing.objects import ObjectError, Objects
from t4zoo.zoo.releasing.refusal import Refusal, RefusedError
from t4zoo.zoo.version import ModelVersion

SPLITS = ("train", "val", "test")

_INFO = re.compile(r"info/(?P<product>[^/]+)(?:/info_(?P<split>train|val|test)\.pkl)?")


def scenes_of(candidate: Candidate, objects: Objects) -> Scenes | None:
    """The scenes of each split; None for a model that no info file went into.

    What train read is trained on, whatever its file is called. A -release is tested on none of that.
    Raises RefusedError or ObjectError where the statistics do not say.
    """
    read = _read_by_train(candidate)
    if not read:
        return None
    counted = {product: _counted(product, candidate, objects) for product, _ in read}
    own = str(candidate.entry.get("product"))
    shown = counted.get(own) or _counted(own, candidate, objects)
    trained = {scene for product, split in read for scene in getattr(counted[product], split)}
    is_release = isinstance(candidate.name, ModelVersion) and candidate.name.version.release
    hidden = trained if is_release else set()
    splits = _sorted(trained), _sorted({*shown.val} - hidden), _sorted({*shown.test} - hidden)
    known = {scene for split in splits for scene in split}
    waivers = {one for scenes in (*counted.values(), shown) for one in scenes.waivers if one.scene in known}
    return Scenes(**dict(zip(SPLITS, splits, strict=True)), waivers=_in_order(waivers))


def _read_by_train(candidate: Candidate) -> set[tuple[str, str]]:
    """(product, split) of each info file among what train depends on."""
    stages = {out.stage for out in candidate.lock.below(candidate.folder("train"))}
    matches = [_INFO.fullmatch(dep.path) for stage in stages for dep in candidate.lock.deps.get(stage, ())]
    return {(m["product"], split) for m in matches if m for split in ([m["split"]] if m["split"] else SPLITS)}


def _counted(product: str, candidate: Candidate, objects: Objects) -> Scenes:
    path = f"info/{product}/statistics.json"
    out = candidate.lock.holding(path)
    md5 = next((file.md5 for file in (expand(out, objects.read) if out else []) if file.path == path), None)
    if md5 is None:
        raise RefusedError(candidate.name, [Refusal("dvc.lock", f"has no {path}", "`dvc repro`, then commit")])
    return splits_of(read_json(objects, md5, path), path, candidate)


def info_scenes(candidate: Candidate, tracked: dict[str, TrackedFile], objects: Objects) -> dict[str, Scenes]:
    """Of a version of info, the scenes of each product's splits. tracked: its files, by path in it."""
    files = {product: tracked.get(f"{product}/statistics.json") for product in sorted(candidate.entry)}
    said = {product: read_json(objects, file.md5, file.path) if file else None for product, file in files.items()}
    return {product: splits_of(data, f"info/{product}/statistics.json", candidate) for product, data in said.items()}


def splits_of(statistics: Any, path: str, candidate: Candidate) -> Scenes:
    """The scenes that a statistics.json names, and their waivers; raises RefusedError where it names no scenes."""
    try:
        told = {Waiver.model_validate(one) for split in SPLITS for one in statistics[split].get("waivers", ())}
        splits = {split: _sorted(statistics[split]["scenes"]) for split in SPLITS}
        return Scenes(**splits, waivers=_in_order(told))
    except (AttributeError, KeyError, TypeError, ValidationError) as error:
        what = f"does not name the scenes of each split ({type(error).__name__})"
        raise RefusedError(candidate.name, [Refusal(path, what, "`dvc repro create_info`, then commit")]) from error


def read_json(objects: Objects, md5: str, where: str) -> Any:
    """A small JSON file by its md5; raises ObjectError."""
    try:
        return json.loads(objects.read(md5))
    except ValueError as error:
        raise ObjectError(f"{where}: not JSON ({error})") from error


def _in_order(waivers: Iterable[Waiver]) -> tuple[Waiver, ...]:
    return tuple(sorted(waivers, key=lambda one: (one.scene, one.rule, one.times, one.reason)))


def _sorted(scenes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(scenes))
