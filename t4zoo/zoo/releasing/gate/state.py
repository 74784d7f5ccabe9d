"""Is what git and DVC see the very state that would be released?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from t4zoo.zoo import git
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.refusal import Refusal, some


def check_git(candidate: Candidate) -> list[Refusal]:
    """The working tree is the commit, and the tag is free or already on it."""
    refusals = []
    if changed := git.changes(candidate.root):
        names = some([line[3:] for line in changed])
        refusals.append(Refusal("git", f"{names} not as in the last commit", "commit, or put it aside"))
    if not git.knows_the_user(candidate.root):
        refusals.append(Refusal("git", git.NO_IDENTITY, git.IDENTITY_CURE))  # the tag comes last, and would fail
    tag = git.tag(candidate.root, candidate.name.tag)
    if tag is not None and tag.commit != candidate.commit.id:
        what = f"is on commit {tag.commit[:10]}, and this is {candidate.commit.id[:10]}"
        refusals.append(Refusal(f"tag {tag.name}", what, "a version never moves: release the next one"))
    return refusals


def check_lock(candidate: Candidate) -> list[Refusal]:
    """dvc.lock names all that the version is made of."""
    refusals = [
        Refusal("dvc.lock", f"has nothing in {folder}", "`dvc repro` and commit")
        for folder in candidate.required
        if not candidate.lock.below(folder)
    ]
    for out in candidate.outs():
        if out.md5 is None:
            what = f"{out.path} has lost its md5 (`files: []`: a push to another kind of remote failed)"
            refusals.append(Refusal("dvc.lock", what, "bring back the dvc.lock of an earlier commit"))
    return refusals + _check_links(candidate)


def _check_links(candidate: Candidate) -> list[Refusal]:
    """Each stage read what the stage before it made. Where nothing is checked out, `dvc status` cannot see that."""
    made = {out.path: out for out in candidate.lock.outs}
    cure = "`dvc repro` and commit"
    return [
        Refusal("dvc.lock", f"{stage} read another {dep.path} than {made[dep.path].stage} made", cure)
        for stage in sorted(candidate.stages())
        for dep in candidate.lock.deps.get(stage, ())
        if dep.path in made and made[dep.path].md5 != dep.md5
    ]


def check_workspace(candidate: Candidate) -> list[Refusal]:
    """DVC sees nothing changed in the stages that the version comes from. What is merely absent contradicts nothing."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    result = subprocess.run(command, cwd=candidate.root, capture_output=True, text=True)  # noqa: S603
    try:
        status: dict[str, Any] = json.loads(result.stdout)
    except ValueError:
        words = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
        words += [line.strip() for line in result.stderr.splitlines() if line.strip()]  # of a broken dvc.yaml: no ERROR
        return [Refusal("dvc status", (words or ["no answer"])[0], "`dvc status` must work before a release")]
    stages = candidate.stages()
    refusals = []
    for stage, reasons in sorted(status.items()):
        changed = sorted({name for reason in reasons for name in _changed(reason, candidate.root)})
        if changed and stage in stages:
            what = f"{stage} is not in step: {some(changed)} changed"
            refusals.append(Refusal("dvc.lock", what, "`dvc repro`, then commit and `dvc push`"))
    return refusals


def _changed(reason: object, root: Path) -> list[str]:
    if isinstance(reason, str):
        return [reason]  # "changed command", "always changed"
    assert isinstance(reason, dict)  # noqa: S101  (the two shapes that DVC prints)
    items = [(name, state) for group in reason.values() for name, state in group.items()]
    # DVC says "not in cache" before it looks at the workspace, where the file may still be, and be another.
    return [name for name, state in items if state != "deleted" and (state != "not in cache" or (root / name).exists())]
