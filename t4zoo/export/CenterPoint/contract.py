"""Everything that Autoware's CenterPoint node (v4.1) demands of a bundle."""

from __future__ import annotations

from pathlib import Path

from t4zoo.export.CenterPoint.parameter_rules import check_package, check_remapper
from t4zoo.export.CenterPoint.tensor_rules import check_tensors
from t4zoo.export.finding import Finding


def check(folder: Path) -> list[Finding]:
    """Every finding in the four files.

    The networks are looked at only once the parameters are sound, for they are measured against them.
    """
    findings, model = check_package(folder)
    findings += check_remapper(folder)
    return findings + (check_tensors(folder, model) if model is not None else [])
