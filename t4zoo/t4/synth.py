"""The sample data: which T4 scenes there are, and writing them below a data root (`t4zoo sample`)."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.t4.synth_scene import CONCAT, TURNED_TOP, Mount, SceneCount, ScenePlan, write_scene

MANIFEST = ".t4zoo-sample.json"  # names every file of a set with its digest, and says that the set is ours


class SampleError(T4zooError):
    """A sample set that cannot be written or kept: something else, or a changed copy, is in its place."""


@dataclass(frozen=True)
class DatasetPlan:
    """One dataset of sample scenes. dataset_version is what its list in conf/dataset/ says."""

    name: str
    dataset_version: str
    scenes: tuple[ScenePlan, ...]

    def split(self, name: str) -> tuple[str, ...]:
        """The `{T4 id}/{revision}` of a split's scenes."""
        return tuple(scene.key for scene in self.scenes if scene.split == name)


@dataclass(frozen=True)
class DatasetReport:
    """What became of one dataset. state: "written", or "kept" when it was there already, complete and unchanged."""

    name: str
    state: str
    folder: str
    scenes: int
    frames: int
    boxes: int
    points: int
    bytes: int


@dataclass(frozen=True)
class SampleReport:
    """What became of all sample datasets."""

    datasets: tuple[DatasetReport, ...]

    @property
    def written(self) -> bool:
        """Whether anything was written at all."""
        return any(dataset.state == "written" for dataset in self.datasets)

    def to_dict(self) -> dict[str, Any]:
        """Builtins, for JSON."""
        return {"datasets": [asdict(dataset) for dataset in self.datasets]}


def plans(small: bool = False) -> tuple[DatasetPlan, ...]:
    """The sample datasets; a small one has the first two scenes of each split, and fewer frames."""
    return (
        _plan("db_sample_v1", CONCAT, {"train": 40, "val": 4, "test": 10}, 5, small),
        _plan("db_sample_x2_v1", TURNED_TOP, {"train": 4, "val": 2, "test": 2}, 5, small, gives_velocity=False),
        _plan("sample_raw_v1", CONCAT, {"test": 2}, 10, small, annotated=False),
    )


def further_plans() -> tuple[DatasetPlan, ...]:
    """What the full demo needs besides: a stand-in for public data, a vehicle's own, and a fleet's recordings."""
    return (
        _plan("sample_public_v1", CONCAT, {"train": 20, "val": 2, "test": 2}, 5, small=False),
        _plan("db_sample_x2_v2", TURNED_TOP, {"train": 24, "val": 2, "test": 6}, 5, small=False, gives_velocity=False),
        _plan("sample_fleet_v1", CONCAT, {"test": 8}, 10, small=False, annotated=False),
    )


def truth_plans() -> tuple[DatasetPlan, ...]:
    """The annotation of the fleet's recordings, which nobody would have: to judge auto-labels by."""
    return (_plan("sample_fleet_v1", CONCAT, {"test": 8}, 10, small=False),)


def _plan(name: str, mount: Mount, splits: dict[str, int], frames: int, small: bool, **options: bool) -> DatasetPlan:
    frames = min(frames, 3) if small else frames
    scenes = (
        ScenePlan(name, split, number, frames, mount, **options)
        for split, count in splits.items()
        for number in range(min(count, 2) if small else count)
    )
    return DatasetPlan(
        name, f"{name.rpartition('_v')[0].replace('_', '-')}-v{name.rpartition('_v')[2]}.0", tuple(scenes)
    )


def write_samples(
    root: Path, small: bool = False, progress: Callable[[str], None] | None = None, further: bool = False
) -> SampleReport:
    """Write the sample datasets as `{root}/{dataset}/{T4 id}/{revision}/`, each whole or not at all.

    A complete, unchanged one is kept. Anything else in its place raises SampleError before anything is written.
    progress: called with the name of each scene before it is made.
    further: the full demo's sets too, and their truth in the folder `truth` beside `root`.
    """
    wanted = [(root, plan) for plan in plans(small)]
    if further:
        wanted += [(root, plan) for plan in further_plans()]
        wanted += [(root.with_name("truth"), plan) for plan in truth_plans()]
    kept = [_kept(*one) for one in wanted]
    return SampleReport(tuple(there or _write(*one, progress) for one, there in zip(wanted, kept, strict=True)))


def _kept(root: Path, plan: DatasetPlan) -> DatasetReport | None:
    """The report of a dataset that is in its place already, None when there is nothing."""
    folder = root / plan.name
    if not folder.exists():
        return None
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files, report = dict(manifest["files"]), DatasetReport(state="kept", folder=str(folder), **manifest["report"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SampleError(
            f"{folder}: is in the way, and t4zoo sample did not make it; move it, or choose another --root"
        ) from None
    if manifest.get("recipe") != _recipe(plan):
        raise SampleError(f"{folder}: holds another selection of sample scenes; remove it, or choose another --root")
    found = dict(_digests(folder))
    for name in sorted(files.keys() | found.keys()):
        if files.get(name) != found.get(name):
            raise SampleError(
                f"{folder / name}: this sample file was changed, added or lost; remove {folder} and repeat"
            )
    return report


def _write(root: Path, plan: DatasetPlan, progress: Callable[[str], None] | None) -> DatasetReport:
    root.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=root, prefix=f".{plan.name}."))
    try:
        counts = []
        for scene in plan.scenes:
            if progress is not None:
                progress(f"{scene.dataset}/{scene.key}")
            counts.append(write_scene(temporary / scene.id / scene.key.split("/")[1], scene))
        report = _report(plan, counts, temporary)
        manifest = {"recipe": _recipe(plan), "report": report, "files": dict(_digests(temporary))}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        temporary.chmod(0o755)
        temporary.rename(root / plan.name)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return DatasetReport(state="written", folder=str(root / plan.name), **report)


def _recipe(plan: DatasetPlan) -> str:
    return hashlib.sha256(repr(plan).encode()).hexdigest()


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Path relative to `folder` and sha256 of every file but the manifest itself."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST:
            yield path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()


def _report(plan: DatasetPlan, counts: list[SceneCount], folder: Path) -> dict[str, Any]:
    return {
        "name": plan.name,
        "scenes": len(counts),
        "frames": sum(count.frames for count in counts),
        "boxes": sum(count.boxes for count in counts),
        "points": sum(count.points for count in counts),
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }
