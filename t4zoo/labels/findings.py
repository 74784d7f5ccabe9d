"""Everything that a report counts, gathered scene by scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from t4zoo.info import Array, Frame
from t4zoo.labels.counts import Counts
from t4zoo.labels.doubts import Look, against_truth, doubts_of, looks_of, ranked, silent
from t4zoo.labels.folder import LabelScene
from t4zoo.labels.judge import Judge, boxes_of, side_by_side
from t4zoo.labels.overlaps import pairs
from t4zoo.labels.question import Question
from t4zoo.labels.source import SceneBoxes, Source
from t4zoo.labels.tracks import Jump, jumps_of, tracks_of
from t4zoo.labels.truth import Truth, TruthError


@dataclass(frozen=True, eq=False)
class Subject:
    """Somebody's boxes: a model's raw predictions, or the labels. judge: empty where there is no ground truth.

    Its bands are those of the settings, and then the bins of the model's bundle.
    """

    source: Source
    counts: Counts
    judge: Judge


@dataclass(frozen=True)
class FoundJump:
    """A jump, with the frame (its place in the scene) that it ends in, and the class of the box."""

    scene: str
    frame: int
    name: str
    jump: Jump


@dataclass(eq=False)
class TrackRows:
    """A row a track: its class's index, boxes, seconds and missing frames."""

    labels: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Findings:
    """frames: of all scenes, and judged: those of them with ground truth. tracked: whether any object has two boxes.

    reach: how far from the ego the farthest box is [m]. objects: (M,) how far each object of the ground truth is [m].
    few: class -> labels with few points. points_known: whether anybody counted. overlaps: pairs of classes. looks:
    the frames that need a look, the most needy first.
    """

    subjects: tuple[Subject, ...]
    tracked: bool
    frames: int = 0
    judged: int = 0
    reach: float = 0.0
    objects: list[Array] = field(default_factory=list)
    tracks: TrackRows = field(default_factory=TrackRows)
    jumps: list[FoundJump] = field(default_factory=list)
    few: Counter[str] = field(default_factory=Counter)
    points_known: bool = False
    overlaps: Counter[tuple[str, str]] = field(default_factory=Counter)
    looks: list[Look] = field(default_factory=list)


