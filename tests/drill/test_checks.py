from __future__ import annotations

from typing import Any

import pytest

from oncewhere.drill.checks import CHECKS, HELD, Evidence, InputSeen, OutputSeen, PlaceSeen, ProgressSeen, judge
from oncewhere.drill.checks.finding import EXAMPLES_SHOWN
from oncewhere.drill.identity import Identity
from oncewhere.drill.verdict import Verdict, worst

INPUTS = ["a", "b", "c"]
DONE = ProgressSeen(committed=3, total=3)
HALF = ProgressSeen(committed=2, total=3, why="the offset of in-0 is pending in an open transaction", positions={0: 2})
SLOW = ProgressSeen(committed=2, total=3, positions={0: 2}, going_on="1 in the last 5 s")
EACH = {"a": 1, "b": 1, "c": 1}
ALL = {"a": "1", "b": "2", "c": "3"}
PAIR = (("ledger", "bank"),)


def written(identities: list[str]) -> tuple[InputSeen, ...]:
    return tuple(InputSeen(identity=i, partition=0, offset=n, key="k") for n, i in enumerate(identities))


def seen(counts: dict[str, int], place: str = "bank", **more: Any) -> PlaceSeen:
    return PlaceSeen(place=place, system="postgresql", counts=counts, **more)


def judged(place: PlaceSeen, progress: ProgressSeen = DONE, inputs: list[str] = INPUTS, **more: Any):
    others = more.pop("others", ())
    return judge(Evidence(inputs=written(inputs), places=(place, *others), progress=progress, **more), place)


def outputs(*identities: str) -> tuple[OutputSeen, ...]:
    return tuple(OutputSeen(identity=i, partition=0, offset=n, key="k") for n, i in enumerate(identities))


@pytest.mark.parametrize(
    ("counts", "place", "more", "verdict", "check"),
    [
        (EACH, {}, {}, Verdict.ONCE, 6),
        ({"a": 1, "b": 2, "c": 1}, {}, {}, Verdict.DUPLICATE, 3),
        ({"a": 1, "c": 1}, {}, {}, Verdict.LOST, 5),
        ({"a": 1, "b": 0, "c": 1}, {}, {}, Verdict.LOST, 5),
        ({}, {}, {}, Verdict.LOST, 5),
        ({"a": 1, "b": 1}, {}, {"progress": HALF}, Verdict.STUCK, 4),
        (EACH, {}, {"progress": HALF}, Verdict.STUCK, 4),
        (EACH, {}, {"progress": SLOW}, Verdict.UNKNOWN, 4),
        ({"a": 1, "b": 1}, {}, {"progress": SLOW, "others": (seen(EACH, "out"),)}, Verdict.UNKNOWN, 4),
        ({"a": 2, "b": 1}, {}, {"progress": SLOW}, Verdict.DUPLICATE, 3),
        ({"a": 2, "b": 1}, {}, {"progress": HALF}, Verdict.DUPLICATE, 3),
        ({"a": 1}, {}, {"progress": HALF}, Verdict.LOST, 5),
        ({"a": 1, "b": 1}, {}, {"progress": HALF, "others": (seen(EACH, "out"),)}, Verdict.TORN, 9),
        (EACH, {"hidden": "the LSO is behind"}, {}, Verdict.UNKNOWN, 1),
        ({"a": 1}, {"hidden": "the LSO is behind"}, {}, Verdict.UNKNOWN, 1),
        ({"a": 2}, {"hidden": "the LSO is behind"}, {}, Verdict.DUPLICATE, 3),
        (EACH, {"in_doubt": 1}, {}, Verdict.IN_DOUBT, 12),
        ({"a": 1}, {"in_doubt": 1}, {}, Verdict.IN_DOUBT, 12),
        (EACH, {"unidentified": 1}, {}, Verdict.UNKNOWN, 2),
        (EACH | {"z": 1}, {}, {}, Verdict.UNKNOWN, 2),
        ({"a": 1, "c": 1, "z": 1}, {}, {}, Verdict.UNKNOWN, 2),
        (EACH | {"z": 1}, {}, {"aborted": frozenset("z")}, Verdict.ABORTED_READ, 7),
        ({"a": 2, "b": 1, "c": 1}, {}, {"zombies": {"bank": 1}}, Verdict.ZOMBIE_WRITE, 8),
        (EACH, {}, {"zombies": {"bank": 1}}, Verdict.ONCE, 6),
        ({"a": 2, "b": 1, "c": 1}, {}, {"zombies": {"elsewhere": 1}}, Verdict.DUPLICATE, 3),
        (EACH, {"records": outputs("b", "a", "c")}, {}, Verdict.REORDERED, 11),
        (EACH, {"records": outputs("a", "b", "a", "c")}, {}, Verdict.ONCE, 6),
        (
            EACH,
            {"values": {"a": "1", "b": "9"}},
            {"others": (seen(EACH, "ledger", values={"a": "1", "b": "2"}),), "compared": (("ledger", "bank"),)},
            Verdict.DIFFERENT,
            10,
        ),
        *(
            (
                EACH,
                {"values": here},
                {"others": (seen(EACH, "ledger", values=there),), "compared": pairs},
                verdict,
                check,
            )
            for here, there, pairs, verdict, check in [
                (ALL, ALL, PAIR, Verdict.ONCE, 6),
                ({"a": "1"}, ALL, PAIR, Verdict.UNKNOWN, 13),
                ({}, ALL, PAIR, Verdict.UNKNOWN, 13),
                (ALL, {"a": "1"}, PAIR, Verdict.UNKNOWN, 13),
                ({}, {}, PAIR, Verdict.UNKNOWN, 13),
                ({"a": "1"}, {"b": "2"}, PAIR, Verdict.UNKNOWN, 13),
                ({"a": "1"}, {"a": "1"}, PAIR, Verdict.ONCE, 6),
                ({"a": "1"}, {"a": "2"}, PAIR, Verdict.DIFFERENT, 10),
                ({}, {}, (), Verdict.ONCE, 6),
            ]
        ),
    ],
)
def test_every_verdict_is_reached_by_the_evidence_that_proves_it(
    counts: dict[str, int], place: dict[str, Any], more: dict[str, Any], verdict: Verdict, check: int
) -> None:
    finding = judged(seen(counts, **place), **more)
    assert (finding.verdict, finding.check) == (verdict, check)
    assert finding.sentence


