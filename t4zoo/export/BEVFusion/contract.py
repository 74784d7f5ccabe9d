"""Everything that Autoware's BEVFusion node demands of the bundle of a model that sees lidar alone."""

from __future__ import annotations

from pathlib import Path

from t4zoo.export.BEVFusion.parameter_rules import check_parameters
from t4zoo.export.BEVFusion.tensor_rules import check_tensors
from t4zoo.export.finding import Finding


def check(folder: Path) -> list[Finding]:
    """Every finding in the two files.

    The network is looked at only once the parameters are sound, for it is measured against them.
    """
    findings, parameters = check_parameters(folder)
    return findings + (check_tensors(folder, parameters) if parameters is not None else [])
