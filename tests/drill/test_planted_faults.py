"""Histories with a fault planted in them, and without: the fault's verdict is required, and nobody else is accused."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncewhere.drill import testimony
from oncewhere.drill.checks import InputSeen, OutputSeen, PlaceSeen, ProgressSeen
from oncewhere.drill.history import Happened, History, read
from oncewhere.drill.judging import findings
from oncewhere.drill.testimony import (
    TrialSubject,
    UnreadableHistoryError,
    take_testimony,
    write_ended,
    write_found,
    write_inputs,
    write_subject,
)
from oncewhere.drill.verdict import Verdict

SUBJECT = TrialSubject(
    version="v",
    plan="kafka.EndTxn.1.1.before",
    point="kafka EndTxn 1 of commit interval 1, before",
    name=None,
    noun="payments",
    input_topic="in",
    group="g",
    judged=("out", "bank"),
    compared=(("bank", "out"),),
    aborted=("ghost",),
)


@dataclass(frozen=True)
class World:
    """What a right processor leaves behind."""

    inputs: tuple[InputSeen, ...]
    out: PlaceSeen
    bank: PlaceSeen
    progress: ProgressSeen


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Inputs over partitions and keys, each done once at both places; outputs of a partition in the order of inputs."""
    partitions = draw(st.integers(1, 3))
    keys = draw(st.lists(st.sampled_from(["x", "y", "z", None]), min_size=2, max_size=12))
    ends = dict.fromkeys(range(partitions), 0)
    inputs = []
    for number, key in enumerate(keys):
        partition = (0 if key is None else ord(key)) % partitions
        inputs.append(InputSeen(identity=f"e{number}", partition=partition, offset=ends[partition], key=key))
        ends[partition] += 1
    order = draw(st.permutations(range(partitions)))
    records: list[OutputSeen] = []
    for partition in order:  # partitions may overtake each other, records of one may not
        for entry in (i for i in inputs if i.partition == partition):
            records.append(OutputSeen(identity=entry.identity, partition=0, offset=len(records), key=entry.key))
    counts = {i.identity: 1 for i in inputs}
    values = {i.identity: str(n) for n, i in enumerate(inputs)}
    return World(
        inputs=tuple(inputs),
        out=PlaceSeen(place="out", system="kafka", counts=counts, records=tuple(records), values=values),
        bank=PlaceSeen(place="bank", system="postgresql", counts=counts, values=values),
        progress=ProgressSeen(committed=len(inputs), total=len(inputs), positions=ends),
    )


def told(world: World) -> testimony.Testimony:
    """Written as a trial writes it, and read back."""
    with TemporaryDirectory() as folder:
        history = History(Path(folder) / "wire.jsonl")
        write_subject(history, SUBJECT)
        write_inputs(history, world.inputs)
        write_ended(history, world.progress, (), reached=True)
        write_found(history, (world.out, world.bank))
        history.close()
        return take_testimony(read(history.path))


@given(worlds())
@settings(max_examples=5)
def test_a_history_that_ends_between_two_places_is_not_judged_by_the_first(world: World) -> None:
    events = told(world).events
    assert isinstance(events[-1], Happened)
    assert (events[-1].what, events[-1].fields["place"]) == ("found", "bank")
    with pytest.raises(UnreadableHistoryError, match="what was found at bank"):
        take_testimony(events[:-1])


def verdicts(world: World) -> dict[str, Verdict]:
    return {finding.place: finding.verdict for finding in findings(told(world))}


@given(worlds())
@settings(max_examples=5)
def test_what_purge_deleted_where_observe_counts_is_not_told_as_lost(world: World) -> None:
    gone = effect_gone(world, world.inputs[0])
    assert verdicts(gone)["bank"] is Verdict.LOST
    events = told(gone).events
    for blinded, verdict in ((False, Verdict.LOST), (True, Verdict.UNKNOWN)):
        purged = Happened(t=0, what="purged", fields={"place": "bank", "rows": 1, "blinded": blinded})
        judged = findings(take_testimony([*events, purged]))
        assert {finding.place: finding.verdict for finding in judged}["bank"] is verdict


def only(records: tuple[OutputSeen, ...]) -> dict:
    return {"records": records, "counts": dict(Counter(record.identity for record in records))}


Plant = Callable[[World, InputSeen], World]


def _replaced(world: World, *, out: dict | None = None, bank: dict | None = None) -> World:
    return dataclasses.replace(
        world,
        out=dataclasses.replace(world.out, **(out or {})),
        bank=dataclasses.replace(world.bank, **(bank or {})),
    )


def effect_twice(world: World, victim: InputSeen) -> World:
    return _replaced(world, bank={"counts": world.bank.counts | {victim.identity: 2}})


def effect_gone(world: World, victim: InputSeen) -> World:
    return _replaced(world, bank={"counts": {i: n for i, n in world.bank.counts.items() if i != victim.identity}})