def test_what_cannot_be_compared_hides_no_wrong_order() -> None:
    here = seen(EACH, values={"a": "1"}, records=outputs("b", "a", "c"))
    finding = judged(here, others=(seen(EACH, "ledger", values=ALL),), compared=PAIR)
    assert (finding.verdict, finding.check) == (Verdict.REORDERED, 11)


def test_of_two_output_topics_the_one_without_the_compared_field_is_not_compared() -> None:
    ledger, mails = seen(EACH, "ledger", values=ALL), seen(EACH, "mails")
    pairs = {"compared": (("ledger", "bank"), ("ledger", "mails"))}
    assert judged(mails, others=(ledger, seen(EACH, values=ALL)), **pairs).verdict is Verdict.ONCE
    assert judged(mails, others=(ledger, seen(EACH)), **pairs).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('"7"', "7"), ("7", "7"), ("7.5", None), ("true", None), ("null", None), ("{}", None),
    ],
)  # fmt: skip
def test_what_an_output_says_is_compared_where_it_is_a_text_or_a_whole_number(value: str, read: str | None) -> None:
    said = Identity.parse("balance").of(None, f'{{"balance": {value}, "id": "a"}}'.encode(), ())
    assert said == read
    here = seen({"a": 1}, values={} if said is None else {"a": said})
    there = seen({"a": 1}, "ledger", values={"a": value.strip('"')})
    finding = judged(here, ProgressSeen(committed=1, total=1), ["a"], others=(there,), compared=PAIR)
    assert finding.verdict is (Verdict.UNKNOWN if read is None else Verdict.ONCE)
    if read is None:
        assert finding.sentence == "1 output has no text or whole number to compare with ledger"


def test_the_cases_above_reach_every_verdict_and_every_check_there_is() -> None:
    cases = test_every_verdict_is_reached_by_the_evidence_that_proves_it.pytestmark[0].args[1]
    assert {case[3] for case in cases} == set(Verdict)
    assert {case[4] for case in cases} == {check.number for check in CHECKS} | {HELD}


def test_numbers_are_given_once() -> None:
    numbers = [check.number for check in CHECKS]
    assert len(set(numbers)) == len(numbers)
    assert HELD not in numbers
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_drill_without_input_proves_nothing() -> None:
    finding = judged(seen({}), ProgressSeen(committed=0, total=0), inputs=[])
    assert finding.verdict is Verdict.UNKNOWN


def test_nothing_judged_is_nothing_held() -> None:
    assert worst([]) is Verdict.UNKNOWN


def test_the_worst_verdict_stands_for_a_row() -> None:
    assert worst([Verdict.ONCE, Verdict.UNKNOWN]) is Verdict.UNKNOWN
    assert worst([Verdict.UNKNOWN, Verdict.DUPLICATE, Verdict.ONCE]) is Verdict.DUPLICATE
    assert worst([Verdict.ONCE, Verdict.ONCE]) is Verdict.ONCE


def test_a_finding_shows_some_examples_and_counts_all() -> None:
    inputs = [str(n) for n in range(20)]
    finding = judged(seen(dict.fromkeys(inputs, 2)), ProgressSeen(committed=20, total=20), inputs=inputs)
    assert finding.duplicates == 20
    assert finding.examples == tuple(inputs[:EXAMPLES_SHOWN])


def test_order_is_only_promised_within_a_key_and_a_partition() -> None:
    inputs = tuple(
        InputSeen(identity=i, partition=p, offset=n, key=k)
        for n, (i, p, k) in enumerate([("a", 0, "x"), ("b", 0, "y"), ("c", 1, "x"), ("d", 0, None)])
    )
    records = tuple(
        OutputSeen(identity=i, partition=0, offset=n, key=k)
        for n, (i, k) in enumerate([("d", None), ("c", "x"), ("b", "y"), ("a", "x")])
    )
    place = PlaceSeen(place="out", system="kafka", counts=dict.fromkeys("abcd", 1), records=records)
    evidence = Evidence(inputs=inputs, places=(place,), progress=ProgressSeen(committed=4, total=4))
    assert judge(evidence, place).verdict is Verdict.ONCE


def test_what_stood_in_a_topic_that_was_made_anew_came_before_what_stands_in_it_now() -> None:
    inputs = tuple(
        InputSeen(identity=i, partition=0, offset=n, key="k", settled=settled)
        for i, n, settled in [("a", 0, True), ("b", 1, True), ("c", 0, False), ("d", 1, False)]
    )

    def verdict(*order: str) -> Verdict:
        place = seen(dict.fromkeys("abcd", 1), "out", records=outputs(*order))
        return judge(Evidence(inputs=inputs, places=(place,), progress=DONE), place).verdict

    assert verdict("a", "b", "c", "d") is Verdict.ONCE
    assert verdict("a", "c", "b", "d") is Verdict.REORDERED
    assert verdict("a", "b", "d", "c") is Verdict.REORDERED


def test_only_once_is_a_pass() -> None:
    assert [v for v in Verdict if not v.violated and not v.open] == [Verdict.ONCE]
    assert all(v.meaning for v in Verdict)
