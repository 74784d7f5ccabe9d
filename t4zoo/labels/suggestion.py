"""The thresholds with which a model's labels would be as right as wanted, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from t4zoo.labels.judge import Matches
from t4zoo.labels.settings import Settings
from t4zoo.labels.threshold import least_score, short_score

REACHED, FEW, NEVER, ABSENT = "reached", "too few objects", "not reached", "no such class in the predictions"


@dataclass(frozen=True)
class Advice:
    """What is suggested for one class of one model.

    now: its threshold, None where none is known. suggested: None where `why` is not REACHED. objects: of the ground
    truth. precision, recall: from `suggested` on, or else from `now` on; NaN where neither is known.
    """

    model: str
    name: str
    now: float | None
    suggested: float | None
    why: str
    objects: int
    precision: float
    recall: float
    precision_now: float
    recall_now: float


def advise(model: str, name: str, now: float | None, found: Matches, settings: Settings) -> Advice:
    """The advice for a class whose boxes and objects are `found`."""
    column = settings.columns.index(settings.distance)
    suggested, why = suggest(found, settings)
    at = suggested if suggested is not None else now
    figures = [
        figure(score, column) if score is not None else float("nan")
        for score in (at, now)
        for figure in (found.precision, found.recall)
    ]
    return Advice(model, name, now, suggested, why, found.truths, *figures)


def suggest(found: Matches, settings: Settings) -> tuple[float | None, str]:
    """The least threshold, and REACHED; or None and the reason why there is none."""
    if found.truths < settings.enough:
        return None, FEW
    hits = found.hits[:, settings.columns.index(settings.distance)]
    score = least_score(found.scores, hits, settings.precision)
    return (None, NEVER) if score is None else (short_score(score, found.scores), REACHED)


def by_bins(
    current: Sequence[float], whole: Matches, bins: Sequence[Matches], settings: Settings
) -> tuple[list[float], list[str]]:
    """A class's thresholds in the node's distance bins, and for each where it comes from.

    A bin with enough objects has its own threshold, any other that of the whole range. Where the precision is not
    reached, or only by a threshold of 1 that the node would replace, the current one stays.
    """
    scores, reasons = [], []
    for old, found in zip(current, bins, strict=True):
        score, why = suggest(found, settings)
        place = "this range"
        if why == FEW:
            (score, why), place = suggest(whole, settings), "all ranges"
        usable = score is not None and score < 1.0
        scores.append(float(score) if score is not None and usable else old)
        reasons.append(f"{why}, {found.truths if place == 'this range' else whole.truths} objects in {place}")
    return scores, reasons


def thresholds_of(advice: Sequence[Advice]) -> dict[str, dict[str, float]]:
    """Model -> class -> the suggested threshold, of the classes that have one."""
    wanted: dict[str, dict[str, float]] = {}
    for one in advice:
        if one.suggested is not None:
            wanted.setdefault(one.model, {})[one.name] = one.suggested
    return wanted


Thresholds = Mapping[str, Mapping[str, float]]
