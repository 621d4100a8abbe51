"""The soak, for CI: a minute of faults holds (`make soak` throws others), and a planted mistake is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soak.checks import Checker, Kind, Seen
from soak.event import POISON
from soak.soak import HELD, VIOLATED, Plan, Soak

if TYPE_CHECKING:
    from pathlib import Path

    from oncewhere.stack.kafka_cluster import KafkaCluster

SECONDS = 60.0
SEED = 20261124
BUG_LIMIT_S = 60.0  # a run with a mistake in it ends at the first violation


@pytest.mark.servers
@pytest.mark.timeout(400)
def test_nothing_is_lost_doubled_or_read_too_early_whatever_is_killed_or_stopped(
    kafka3: KafkaCluster, tmp_path: Path
) -> None:
    plan = Plan(SECONDS, SEED, brokers=3, name="soak-ci")
    result = Soak(plan, kafka3, tmp_path).run()
    told = (plan.replay, result.violations, result.unknown, result.figures)
    assert result.code == HELD, told
    assert result.figures["records"] == result.figures["sent"], told
    assert result.figures["recoveries"], told


@pytest.mark.servers
def test_a_mistake_that_only_a_kill_shows_is_found(kafka3: KafkaCluster, tmp_path: Path) -> None:
    plan = Plan(BUG_LIMIT_S, 7, brokers=3, bug="at-least-once", name="soak-bug")
    result = Soak(plan, kafka3, tmp_path).run()
    assert result.code == VIOLATED, (result.violations, result.unknown, result.figures)
    assert any(sentence.startswith(Kind.DUPLICATE) for sentence in result.violations), result.violations


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([0, 1, 1, 2], Kind.DUPLICATE),
        ([0, 2], Kind.LOST),
        ([0, 1], Kind.LOST),
        ([0, 2, 1], Kind.REORDERED),
        ([0, 1, 2, 3], Kind.INVENTED),
    ],
)
def test_each_violation_has_its_name(numbers: list[int], kind: Kind) -> None:
    checker = Checker(frozenset({"k"}), POISON)
    for position, number in enumerate(numbers):
        checker.see(Seen("k", number, f"output[0]@{position}"))
    checker.end({"k": 3}, complete=True)
    assert {name for name, count in checker.counts.items() if count} == {kind}


def test_a_duplicate_names_who_made_the_first_copy() -> None:
    checker = Checker(frozenset({"k"}), POISON)
    for number, position in ((0, "output[0]@0"), (1, "output[0]@1"), (0, "output[0]@3")):
        checker.see(Seen("k", number, position, origin=f"life 2, call {number}"))
    (violation,) = checker.violations()
    assert violation.said.endswith("came again at output[0]@3, behind 1; first by life 2, call 0 at output[0]@0")


def test_a_record_of_an_aborted_transaction_is_an_aborted_read() -> None:
    checker = Checker(frozenset({"k"}), POISON)
    checker.see(Seen(POISON, 0, "output[0]@0"))
    assert checker.counts[Kind.ABORTED_READ] == 1
    assert not checker.is_clean
