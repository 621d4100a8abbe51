"""How a duplicate is told: what was published twice is not called redelivered, and what came again is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from made_run import INPUT, OUTPUT, Told

from oncewhere.drill import Verdict, findings, take_testimony
from oncewhere.drill.checks import InputSeen, OutputSeen, PlaceSeen, ProgressSeen
from oncewhere.drill.testimony import TrialSubject, write_ended, write_found, write_inputs, write_subject

FIRST = 6
"""Events e0, e1 … stand at these offsets; those that are published again stand behind them."""


def chain(
    counts: Mapping[str, int], *, again: int = 0, lives: int = 1, before: str = "", plan: str = "upstream-duplicate"
) -> tuple[str, ...]:
    """What is told of a trial in which the first `again` events were published again, and each happened so often."""
    told = Told()
    subject = TrialSubject(
        version="v", plan=plan, point=None, name=None, noun="payments", input_topic=INPUT, group="g", judged=(OUTPUT,)
    )
    write_subject(told, subject)  # type: ignore[arg-type]  # it takes the same calls
    names = [*(f"e{n}" for n in range(FIRST)), *(f"e{n}" for n in range(again))]
    inputs = [InputSeen(identity=name, partition=0, offset=n) for n, name in enumerate(names)]
    write_inputs(told, inputs)  # type: ignore[arg-type]  # likewise
    for life in range(1, lives + 1):
        if life > 1 and before:
            told.happened(before)
        told.life(life, 0)
        told.batch(life, 1, 0, FIRST)
    told.happened("complete")
    total = len(inputs)
    write_ended(told, ProgressSeen(committed=total, total=total), [], reached=True)  # type: ignore[arg-type]  # likewise
    done = [f"e{n}" for n in range(FIRST) for _ in range(counts.get(f"e{n}", 1))]
    records = tuple(OutputSeen(identity=name, partition=0, offset=n) for n, name in enumerate(done))
    write_found(told, [PlaceSeen(place=OUTPUT, system="kafka", counts={}, records=records)])  # type: ignore[arg-type]  # likewise
    (finding,) = findings(take_testimony(told.events))
    assert finding.verdict is Verdict.DUPLICATE
    return finding.chain


def test_what_was_published_twice_is_told_with_its_positions_and_not_as_redelivered() -> None:
    pairs = ", ".join(f"e{n} at {INPUT}-0 @ {n} and @ {FIRST + n}" for n in range(3))
    assert chain({f"e{n}": 2 for n in range(5)}, again=5) == (
        "nobody was killed or held; this was upstream-duplicate",
        f"5 events were published twice upstream, each at two positions: {pairs} and 2 more",
        "so nothing was redelivered: the second was processed as a new event",
        f"so 5 payments happened twice at {OUTPUT}, and once was wanted",
    )


def test_a_restart_is_not_blamed_where_nothing_that_was_published_once_happened_twice() -> None:
    said = chain({"e0": 2}, again=1, lives=2)
    assert f"1 event was published twice upstream, each at two positions: e0 at {INPUT}-0 @ 0 and @ 6" in said
    assert "and no event that was published once happened twice: the second was processed as a new event" in said
    assert not any("redelivered" in sentence or "did it again" in sentence for sentence in said)


def test_where_a_restart_doubled_others_too_the_history_does_not_say_which_it_was() -> None:
    said = chain({"e0": 2, "e4": 2}, again=1, lives=2)
    assert "so the second was processed as a new event, or the first came again: the history does not say which" in said
    assert f"so {INPUT}-0 @ 4 was redelivered" in said
    assert any("the next life produced it again" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("plan", "lives", "before", "redelivered"),
    [
        ("clean", 1, "", False),
        ("topic-recreated", 2, "recreated", False),
        ("dedupe-window", 2, "rewound", True),
        ("kafka.EndTxn.1.1.before", 2, "", True),
    ],
)
def test_redelivered_is_only_said_where_something_made_kafka_hand_it_out_again(
    plan: str, lives: int, before: str, *, redelivered: bool
) -> None:
    said = chain({"e2": 2}, lives=lives, before=before, plan=plan)
    assert (f"so {INPUT}-0 @ 2 was redelivered" in said) is redelivered
    assert (f"nothing shows that {INPUT}-0 @ 2 was redelivered" in said) is not redelivered
