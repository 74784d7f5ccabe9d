"""Which files make the version, and is one there for every role that its readers rely on?"""

from __future__ import annotations

from t4zoo.zoo.manifest import AUTO_LABEL_ROLES, INFO_ROLES, RESERVED, ROLES, role_of
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.lock import TrackedFile, expand
from t4zoo.zoo.releasing.objects import ObjectError, Objects
from t4zoo.zoo.releasing.refusal import Refusal, some
from t4zoo.zoo.version import AutoLabelSet, InfoVersion

_TRAINED = ("checkpoint", "config", "train_log")


def find_files(candidate: Candidate, objects: Objects) -> tuple[dict[str, TrackedFile], list[Refusal]]:
    """The files of the version by their path in it: the workspace's folders emptied into one."""
    files: dict[str, TrackedFile] = {}
    refusals = []
    for out in candidate.outs():
        try:
            tracked = expand(out, objects.read)
        except ObjectError as error:
            refusals.append(Refusal(out.path, str(error), "`dvc push`"))
            continue
        for file in tracked:
            path = candidate.path_of(file.path)
            if path in files or path.split("/")[0] in RESERVED:
                other = files[path].path if path in files else "the zoo's own"
                refusals.append(Refusal(file.path, f"would lie where {other} lies", "give it another name"))
            files[path] = file
    return files, refusals


def check_roles(candidate: Candidate, paths: list[str]) -> list[Refusal]:
    """Every required role has a file, and a model has one checkpoint, so that nobody has to guess."""
    roles = [role_of(path, candidate.name) for path in paths]
    refusals = [
        Refusal(candidate.home, f"has no file of the role {role}", f"let its stages write {_names_of(role, candidate)}")
        for role in _required(candidate)
        if role not in roles
    ]
    checkpoints = [path for path, role in zip(paths, roles, strict=True) if role == "checkpoint"]
    if len(checkpoints) > 1:
        refusals.append(Refusal(candidate.home, f"has several checkpoints: {some(checkpoints)}", "let train keep one"))
    return refusals


def _required(candidate: Candidate) -> tuple[str, ...]:
    if isinstance(candidate.name, InfoVersion):
        return ("info", "statistics")
    if isinstance(candidate.name, AutoLabelSet):
        return ("label", "dataset_list", "log")
    # What is only ever a parent is loaded by no node.
    return _TRAINED if candidate.kind in ("public", "pretrain") else (*_TRAINED, "onnx", "ros_param")


def _names_of(role: str, candidate: Candidate) -> str:
    return " or ".join(pattern for pattern, itself in (*ROLES, *INFO_ROLES, *AUTO_LABEL_ROLES) if itself == role)
