"""No fault of the network, and no kill, at any request leaves anything partial or wrong: the whole matrix."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.zoo.faults.killing import MOMENTS
from tests.zoo.faults.look import FINISHED, NOTHING, TOLD, WHOLE
from tests.zoo.faults.matrix import Matrix, pull_matrix, release_matrix, verify_matrix
from tests.zoo.faults.tiny import FILES, Place
from tests.zoo.proxy import SILENT, Fault

Record = Callable[[str, object], None]

# Whatever a client does, it cannot get past these when they last.
INSURMOUNTABLE = (Fault.ERROR, Fault.SLOW_DOWN, Fault.RESET_BEFORE, Fault.RESET_AFTER, *SILENT[:2])


def check(matrix: Matrix, steps: list[str], record: Record) -> None:
    """Every cell survived; what passes is got over; and the faults did bite."""
    record("shown", matrix.summary())
    print(matrix.table())
    assert [step.word for step in matrix.steps] == steps
    assert not matrix.lost, matrix.lost
    outcomes = {(cell.fault, cell.step): cell.outcome for cell in matrix.cells}
    for fault in Fault:
        for step in matrix.steps:
            assert outcomes[f"{fault}, lasting", step] == TOLD or fault not in INSURMOUNTABLE
            # A length that was made to match is a lie that a checksum finds out, or that cannot be told from the truth.
            assert outcomes[fault.value, step] == FINISHED or fault is Fault.BODY_SHORT, (fault, step)


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


@pytest.mark.parametrize("web", [False, True])
def test_a_pull_survives_every_fault_at_every_request(place: Place, web: bool, record_property: Record) -> None:
    check(pull_matrix(place, web), ["manifest?", *["file"] * len(FILES)], record_property)


def test_a_verification_survives_every_fault_and_never_finds_what_is_not(place: Place, record_property: Record) -> None:
    check(verify_matrix(place), ["manifest?", *["file"] * len(FILES), "list", "claim?"], record_property)
