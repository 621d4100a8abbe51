from __future__ import annotations

import pytest

from oncewhere.drill.checks import PlaceSeen, ProgressSeen, judge
from oncewhere.drill.verdict import Verdict, worst

INPUTS = ["a", "b", "c"]
DONE = ProgressSeen(committed=3, total=3)
HALF = ProgressSeen(committed=2, total=3, why="the offset of in-0 is pending in an open transaction")


def seen(counts: dict[str, int], **more: object) -> PlaceSeen:
    return PlaceSeen(place="bank", system="postgresql", counts=counts, **more)


@pytest.mark.parametrize(
    ("counts", "more", "progress", "verdict", "check"),
    [
        ({"a": 1, "b": 1, "c": 1}, {}, DONE, Verdict.ONCE, 6),
        ({"a": 1, "b": 2, "c": 1}, {}, DONE, Verdict.DUPLICATE, 3),
        ({"a": 1, "c": 1}, {}, DONE, Verdict.LOST, 5),
        ({"a": 1, "b": 0, "c": 1}, {}, DONE, Verdict.LOST, 5),
        ({}, {}, DONE, Verdict.LOST, 5),
        ({"a": 1, "b": 1}, {}, HALF, Verdict.STUCK, 4),
        ({"a": 1, "b": 1, "c": 1}, {}, HALF, Verdict.STUCK, 4),
        ({"a": 2, "b": 1}, {}, HALF, Verdict.DUPLICATE, 3),
        ({"a": 1, "b": 1, "c": 1}, {"hidden": "the LSO is behind"}, DONE, Verdict.UNKNOWN, 1),
        ({"a": 1}, {"hidden": "the LSO is behind"}, DONE, Verdict.UNKNOWN, 1),
        ({"a": 2}, {"hidden": "the LSO is behind"}, DONE, Verdict.DUPLICATE, 3),
        ({"a": 1, "b": 1, "c": 1}, {"unidentified": 1}, DONE, Verdict.UNKNOWN, 2),
        ({"a": 1, "b": 1, "c": 1, "z": 1}, {}, DONE, Verdict.UNKNOWN, 2),
        ({"a": 1, "c": 1, "z": 1}, {}, DONE, Verdict.UNKNOWN, 2),
    ],
)
def test_every_verdict_is_reached_by_the_evidence_that_proves_it(
    counts: dict[str, int], more: dict[str, object], progress: ProgressSeen, verdict: Verdict, check: int
) -> None:
    finding = judge(INPUTS, seen(counts, **more), progress)
    assert (finding.verdict, finding.check) == (verdict, check)
    assert finding.sentence


def test_the_cases_above_reach_every_verdict_there_is() -> None:
    cases = test_every_verdict_is_reached_by_the_evidence_that_proves_it.pytestmark[0].args[1]
    assert {case[3] for case in cases} == set(Verdict)


def test_a_drill_without_input_proves_nothing() -> None:
    assert judge([], seen({}), ProgressSeen(committed=0, total=0)).verdict is Verdict.UNKNOWN


def test_nothing_judged_is_nothing_held() -> None:
    assert worst([]) is Verdict.UNKNOWN


def test_the_worst_verdict_stands_for_a_row() -> None:
    assert worst([Verdict.ONCE, Verdict.UNKNOWN]) is Verdict.UNKNOWN
    assert worst([Verdict.UNKNOWN, Verdict.DUPLICATE, Verdict.ONCE]) is Verdict.DUPLICATE
    assert worst([Verdict.ONCE, Verdict.ONCE]) is Verdict.ONCE


def test_a_finding_shows_some_examples_and_counts_all() -> None:
    inputs = [str(n) for n in range(20)]
    finding = judge(inputs, seen(dict.fromkeys(inputs, 2)), ProgressSeen(committed=20, total=20))
    assert finding.duplicates == 20
    assert finding.examples == ("0", "1", "2", "3", "4")


def test_only_once_is_a_pass() -> None:
    assert [v for v in Verdict if not v.violated and v is not Verdict.UNKNOWN] == [Verdict.ONCE]
    assert all(v.meaning for v in Verdict)
