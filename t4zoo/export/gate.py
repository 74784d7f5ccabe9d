"""Would Autoware's node start with this bundle? Every reason why not, at once."""

from __future__ import annotations

from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.export import by_algorithm
from t4zoo.export.finding import Finding
from t4zoo.export.model_version import check_version


class BundleError(T4zooError):
    """A bundle that the node would refuse, or run wrongly; one line a finding."""


def check_bundle(algorithm: str, folder: Path, version: str | None = None) -> list[Finding]:
    """Every finding in a bundle; empty when the algorithm's node would start and read the networks rightly.

    version: vX.Y.Z under which it is to be released; no network may say that it is another.
    Raises UsageError for an algorithm whose node is not known.
    """
    files = by_algorithm.parameters(algorithm)
    names: frozenset[str] = files.BUNDLE_FILES
    findings: list[Finding] = by_algorithm.contract(algorithm).check(folder)
    if version is not None:
        for name in files.ONNX_FILES.values():
            findings += check_version(folder / name, version)
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in names) if folder.is_dir() else []
    cure = f"remove it; a bundle of {algorithm} has {', '.join(sorted(names))}"
    return [*findings, *(Finding(name, "file", "is no part of the bundle", cure) for name in strangers)]


def require_sound(algorithm: str, folder: Path) -> None:
    """Raise BundleError with every finding of `check_bundle`."""
    findings = check_bundle(algorithm, folder)
    if findings:
        lines = "".join(f"\n  {finding}" for finding in findings)
        raise BundleError(f"{folder}: Autoware's node would not take this bundle:{lines}")