class Gatherer:
    """Goes through the scenes of a question once; what it finds of one scene it can find again, to draw it."""

    def __init__(self, asked: Question) -> None:
        self.asked = asked
        self.tracked = any(_repeats(frames) for frames in asked.folder.objects.values())
        self.least = self._least()

    def gather(self, advance: Callable[[int], None] = lambda scenes: None) -> Findings:
        """Everything; `advance` is called after each scene. Raises TruthError where no frame has ground truth."""
        found = Findings(tuple(self._subjects()), self.tracked)
        for scene in self.asked.folder.scenes:
            said = {subject.source.name: subject.source.read(scene) for subject in found.subjects}
            for subject in found.subjects:
                self._count(subject, said[subject.source.name])
            longest = max(said.values(), key=lambda one: len(one.frames))
            found.frames += len(longest.frames)
            self._survey(found, longest, list(said.values()))
            if scene in self.asked.folder.labels.scenes:
                self._look(found, scene, said)
            advance(1)
        if self.asked.truth and not found.judged:
            raise TruthError(_strange(self.asked.truth, self.asked.folder.scenes, found.frames))
        found.looks = ranked(found.looks)
        return found

    def _survey(self, found: Findings, longest: SceneBoxes, said: Sequence[SceneBoxes]) -> None:
        names = tuple(dict.fromkeys(name for source in self.asked.folder.sources for name in source.classes))
        annotated = self.annotated(longest, names)
        found.judged += sum(frame is not None for frame in annotated)
        truth, _ = side_by_side(longest.frames, longest.boxes, annotated)
        found.objects.append(truth.within(*self.asked.settings.span).distances)
        counting = (boxes_of(one.frames, one.boxes).within(*self.asked.settings.span) for one in said)
        found.reach = max(found.reach, *(boxes.distances.max(initial=0.0) for boxes in counting))

    def annotated(self, scene: SceneBoxes, classes: tuple[str, ...]) -> list[Frame | None]:
        """The ground truth of each frame, its labels indexing `classes`."""
        truth = self.asked.truth
        return truth.of(scene.frames, classes) if truth else [None] * len(scene.frames)

    def doubts(self, scene: LabelScene, said: Mapping[str, SceneBoxes]) -> dict[str, NDArray[np.bool_]]:
        """Reason -> (N,) which labels of a scene are doubtful for it."""
        settings, classes = self.asked.settings, self.classes
        jumps = list(jumps_of(scene, settings)) if self.tracked else []
        tracks = tracks_of(scene) if self.tracked else None
        found = doubts_of(scene, self.least, tracks, jumps, settings)
        file = self.asked.ensemble
        known = {source.name: source.classes for source in self.asked.folder.raw}
        if file and len(file.rules.models) > 1 and all(rules.name in said for rules in file.rules.models):
            raw = {rules.name: (known[rules.name], said[rules.name]) for rules in file.rules.models}
            found["silent"] = silent(scene, classes, raw, file.rules, settings.distance)
        counting = self.counting(scene)
        return {reason: rows & counting for reason, rows in found.items()} | {"wrong": self.against(scene)[0]}

    def counting(self, scene: SceneBoxes) -> NDArray[np.bool_]:
        """(N,) which boxes of a scene are as near to the ego as the settings say."""
        return boxes_of(scene.frames, scene.boxes).inside(*self.asked.settings.span)

    def against(self, scene: LabelScene) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
        """(N,) which labels of a scene have no object; of each object its frame, and whether it has no label.

        Labels and objects outside the ranges are neither wrong nor missed, and yet may be the partners of others.
        """
        annotated = self.annotated(scene, self.classes)
        truth, said = side_by_side(scene.frames, scene.boxes, annotated)
        wrong, missed = against_truth(truth, said, self.asked.settings.distance)
        known = np.array([frame is not None for frame in annotated], dtype=bool)[scene.boxes.frames]
        rows = np.zeros(len(scene.boxes), dtype=bool)
        rows[known] = wrong
        counting = truth.inside(*self.asked.settings.span)
        return rows & self.counting(scene), truth.frames, missed & counting

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the labels."""
        return self.asked.folder.labels.classes

    def _subjects(self) -> Iterator[Subject]:
        asked = self.asked
        for source in asked.folder.sources:
            bundle = asked.bundles.get(source.name)
            bands = (*asked.settings.bands, *(bundle.bins if bundle else ()))
            judge = Judge(source.classes, bands, asked.settings.columns)
            yield Subject(source, Counts(source.classes, asked.settings.bands), judge)

    def _count(self, subject: Subject, said: SceneBoxes) -> None:
        subject.counts.add(boxes_of(said.frames, said.boxes))
        if self.asked.truth:
            annotated = self.annotated(said, subject.source.classes)
            subject.judge.add(*side_by_side(said.frames, said.boxes, annotated))

    def _look(self, found: Findings, scene: str, said: Mapping[str, SceneBoxes]) -> None:
        settings, labels = self.asked.settings, self.asked.folder.read_labels(scene)
        frames = labels.boxes.frames
        size = len(labels.frames)
        counts = {
            reason: np.bincount(frames[rows], minlength=size) for reason, rows in self.doubts(labels, said).items()
        }
        _, places, missed = self.against(labels)
        counts["missed"] = np.bincount(places[missed], minlength=size)
        found.looks += looks_of(labels, counts)
        names, counting = [self.classes[label] for label in labels.boxes.labels], self.counting(labels)
        few = counting & (labels.num_lidar_pts >= 0) & (labels.num_lidar_pts < settings.few_points)
        found.points_known |= bool((labels.num_lidar_pts >= 0).any())
        found.few.update(names[row] for row in np.flatnonzero(few).tolist())
        found.overlaps.update(
            (min(names[a], names[b]), max(names[a], names[b]))
            for a, b in pairs(labels.boxes, settings.overlap).tolist()
            if counting[a] or counting[b]
        )
        if self.tracked:
            self._follow(found, labels, counting, names)

    def _follow(self, found: Findings, labels: LabelScene, counting: NDArray[np.bool_], names: list[str]) -> None:
        """Tracks with a box that counts, whole; and jumps to such boxes."""
        tracks, frames = tracks_of(labels), labels.boxes.frames
        some = np.unique(tracks.of[counting])
        found.tracks.labels += tracks.labels[some].tolist()
        found.tracks.lengths += tracks.lengths[some].tolist()
        found.tracks.seconds += tracks.seconds[some].tolist()
        found.tracks.gaps += tracks.gaps[some].tolist()
        found.jumps += [
            FoundJump(labels.scene, int(frames[jump.row]), names[jump.row], jump)
            for jump in jumps_of(labels, self.asked.settings)
            if counting[jump.row]
        ]

    def _least(self) -> Array:
        """(classes,) from which score on a label of each class is kept: the least of the ensemble's models.

        Without an ensemble the least score that a label of the class has.
        """
        source = self.asked.folder.labels
        if self.asked.ensemble:
            models = self.asked.ensemble.rules.models
            uses = [[rules.thresholds[n] for rules in models if n in rules.use_label] for n in source.classes]
            every = [min(scores, default=np.inf) for scores in uses]
            return np.array(every, dtype=np.float64)
        least = np.full(len(source.classes), np.inf)
        for scene in source.scenes:
            boxes = source.read(scene).boxes
            np.minimum.at(least, boxes.labels, boxes.scores)
        return least


def _strange(truth: Truth, labelled: Sequence[str], frames: int) -> str:
    known = sorted(truth.scenes)
    scenes = sorted({scene.partition("/")[0] for scene in labelled})
    both = len(set(known) & set(scenes))
    return (
        f"{truth.path}: has none of the {frames} labelled frames: {both} of the {len(scenes)} labelled scenes "
        f"({', '.join(scenes[:3])}) are among its {len(known)} ({', '.join(known[:3])}), and no sample token is "
        "the same; give the ground truth of the scenes that were labelled"
    )


def _repeats(frames: list[Frame]) -> bool:
    names = [name for frame in frames for name in frame.instances.tokens]
    return len(set(names)) < len(names)
