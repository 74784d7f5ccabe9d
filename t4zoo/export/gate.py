"""Would Autoware's CenterPoint node (v4.1) start with this bundle? Every reason why not, at once."""

from __future__ import annotations

from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.export.autoware import BUNDLE_FILES
from t4zoo.export.finding import Finding
from t4zoo.export.parameter_rules import check_package, check_remapper
from t4zoo.export.tensor_rules import check_tensors


class BundleError(T4zooError):
    """A bundle that the node would refuse, or run wrongly; one line a finding."""


def check_bundle(folder: Path) -> list[Finding]:
    """Every finding in the four files of a bundle; empty when the node would start and read the networks rightly.

    The networks are looked at only once the parameters are sound, for they are measured against them.
    """
    findings, model = check_package(folder)
    findings += check_remapper(folder)
    findings += check_tensors(folder, model) if model is not None else []
    return [*findings, *_strangers(folder)]


def require_sound(folder: Path) -> None:
    """Raise BundleError with every finding of `check_bundle`."""
    findings = check_bundle(folder)
    if findings:
        lines = "".join(f"\n  {finding}" for finding in findings)
        raise BundleError(f"{folder}: Autoware's node would not take this bundle:{lines}")


def _strangers(folder: Path) -> list[Finding]:
    names = sorted(path.name for path in folder.iterdir() if path.name not in BUNDLE_FILES) if folder.is_dir() else []
    return [Finding(name, "file", "is no part of a v4.1 bundle", "remove it") for name in names]
