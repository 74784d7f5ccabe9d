"""Pseudo T4 scenes: the scenes that were labelled, with the labels as their annotation and links to their data."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from t4zoo.autolabel.annotation import boxes_of
from t4zoo.autolabel.identity import pseudo_id
from t4zoo.autolabel.labels import SceneLabels
from t4zoo.autolabel.link import link_data
from t4zoo.errors import T4zooError, UsageError
from t4zoo.scene_files import content_of, is_file
from t4zoo.t4.dataset_list import DatasetList, parse_scene_id, write_dataset_list
from t4zoo.t4.reader import read_scene
from t4zoo.t4.writer import with_boxes, write_annotation

COPIED = "status.json"  # of a scene that has it: a link to a file would be one for DVC to replace


class PseudoError(T4zooError):
    """A folder in which no pseudo scenes may be written."""


class PseudoScenes:
    """A folder of pseudo scenes that comes into being scene by scene, whole or not at all: use it in a `with`.

    source: the folder of the scenes that were labelled; it is only read. models: the names with which those of the
    ensemble sign. sample_steps: of the dataset list that is written beside the scenes, for whoever trains on them.
    objects: how many of each class there are so far.
    What stood in `target` is replaced at the end; raises PseudoError when that is anything else than pseudo scenes.
    """

    def __init__(
        self, source: Path, target: Path, classes: Sequence[str], models: Sequence[str], sample_steps: int
    ) -> None:
        if sample_steps < 1:
            raise UsageError(f"sample_steps is {sample_steps}; give a whole number from 1 on")
        _check_target(source, target)
        self._source, self._target, self._sample_steps = source, target, sample_steps
        self._classes, self._models = tuple(classes), tuple(models)
        self._scenes: list[str] = []
        self.objects: Counter[str] = Counter()

    @property
    def scenes(self) -> tuple[str, ...]:
        """`{T4 id}/{revision}` of those that are written, sorted."""
        return tuple(sorted(self._scenes))

    def __enter__(self) -> PseudoScenes:
        """Begin, beside the folder."""
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = Path(tempfile.mkdtemp(dir=self._target.parent, prefix=f".{self._target.name}."))
        return self

    def write(self, labelled: SceneLabels) -> None:
        """Add one scene. Raises ReadError where the labelled one is broken, WriteError for labels that T4 forbids."""
        name = labelled.frames[0].scene
        read, own = read_scene(self._source / name), pseudo_id(name)
        tables = with_boxes(read.tables, own, boxes_of(labelled, self._classes, self._models), self._classes)
        write_annotation(self._temporary / own / "annotation", tables)
        link_data(read.folder, self._temporary / own)
        if is_file(read.folder / COPIED):
            (self._temporary / own / COPIED).write_bytes(content_of(read.folder / COPIED))
        names = {category.token: category.name for category in tables.category}
        self.objects.update(names[instance.category_token] for instance in tables.instance)
        self._scenes.append(own)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the scenes and their list in their place, or nothing after an error."""
        try:
            if kind is None:
                self._finish()
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _finish(self) -> None:
        name = f"pseudo_{self._target.name}"
        scenes = {"train": tuple(parse_scene_id(scene) for scene in self.scenes)}
        dataset = DatasetList(name, name, scenes, self._source.name, self._sample_steps)
        write_dataset_list(self._temporary, dataset, f"{name}: scenes of {dataset.data_of} that models labelled.")
        self._temporary.chmod(0o755)
        if self._target.exists():
            shutil.rmtree(self._target)
        self._temporary.rename(self._target)


def check_places(source: Path, target: Path, out: Path) -> None:
    """Raise UsageError where the files of a set, in `out`, would lie in the labelled scenes or the pseudo scenes."""
    inner = out.resolve()
    for folder, holds in ((source, "the scenes that are labelled, which stay as they are"), (target, "pseudo scenes")):
        if folder.resolve() in (inner, *inner.parents):
            raise UsageError(f"out is {out}: {folder} is for {holds}; write elsewhere, as to auto_label/")


def _check_target(source: Path, target: Path) -> None:
    inner, outer = source.resolve(), target.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise PseudoError(f"{target}: pseudo scenes cannot be written where their input is, {source}")
    if target.exists() and (inner.parent in outer.parents or not target.is_dir()):
        what = "a file" if target.is_file() else f"beside {source}, and may be somebody's input"
        raise PseudoError(f"{target}: is {what}; remove it or write elsewhere")
    for path in sorted(target.iterdir()) if target.is_dir() else []:
        if path.name != f"pseudo_{target.name}.yaml":
            _check_scene(target, path)


def _check_scene(target: Path, scene: Path) -> None:
    for path in sorted(scene.iterdir()) if scene.is_dir() and not scene.is_symlink() else [scene]:
        if not (path / "annotation").is_dir():
            raise PseudoError(f"{target}: holds {path.name}, which is no T4 scene; remove it or write elsewhere")
