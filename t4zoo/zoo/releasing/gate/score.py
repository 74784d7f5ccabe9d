"""Does a -release carry a test score? It was trained on its test scenes, so that any score of it would be a lie."""

from __future__ import annotations

from collections.abc import Iterable

from t4zoo.zoo.manifest import role_of
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.refusal import Refusal, some
from t4zoo.zoo.version import ModelVersion

SCORES = ("metrics", "test_log")


def check_score(candidate: Candidate, paths: Iterable[str]) -> list[Refusal]:
    """No score among its files, and none in dvc.lock of this very checkpoint. That of an earlier one is left out."""
    if not isinstance(candidate.name, ModelVersion) or not candidate.name.version.release:
        return []
    refusals = []
    if scores := [path for path in paths if role_of(path) in SCORES]:
        what = f"a -release carries no test score, and this has {some(scores)}"
        refusals.append(Refusal(candidate.home, what, "let train and export write no scores"))
    trained = {(out.path, out.md5) for out in candidate.lock.below(candidate.folder("train"))}
    for stage in sorted({out.stage for out in candidate.lock.below(candidate.folder("evaluate"))}):
        if any((dep.path, dep.md5) in trained for dep in candidate.lock.deps.get(stage, ())):
            what = f"{stage} scored this very checkpoint, which was trained on its test scenes"
            cure = f"take {stage} out of dvc.lock and commit, so that nobody takes that score for one"
            refusals.append(Refusal("dvc.lock", what, cure))
    return refusals
