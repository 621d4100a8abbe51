"""The runtime keeps its promises whatever faults do to it, and the exploration finds each planted mistake."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package

from engine_model import TRICKLE_MS, explore
from engine_world import Size
from planted_mistakes import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMING = Size(effects=False)
EFFECTS = Size(effects=True)
TRICKLE = Size(trickle=True, interval_ms=TRICKLE_MS)
TWO_FAULTS_INPUTS = (3, 2) if os.environ.get("MODEL") == "full" else (2, 1)
"""Records of each partition. The fewer make half as many runs, and batches that overlap all the same."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable()  # ten thousand processors fail here, as they should
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("effects", [False, True], ids=["kafka only", "with effects"])
@pytest.mark.parametrize("cooperative", [False, True], ids=["eager", "cooperative"])
def test_nothing_is_lost_or_done_twice_whatever_one_fault_does(*, effects: bool, cooperative: bool) -> None:
    verdict = explore(Size(effects=effects, cooperative=cooperative, faults=1))
    assert verdict.violation is None, "\n".join(verdict.trace)
    assert verdict.runs > 150, "a model in which little can happen proves little"


@pytest.mark.parametrize("effects", [False, True], ids=["kafka only", "with effects"])
@pytest.mark.parametrize("cooperative", [False, True], ids=["eager", "cooperative"])
def test_nothing_is_lost_or_done_twice_where_records_come_one_by_one(*, effects: bool, cooperative: bool) -> None:
    verdict = explore(replace(TRICKLE, effects=effects, cooperative=cooperative))
    assert verdict.violation is None, "\n".join(verdict.trace)
    assert verdict.runs > 150
    verdict = explore(replace(TRICKLE, effects=effects, cooperative=cooperative, throws=1_000), seed=20261126)
    assert verdict.violation is None, "\n".join(verdict.trace)


def test_handlers_wait_for_the_commit_before_where_a_batch_has_a_limit() -> None:
    verdict = explore(Size(ahead=False, faults=1))
    assert verdict.violation is None, "\n".join(verdict.trace)
    assert verdict.runs > 100


@pytest.mark.parametrize("effects", [False, True], ids=["kafka only", "with effects"])
def test_nothing_is_lost_or_done_twice_whatever_two_faults_do(*, effects: bool) -> None:
    verdict = explore(Size(effects=effects, faults=2, inputs=TWO_FAULTS_INPUTS))
    assert verdict.violation is None, "\n".join(verdict.trace)
    assert verdict.runs > 5_000


@pytest.mark.parametrize("effects", [False, True], ids=["kafka only", "with effects"])
@pytest.mark.parametrize("cooperative", [False, True], ids=["eager", "cooperative"])
def test_nothing_is_lost_or_done_twice_when_many_things_go_wrong(*, effects: bool, cooperative: bool) -> None:
    verdict = explore(Size(effects=effects, cooperative=cooperative, throws=1_000, inputs=(4, 4)), seed=20261124)
    assert verdict.violation is None, "\n".join(verdict.trace)


@pytest.mark.parametrize(
    ("mistake", "size", "violation"),
    [
        (Mistake.NO_REWIND, STREAMING, "StuckError|output lost"),
        (Mistake.REUSE_PRODUCER, STREAMING, "output without its offset|output lost"),
        (Mistake.NO_GENERATION, STREAMING, "output twice|went back"),
        (Mistake.UNSTABLE, STREAMING, "output twice|went back"),
        (Mistake.KEEP_GROWING, STREAMING, "outside a handler|in state|output without its offset"),
        (Mistake.KEEP_LEFTOVER, Size(throws=20_000, inputs=(10, 5), batch=10), "output"),  # it takes three faults
        (Mistake.READ_AHEAD_OF_REVOKE, STREAMING, "output twice"),
        (Mistake.LATE_POSITIONS, STREAMING, "output lost"),
        (Mistake.DRAIN_WHAT_FAILED, EFFECTS, "effect twice|effects {"),
        (Mistake.HANDLE_BEFORE_REWIND, EFFECTS, "ConfigurationError"),
        (Mistake.PASS_OVER, replace(TRICKLE, effects=True), "output lost"),
        (Mistake.NO_CAS, EFFECTS, "effect twice"),
        (Mistake.COUNT_IN_HAND, TRICKLE, "output lost"),
        (
            Mistake.FINISH_WHAT_IS_LOST,
            replace(TRICKLE, throws=5_000),
            "output twice|output without its offset",
        ),  # two faults in one `take`
        (Mistake.TRUST_THE_CONSUMER, STREAMING, "output twice|output without its offset"),
        (Mistake.SEEK_WHAT_HALTED, STREAMING, "StuckError"),
    ],
)
def test_a_planted_mistake_is_found(mistake: Mistake, size: Size, violation: str) -> None:
    # Where a consumer goes back by itself, that would be found first: the net that catches it is gone.
    size = replace(size, faults=2, steady=mistake not in {Mistake.TRUST_THE_CONSUMER, Mistake.SEEK_WHAT_HALTED})
    found = explore(size, {mistake}, seed=9).violation
    assert found is not None
    assert any(word in found for word in violation.split("|")), found


def test_every_mistake_is_planted_somewhere() -> None:
    planted = {case[0] for mark in test_a_planted_mistake_is_found.pytestmark for case in mark.args[1]}  # type: ignore[attr-defined]
    assert planted == set(Mistake)
