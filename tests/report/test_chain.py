"""How a loss is told: every commit that called missing inputs done is named, with those that it called done first."""

from __future__ import annotations

import pytest
from made_run import BANK, INPUT, OUTPUT, Told
from msgspec import structs

from oncewhere.drill import Verdict, findings, take_testimony
from oncewhere.drill.checks import InputSeen, OutputSeen, PlaceSeen, ProgressSeen
from oncewhere.drill.history import Wire
from oncewhere.drill.testimony import TrialSubject, write_ended, write_found, write_inputs, write_subject

AT = {"link": "kafka#1", "life": 1, "interval": 1}
NAME = {"transactional_id": "settlement-0"}


def commit(told: Told, offsets: dict[int, int], *, ends: bool = True) -> None:
    """A transaction that holds these positions, by partition; it is committed, or its EndTxn is dropped."""
    entries = [{"topic": INPUT, "partition": partition, "offset": offset} for partition, offset in offsets.items()]
    told.sent("TxnOffsetCommit", **AT, **NAME, offsets=entries, answer={"error": "NONE"})
    told.sent("EndTxn", **AT, **NAME, committed=True, answer={"error": "NONE"} if ends else None)


def commit_late(told: Told, offsets: dict[int, int], error: str) -> None:
    """The same, but its EndTxn is held at the proxy, and answered once it is released."""
    commit(told, offsets)
    *before, asked, answer = told.events
    assert isinstance(asked, Wire)
    assert isinstance(answer, Wire)
    told.events = [*before, structs.replace(asked, outcome="held")]
    told.happened("released", link=asked.link, reached=True, given_up=True)
    told.events.append(structs.replace(answer, t=told.t, fields={"error": error}))


def chain(lost: set[tuple[int, int]], *commits: dict[int, int], late: str | None = None) -> tuple[str, ...]:
    """What is told of a trial of two partitions with ten inputs each, of which these never came to the output."""
    told = Told()
    subject = TrialSubject(
        version="skip",
        plan="clean",
        point=None,
        name=None,
        noun="payments",
        input_topic=INPUT,
        group="g",
        judged=(OUTPUT,),
    )
    write_subject(told, subject)  # type: ignore[arg-type]  # it takes the same calls
    inputs = [InputSeen(identity=f"{p}-{n}", partition=p, offset=n) for p in (0, 1) for n in range(10)]
    write_inputs(told, inputs)  # type: ignore[arg-type]
    told.happened("started", life=1)
    commit(told, {0: 10, 1: 10}, ends=False)  # it was never committed, so it called nothing done
    if late is not None:
        commit_late(told, {0: 5}, late)
    for offsets in commits:
        commit(told, offsets)
    told.happened("complete")
    write_ended(told, ProgressSeen(committed=20, total=20), [], reached=True)  # type: ignore[arg-type]
    there = [entry for entry in inputs if (entry.partition, entry.offset) not in lost]
    records = tuple(OutputSeen(identity=entry.identity, partition=0, offset=n) for n, entry in enumerate(there))
    places = [
        PlaceSeen(place=OUTPUT, system="kafka", counts={}, records=records),
        PlaceSeen(place=BANK, system="postgresql", counts={entry.identity: 1 for entry in inputs}),
    ]
    write_found(told, places)  # type: ignore[arg-type]
    (finding,) = findings(take_testimony(told.events))
    assert finding.verdict is Verdict.LOST
    return tuple(said for said in finding.chain if "called" in said)


LOST = {(0, 4), (0, 5), (1, 2)}


@pytest.mark.parametrize(
    ("commits", "told"),
    [
        (
            ({0: 10, 1: 10},),
            (f"{INPUT}-0 @ 10, {INPUT}-1 @ 10: {INPUT}-0 @ 4..5, {INPUT}-1 @ 2 were called done",),
        ),
        (
            ({0: 5}, {0: 10, 1: 2}, {1: 10}),
            (
                f"{INPUT}-0 @ 5: {INPUT}-0 @ 4 was called done",
                f"{INPUT}-0 @ 10: {INPUT}-0 @ 5 was called done",
                f"{INPUT}-1 @ 10: {INPUT}-1 @ 2 was called done",
            ),
        ),
    ],
)
def test_each_commit_names_the_positions_that_it_covers(
    commits: tuple[dict[int, int], ...], told: tuple[str, ...]
) -> None:
    assert tuple(said.partition("commits ")[2] for said in chain(LOST, *commits)) == told


@pytest.mark.parametrize(("answer", "called_done"), [("NONE", 2), ("INVALID_PRODUCER_EPOCH", 1)])
def test_a_commit_that_was_held_counts_where_the_broker_took_it_after_all(answer: str, called_done: int) -> None:
    assert len(chain(LOST, {0: 10, 1: 10}, late=answer)) == called_done


def test_many_commits_are_counted() -> None:
    said = chain({(0, n) for n in range(10)}, *({0: n + 1} for n in range(9)), {0: 10, 1: 10})
    assert len(said) == 4
    assert said[-1] == "and later commits called 7 more done"


def test_a_replay_is_told_from_where_the_positions_were_set_back() -> None:
    told = Told()
    subject = TrialSubject(
        version="v", plan="dedupe-window", point=None, name=None, noun="payments", input_topic=INPUT, group="g",
        judged=(BANK,),
    )  # fmt: skip
    write_subject(told, subject)  # type: ignore[arg-type]
    inputs = [InputSeen(identity=f"e{n}", partition=0, offset=n) for n in range(4)]
    write_inputs(told, inputs)  # type: ignore[arg-type]
    starts = []
    for life in (1, 2, 3):
        if life == 3:
            told.happened("rewound", group="g", to={"0": 2})
        told.happened("started", life=life)
        starts.append(told.t)
        told.sent(  # it makes its tables before it asks where to go on
            "commit", link=f"{BANK}#1", life=life, interval=1, answer={"outcome": "committed"}
        )
        offsets = [{"topic": INPUT, "partition": 0, "offset": 2 if life > 1 else 0}]
        told.sent("OffsetFetch", link="kafka#1", life=life, interval=1, answer={"offsets": offsets})
    told.sent("commit", link=f"{BANK}#1", life=3, interval=1, answer={"outcome": "committed"})
    again = told.t
    told.happened("complete")
    write_ended(told, ProgressSeen(committed=4, total=4), [], reached=True)  # type: ignore[arg-type]
    counts = {"e0": 1, "e1": 1, "e2": 2, "e3": 1}
    write_found(told, [PlaceSeen(place=BANK, system="postgresql", counts=counts)])  # type: ignore[arg-type]
    (finding,) = findings(take_testimony(told.events))
    times = [float(said.split(" s ")[0]) for said in finding.chain if said[:1].isdigit()]
    assert times == sorted(times), "what is told is told in its order"
    assert next(said for said in finding.chain if "told to go on" in said).endswith(f"at {INPUT}-0 @ 2")
    assert next(said for said in finding.chain if "did it again" in said).startswith(f"{again:.3f} s")
    assert times[-1] > starts[2]
