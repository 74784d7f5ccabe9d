"""What every matrix of faults must show."""

from __future__ import annotations

from collections.abc import Callable

from tests.zoo.faults.look import FINISHED, TOLD
from tests.zoo.faults.matrix import Matrix
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