def output_twice(world: World, victim: InputSeen) -> World:
    again = OutputSeen(identity=victim.identity, partition=0, offset=len(world.out.records), key=victim.key)
    return _replaced(world, out=only((*world.out.records, again)))


def output_gone(world: World, victim: InputSeen) -> World:
    return _replaced(world, out=only(tuple(r for r in world.out.records if r.identity != victim.identity)))


def output_disagrees(world: World, victim: InputSeen) -> World:
    return _replaced(world, out={"values": world.out.values | {victim.identity: "something else"}})


def ghost_at_bank(world: World, _victim: InputSeen) -> World:
    return _replaced(world, bank={"counts": world.bank.counts | {"ghost": 1}})


def stranger_at_bank(world: World, _victim: InputSeen) -> World:
    return _replaced(world, bank={"counts": world.bank.counts | {"nobody": 1}})


def output_hidden(world: World, _victim: InputSeen) -> World:
    return _replaced(world, out={"hidden": "an open transaction hides records"})


def effect_in_doubt(world: World, _victim: InputSeen) -> World:
    return _replaced(world, bank={"in_doubt": 1})


def never_finished(world: World, victim: InputSeen) -> World:
    """The victim's partition is committed up to the victim, and nothing of it happened from there on."""
    positions = world.progress.positions | {victim.partition: victim.offset}
    left = {i.identity for i in world.inputs if i.partition == victim.partition and i.offset >= victim.offset}
    progress = ProgressSeen(committed=len(world.inputs) - len(left), total=len(world.inputs), positions=positions)
    done = {i: n for i, n in world.bank.counts.items() if i not in left}
    records = tuple(r for r in world.out.records if r.identity not in left)
    changed = _replaced(world, out=only(records), bank={"counts": done})
    return dataclasses.replace(changed, progress=progress)


def effect_without_output(world: World, victim: InputSeen) -> World:
    return _replaced(never_finished(world, victim), bank={"counts": world.bank.counts})


ONCE, STUCK = Verdict.ONCE, Verdict.STUCK
PLANTED: list[tuple[Plant, Verdict, Verdict]] = [
    (effect_twice, ONCE, Verdict.DUPLICATE),
    (effect_gone, ONCE, Verdict.LOST),
    (output_twice, Verdict.DUPLICATE, ONCE),
    (output_gone, Verdict.LOST, ONCE),
    (output_disagrees, Verdict.DIFFERENT, ONCE),
    (ghost_at_bank, ONCE, Verdict.ABORTED_READ),
    (stranger_at_bank, ONCE, Verdict.UNKNOWN),
    (output_hidden, Verdict.UNKNOWN, ONCE),
    (effect_in_doubt, ONCE, Verdict.IN_DOUBT),
    (never_finished, STUCK, STUCK),
    (effect_without_output, Verdict.TORN, STUCK),
]


@given(worlds())
def test_a_right_history_is_never_accused(world: World) -> None:
    assert verdicts(world) == {"out": ONCE, "bank": ONCE}


@given(worlds(), st.sampled_from(PLANTED), st.data())
def test_a_planted_fault_is_found_where_it_is_and_nowhere_else(
    world: World, planted: tuple[Plant, Verdict, Verdict], data: st.DataObject
) -> None:
    plant, out, bank = planted
    victim = data.draw(st.sampled_from(world.inputs))
    assert verdicts(plant(world, victim)) == {"out": out, "bank": bank}


@given(worlds(), st.data())
def test_two_outputs_of_one_key_that_change_places_are_reordered(world: World, data: st.DataObject) -> None:
    records = list(world.out.records)
    pairs = [
        (i, j)
        for i in range(len(records))
        for j in range(i + 1, len(records))
        if records[i].key is not None and records[i].key == records[j].key
    ]
    if not pairs:
        assert verdicts(world)["out"] is ONCE
        return
    i, j = data.draw(st.sampled_from(pairs))
    swapped = {i: records[j].identity, j: records[i].identity}
    changed = tuple(
        dataclasses.replace(record, identity=swapped.get(n, record.identity)) for n, record in enumerate(records)
    )
    assert verdicts(_replaced(world, out=only(changed))) == {"out": Verdict.REORDERED, "bank": ONCE}


@given(worlds(), st.sampled_from([effect_twice, effect_gone, output_twice, output_gone]), st.data())
def test_a_violation_ends_in_its_contradiction_and_says_where_the_input_stood(
    world: World, plant: Plant, data: st.DataObject
) -> None:
    victim = data.draw(st.sampled_from(world.inputs))
    (finding,) = [f for f in findings(told(plant(world, victim))) if f.verdict is not ONCE]
    assert finding.chain[-1].startswith("so 1 payment ")
    assert finding.place in finding.chain[-1]
    if finding.verdict is Verdict.DUPLICATE:
        assert any(f"in-{victim.partition} @ {victim.offset} was redelivered" in said for said in finding.chain)
