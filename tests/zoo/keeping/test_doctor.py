"""`t4zoo doctor` finds each fault that is planted, calls it by its name, and finds nothing else."""

from __future__ import annotations

from tests.zoo.keeping.ward import Ward


def test_a_healthy_zoo_has_no_findings(ill: Ward) -> None:
    assert ill.found() == []
    assert ill.found(deep=True) == []
    assert ill.fix() == []
