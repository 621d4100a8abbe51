"""How effects are made once holds in every reachable state, and the exploration finds each planted mistake."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package

from ledger_model import Kind, Mistake, Model, Size

SMALL = Size(records=3, max_batch=2, places=1, crashes=1, moves=2)
TWO_PLACES = Size(records=2, max_batch=2, places=2, crashes=1, moves=2)
KEY = Size(records=2, max_batch=2, places=2, crashes=1, moves=2, kinds=(Kind.KEY, Kind.LEDGER))
CLAIM = Size(records=2, max_batch=1, places=1, crashes=1, moves=2, kinds=(Kind.CLAIM,))


@pytest.mark.parametrize(
    "size",
    [SMALL, TWO_PLACES, KEY, CLAIM],
    ids=["three records", "two places", "key and ledger", "claims"],
)
def test_the_protocol_holds_in_every_reachable_state(size: Size) -> None:
    verdict = Model(size).explore()
    assert verdict.violation is None, "\n".join(verdict.trace)
    assert verdict.states > 10_000, "a model that hardly moves proves nothing"


@pytest.mark.parametrize(
    ("mistake", "size", "violation"),
    [
        (Mistake.NO_CAS, SMALL, "effect twice"),
        (Mistake.RESULTS_NOT_MERGED, SMALL, "refused a reachable state"),
        (Mistake.NO_GENERATION, SMALL, "output twice"),
        (Mistake.UNSTABLE, SMALL, "output twice"),
        (Mistake.REUSE_PRODUCER, SMALL, "output twice"),
        (Mistake.GUESS_COMMITTED, SMALL, "the committed offset passed a record without its output or effect"),
        (Mistake.KAFKA_FIRST, TWO_PLACES, "the committed offset passed a record without its output or effect"),
        (Mistake.REFUSE_AT_ONCE, SMALL, "refused a reachable state"),
        (Mistake.FRESH_KEY, KEY, "effect twice"),
        (Mistake.SKIP_DONE, KEY, "the committed offset passed a record without its output or effect"),
        (Mistake.SKIP_DONE, CLAIM, "the committed offset passed a record without its output or effect"),
        (Mistake.REPEAT_IN_DOUBT, CLAIM, "effect twice"),
        (Mistake.SETTLE_FIRST, CLAIM, "the committed offset passed a record without its output or effect"),
        (Mistake.ZOMBIE_SETTLES, CLAIM, "the committed offset passed a record without its output or effect"),
    ],
)
def test_a_planted_mistake_is_found(mistake: Mistake, size: Size, violation: str) -> None:
    assert Model(size, frozenset({mistake})).explore().violation == violation


def test_every_mistake_is_planted_somewhere() -> None:
    planted = {case[0] for mark in test_a_planted_mistake_is_found.pytestmark for case in mark.args[1]}  # type: ignore[attr-defined]
    assert planted == set(Mistake)
