"""A report on an auto_label folder: its figures as JSON holds them, and the files that come with them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from t4zoo.export.CenterPoint.parameters import PACKAGE_FILE
from t4zoo.labels.bundle_copy import BundleScores, with_scores
from t4zoo.labels.doubts import MEANING, WEIGHTS, Look
from t4zoo.labels.ensemble_copy import with_thresholds
from t4zoo.labels.figures import Data, against, counts, histograms, of_labels, plain_data, to_look_at
from t4zoo.labels.findings import Findings, Gatherer
from t4zoo.labels.folder import LABELS
from t4zoo.labels.question import Question
from t4zoo.labels.suggestion import ABSENT, Advice, advise, by_bins, thresholds_of


@dataclass(frozen=True, eq=False)
class Report:
    """data: every figure, ready for JSON. files: name -> text of the suggested files. looks: the frames to draw."""

    data: Data
    files: dict[str, str]
    looks: list[Look]


def report(asked: Question, advance: Callable[[int], None] = lambda scenes: None) -> Report:
    """Judge the labels; `advance` is called after each scene. Raises what the readers of the files raise."""
    found = Gatherer(asked).gather(advance)
    advice, bundles = list(_advice(asked, found)), list(_bundles(asked, found))
    files = _files(asked, advice, bundles)
    looks = found.looks[: asked.settings.pictures]
    data = {
        "folder": asked.folder.path.name,
        "made_by": _made_by(asked),
        "settings": {key: value for key, value in asdict(asked.settings).items() if key != "pictures"},
        "scenes": len(asked.folder.scenes),
        "frames": found.frames,
        "counts": [row for subject in found.subjects for row in counts(subject)],
        "histograms": [row for subject in found.subjects for row in histograms(subject)],
        "labels": of_labels(found, asked.folder.labels.classes) if asked.folder.labels.scenes else None,
        "truth": against(asked.truth, found, asked.settings) if asked.truth else None,
        "suggestions": _suggestions(asked, advice, bundles, files) if asked.truth else None,
        "weights": WEIGHTS,
        "meaning": MEANING,
        "look_at": [to_look_at(look, asked.folder) for look in looks],
    }
    return Report(plain_data(data), files, looks)


def as_json(data: Data) -> str:
    """The text of report.json."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _made_by(asked: Question) -> Data:
    """Who signed the boxes."""
    known = {source.name: source.extra for source in asked.folder.sources}
    ensemble = asked.ensemble.path.name if asked.ensemble else None
    absent = [rules.name for rules in asked.ensemble.rules.models if rules.name not in known] if asked.ensemble else []
    return {"files": known, "ensemble": ensemble, "absent": absent}


def _advice(asked: Question, found: Findings) -> Iterator[Advice]:
    """For each model and class; of a model in the ensemble the classes that it uses."""
    rules = {one.name: one for one in asked.ensemble.rules.models} if asked.ensemble else {}
    for subject in found.subjects:
        name, classes = subject.source.name, subject.source.classes
        if name == LABELS or (rules and name not in rules):
            continue
        for label in rules[name].use_label if name in rules else classes:
            now = rules[name].thresholds[label] if name in rules else None
            if label in classes:
                yield advise(name, label, now, subject.judge.matches(classes.index(label), 0), asked.settings)
            else:
                yield Advice(name, label, now, None, ABSENT, 0, *[math.nan] * 4)


@dataclass(frozen=True, eq=False)
class _BinAdvice:
    model: str
    bundle: BundleScores
    scores: dict[str, list[float]]
    reasons: dict[str, list[str]]

    @property
    def changed(self) -> bool:
        return any(tuple(scores) != self.bundle.scores[name] for name, scores in self.scores.items())


def _bundles(asked: Question, found: Findings) -> Iterator[_BinAdvice]:
    for subject in found.subjects:
        bundle = asked.bundles.get(subject.source.name)
        if bundle:
            scores, reasons = {}, {}
            first = len(asked.settings.bands)
            for label, name in enumerate(subject.source.classes):
                bins = [subject.judge.matches(label, first + place) for place in range(len(bundle.bins))]
                whole = subject.judge.matches(label, 0)
                scores[name], reasons[name] = by_bins(bundle.scores[name], whole, bins, asked.settings)
            yield _BinAdvice(subject.source.name, bundle, scores, reasons)


def _files(asked: Question, advice: Sequence[Advice], bundles: Sequence[_BinAdvice]) -> dict[str, str]:
    files = {}
    wanted = thresholds_of(advice)
    if asked.ensemble and wanted:
        file = asked.ensemble
        files[f"suggested/ensemble/{file.path.name}"] = with_thresholds(file.text, file.path, wanted)
    for one in bundles:
        if one.changed:
            note = (
                f"A copy with min_confidence_scores from which on a share of {asked.settings.precision:g} of the raw "
                f"boxes of {one.model}\nwas right, {asked.folder.path.name} against {_name_of(asked)}. To keep them, "
                "write them into conf/autoware/ and export again."
            )
            files[f"suggested/{one.model}/{PACKAGE_FILE}"] = with_scores(one.bundle, one.scores, note)
    return files


def _name_of(asked: Question) -> str:
    return asked.truth.path.name if asked.truth else ""


def _suggestions(
    asked: Question, advice: Sequence[Advice], bundles: Sequence[_BinAdvice], files: Mapping[str, str]
) -> Data:
    return {
        "precision": asked.settings.precision,
        "distance_m": asked.settings.distance,
        "thresholds": [{key if key != "name" else "class": value for key, value in asdict(a).items()} for a in advice],
        "bundles": [
            {
                "model": one.model,
                "bins_m": [list(limits) for limits in one.bundle.bins],
                "classes": [
                    {"class": name, "now": list(one.bundle.scores[name]), "suggested": one.scores[name], "why": reasons}
                    for name, reasons in one.reasons.items()
                ],
            }
            for one in bundles
        ],
        "files": sorted(files),
    }
