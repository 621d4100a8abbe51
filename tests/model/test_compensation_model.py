"""What compensates holds in every reachable state, and the exploration finds each planted mistake."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package

from compensation_model import SIZE, CompensationModel, Slip
from ledger_model import Mistake

if TYPE_CHECKING:
    from enum import StrEnum

    from ledger_model import Size

KEYED = SIZE._replace(keyed_undo=True)
UNKEYED = SIZE._replace(records=1)
REJECTING = SIZE._replace(records=1, rejects=True)
NOT_MATCHED = "the committed offset passed a record without its output or effect"


@pytest.mark.parametrize(
    "size", [KEYED, UNKEYED, REJECTING], ids=["undo with a key", "undo without a key", "records may be rejected"]
)
def test_the_protocol_holds_in_every_reachable_state(size: Size) -> None:
    verdict = CompensationModel(size).explore()
    assert verdict.violation is None, "\n".join(verdict.trace)
    assert verdict.states > 10_000, "a model that hardly moves proves nothing"


@pytest.mark.parametrize(
    ("mistake", "size", "violation"),
    [
        (Slip.UNDO_UNPROVED, UNKEYED, NOT_MATCHED),
        (Slip.LIST_LATE, UNKEYED, NOT_MATCHED),
        (Slip.UNDO_REPEATED, UNKEYED, "undone twice"),
        (Slip.SAME_ATTEMPT, KEYED, NOT_MATCHED),
        (Slip.LATE_DO, UNKEYED, "effect twice"),
        (Slip.NO_TOKEN, REJECTING, NOT_MATCHED),
        (Mistake.UNSTABLE, UNKEYED, NOT_MATCHED),
        (Mistake.NO_GENERATION, UNKEYED, NOT_MATCHED),
    ],
)
def test_a_planted_mistake_is_found(mistake: StrEnum, size: Size, violation: str) -> None:
    assert CompensationModel(size, frozenset({mistake})).explore().violation == violation


def test_every_slip_is_planted_somewhere() -> None:
    planted = {case[0] for mark in test_a_planted_mistake_is_found.pytestmark for case in mark.args[1]}  # type: ignore[attr-defined]
    assert planted >= set(Slip)
