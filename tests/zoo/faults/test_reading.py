"""No fault of the network at any request of a reader leaves anything partial, or says what is not."""

from __future__ import annotations

import pytest

from tests.zoo.faults.expect import Record, check
from tests.zoo.faults.matrix import pull_matrix, verify_matrix
from tests.zoo.faults.tiny import FILES, Place


@pytest.mark.parametrize("web", [False, True])
def test_a_pull_survives_every_fault_at_every_request(place: Place, web: bool, record_property: Record) -> None:
    check(pull_matrix(place, web), ["manifest?", *["file"] * len(FILES)], record_property)


def test_a_verification_survives_every_fault_and_never_finds_what_is_not(place: Place, record_property: Record) -> None:
    check(verify_matrix(place), ["manifest?", *["file"] * len(FILES), "list", "claim?"], record_property)
