"""No fault of the network, and no kill, at any request of a release leaves anything partial or wrong."""

from __future__ import annotations

from tests.zoo.faults.expect import Record, check
from tests.zoo.faults.killing import MOMENTS
from tests.zoo.faults.look import NOTHING, WHOLE
from tests.zoo.faults.matrix import release_matrix
from tests.zoo.faults.tiny import Place


def test_a_release_survives_every_fault_and_kill_at_every_request(place: Place, record_property: Record) -> None:
    matrix = release_matrix(place)
    before = [
        "check",
        "check",
        "check",
        "index?",
        "claim",
        "claim",
        "copy",
        "copy",
        "upload",
        "part",
        "complete",
        "list",
    ]
    check(matrix, [*before, "manifest", "index", "uploads?"], record_property)
    lost, acted = MOMENTS.values()
    for cell in matrix.cells:
        if cell.fault in (lost, acted):
            is_visible = cell.step.word in ("index", "uploads?") or (cell.step.word, cell.fault) == ("manifest", acted)
            assert cell.outcome == (WHOLE if is_visible else NOTHING), cell
