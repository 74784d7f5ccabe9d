"""What a release must be before anything is written: each check returns its refusals, and none stops at the first."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from t4zoo.zoo import git
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, ROLES, role_of
from t4zoo.zoo.releasing.candidate import PARTS, Candidate
from t4zoo.zoo.releasing.lock import TrackedFile, expand
from t4zoo.zoo.releasing.objects import MissingObjectError, ObjectError, Objects, Stored
from t4zoo.zoo.releasing.refusal import Refusal

REQUIRED = ("checkpoint", "config", "train_log", "onnx", "ros_param")
THREADS = 8
_SHOWN = 5  # names in one refusal; the rest are counted


def check_git(candidate: Candidate) -> list[Refusal]:
    """The working tree is the commit, and the tag is free or already on it."""
    refusals = []
    if changed := git.changes(candidate.root):
        names = _some([line[3:] for line in changed])
        refusals.append(Refusal("git", f"{names} not as in the last commit", "commit, or put it aside"))
    if not git.knows_the_user(candidate.root):
        refusals.append(Refusal("git", git.NO_IDENTITY, git.IDENTITY_CURE))  # the tag comes last, and would fail
    tag = git.tag(candidate.root, str(candidate.name))
    if tag is not None and tag.commit != candidate.commit.id:
        what = f"is on commit {tag.commit[:10]}, and this is {candidate.commit.id[:10]}"
        refusals.append(Refusal(f"tag {tag.name}", what, "a version never moves: release the next one"))
    return refusals


def check_lock(candidate: Candidate) -> list[Refusal]:
    """dvc.lock names what train, evaluate and export made."""
    refusals = []
    for part in PARTS:
        outs = candidate.outs(part)
        if part == "evaluate" and candidate.name.version.release:
            continue  # trained on its own test scenes: it has no score to show
        if not outs:
            refusals.append(Refusal("dvc.lock", f"has nothing in {candidate.folder(part)}", "`dvc repro` and commit"))
    for out in (out for part in PARTS for out in candidate.outs(part)):
        if out.md5 is None:
            what = f"{out.path} has lost its md5 (`files: []`: a push to another kind of remote failed)"
            refusals.append(Refusal("dvc.lock", what, "bring back the dvc.lock of an earlier commit"))
    return refusals


def check_workspace(candidate: Candidate) -> list[Refusal]:
    """DVC sees nothing changed in the stages that the model comes from. What is merely absent contradicts nothing."""
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
            what = f"{stage} is not in step: {_some(changed)} changed"
            refusals.append(Refusal("dvc.lock", what, "`dvc repro`, then commit and `dvc push`"))
    return refusals


def _changed(reason: object, root: Path) -> list[str]:
    if isinstance(reason, str):
        return [reason]  # "changed command", "always changed"
    assert isinstance(reason, dict)  # noqa: S101  (the two shapes that DVC prints)
    items = [(name, state) for group in reason.values() for name, state in group.items()]
    # DVC says "not in cache" before it looks at the workspace, where the file may still be, and be another.
    return [name for name, state in items if state != "deleted" and (state != "not in cache" or (root / name).exists())]


def find_files(candidate: Candidate, objects: Objects) -> tuple[dict[str, TrackedFile], list[Refusal]]:
    """The files of the version by their path in it: each stage's folder emptied into one."""
    files: dict[str, TrackedFile] = {}
    refusals = []
    for part in PARTS:
        if part == "evaluate" and candidate.name.version.release:
            continue
        for out in candidate.outs(part):
            try:
                tracked = expand(out, objects.read)
            except ObjectError as error:
                refusals.append(Refusal(out.path, str(error), "`dvc push`"))
                continue
            for file in tracked:
                path = file.path.removeprefix(f"{candidate.folder(part)}/")
                if path in files or path.split("/")[0] in (FILE_NAME, CLAIM_NAME):
                    other = files[path].path if path in files else "the zoo's own"
                    refusals.append(Refusal(file.path, f"would lie where {other} lies", "give it another name"))
                files[path] = file
    return files, refusals


def check_roles(candidate: Candidate, paths: list[str]) -> list[Refusal]:
    """Every required role has a file, and there is one checkpoint, so that nobody has to guess."""
    roles = [role_of(path) for path in paths]
    where = f"models/{candidate.name.algorithm}/{candidate.name.model}"
    refusals = [
        Refusal(where, f"has no file of the role {role}", f"let train or export write {_names_of(role)}")
        for role in REQUIRED
        if role not in roles
    ]
    checkpoints = [path for path in paths if role_of(path) == "checkpoint"]
    if len(checkpoints) > 1:
        refusals.append(Refusal(where, f"has several checkpoints: {_some(checkpoints)}", "let train keep one"))
    return refusals


def _names_of(role: str) -> str:
    return " or ".join(pattern for pattern, itself in ROLES if itself == role)


def check_store(
    files: dict[str, TrackedFile], objects: Objects, done: Callable[[str], None]
) -> tuple[dict[str, Stored], list[Refusal]]:
    """Every object is in the store, whole. Returns what is there by md5; `done` hears of each file."""
    missing: dict[str | None, list[str]] = defaultdict(list)
    refusals: list[Refusal] = []
    stored: dict[str, Stored] = {}
    by_md5 = {file.md5: (path, file) for path, file in sorted(files.items(), reverse=True)}

    def check(md5: str) -> Stored | ObjectError:
        try:
            return objects.check(md5)
        except ObjectError as error:
            return error
        finally:
            done(by_md5[md5][0])

    with ThreadPoolExecutor(THREADS) as pool:
        answers = dict(zip(by_md5, pool.map(check, by_md5), strict=True))
    for md5, (path, file) in sorted(by_md5.items(), key=lambda item: item[1][0]):
        answer = answers[md5]
        if isinstance(answer, MissingObjectError):
            missing[file.folder].append(path)
        elif isinstance(answer, ObjectError):
            refusals.append(Refusal(path, str(answer), f"remove {_names(objects, md5, file.folder)}, then `dvc push`"))
        else:
            stored[md5] = answer
    cures: dict[str, list[str]] = defaultdict(list)
    for folder, paths in missing.items():
        cures[_how_to_push(objects, folder)] += paths
    refusals += [Refusal("store", f"lacks {_some(sorted(paths))}", cure) for cure, paths in sorted(cures.items())]
    return stored, refusals


def _how_to_push(objects: Objects, folder: str | None) -> str:
    if folder is not None and _is_there(objects, folder):
        # DVC takes a folder whose list is there for pushed, and would answer that everything is up to date.
        return f"remove {objects.url(folder)}, then `dvc push`"
    return "`dvc push`"


def _is_there(objects: Objects, md5: str) -> bool:
    with objects.store.open(f"files/md5/{md5[:2]}/{md5[2:]}") as body:
        return body is not None


def _names(objects: Objects, md5: str, folder: str | None) -> str:
    return " and ".join(objects.url(name) for name in (md5, folder) if name)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
