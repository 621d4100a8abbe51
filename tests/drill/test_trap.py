from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oncewhere.drill.history import Happened, History, Wire, read
from oncewhere.drill.points import CrashPoint, Phase
from oncewhere.drill.scenario import Action, Plan, Step
from oncewhere.drill.trap import Sprung, Trap
from oncewhere.proxy import Decision, LinkName
from oncewhere.wire.message import Direction, Message


def message(
    system: str, kind: str, direction: Direction = Direction.REQUEST, sequence: int = 0, **fields: object
) -> Message:
    return Message(system=system, kind=kind, direction=direction, sequence=sequence, boundary=True, fields=fields)


def point(system: str, kind: str, phase: Phase, interval: int = 1, nth: int = 1) -> CrashPoint:
    place = "bank" if system == "postgresql" else system
    return CrashPoint(place=place, system=system, kind=kind, interval=interval, nth=nth, phase=phase)


def link(name: str) -> LinkName:
    place, _, number = name.partition("#")
    return LinkName(place, int(number), 0, "127.0.0.1:1")


Stage = Callable[..., "Scene"]


class Scene:
    def __init__(self, folder: Path, points: tuple[CrashPoint, ...], action: Action) -> None:
        self.history = History(folder / "wire.jsonl")
        self.kills = 0
        self.trap = Trap(self.history, Plan(steps=tuple(Step(point=p, action=action) for p in points)), self._kill)

    def _kill(self, _sprung: Sprung) -> None:
        self.kills += 1

    def see(self, *messages: Message, on: str = "") -> list[Decision]:
        return [self.trap(link(on or ("bank#1" if m.system == "postgresql" else "kafka#1")), m) for m in messages]

    def outcomes(self) -> list[tuple[str, str]]:
        self.history.close()
        return [(e.kind, e.outcome) for e in read(self.history.path) if isinstance(e, Wire)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    scenes: list[Scene] = []

    def make(*points: CrashPoint, action: Action = Action.KILL) -> Scene:
        scenes.append(Scene(tmp_path, points, action))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.history.close()


OFFSETS = message("kafka", "TxnOffsetCommit", transactional_id="t")
COMMIT = message("kafka", "EndTxn", transactional_id="t", committed=True)
COMMITTED = message("kafka", "EndTxn", Direction.REPLY)


def test_before_drops_the_request_and_kills(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.BEFORE))
    assert scene.see(OFFSETS, COMMIT) == [Decision.FORWARD, Decision.FREEZE_BEFORE]
    assert scene.kills == 1
    assert scene.outcomes() == [("TxnOffsetCommit", "forwarded"), ("EndTxn", "dropped")]


def test_delivered_forwards_the_request_and_withholds_the_answer(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.DELIVERED))
    assert scene.see(OFFSETS, COMMIT)[1] is Decision.FREEZE_AFTER
    scene.see(COMMITTED)
    assert scene.outcomes() == [("TxnOffsetCommit", "forwarded"), ("EndTxn", "forwarded"), ("EndTxn", "withheld")]


def test_replied_lets_the_server_answer_and_withholds_the_answer(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.REPLIED))
    assert scene.see(OFFSETS, COMMIT, COMMITTED) == [Decision.FORWARD] * 2 + [Decision.FREEZE_BEFORE]
    assert scene.kills == 1
    assert scene.outcomes() == [("TxnOffsetCommit", "forwarded"), ("EndTxn", "forwarded"), ("EndTxn", "withheld")]


def test_an_abort_is_not_the_commit_that_was_asked_for(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.REPLIED))
    scene.see(OFFSETS, message("kafka", "EndTxn", transactional_id="t", committed=False, sequence=3))
    assert scene.see(message("kafka", "EndTxn", Direction.REPLY, sequence=3)) == [Decision.FORWARD]
    assert scene.kills == 0
    scene.see(COMMIT)
    assert scene.see(COMMITTED) == [Decision.FREEZE_BEFORE], "nor does it count as the first"


def test_only_a_producer_of_the_same_identity_begins_anew(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.BEFORE), action=Action.HOLD)
    scene.see(message("kafka", "InitProducerId", transactional_id="t"), OFFSETS, COMMIT)
    begun = scene.trap.producers_begun
    scene.see(message("kafka", "InitProducerId", transactional_id="dead-letters"), on="kafka#2")
    assert scene.trap.producers_begun == begun
    scene.see(message("kafka", "InitProducerId", transactional_id="t"), on="kafka#3")
    assert scene.trap.producers_begun == begun + 1


def test_a_reply_on_another_connection_is_another_reply(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.REPLIED))
    scene.see(OFFSETS, COMMIT, on="kafka#1")
    assert scene.see(COMMITTED, on="kafka#2") == [Decision.FORWARD]
    assert scene.see(COMMITTED, on="kafka#1") == [Decision.FREEZE_BEFORE]


def test_the_nth_message_of_the_named_interval_springs_the_trap(stage: Stage) -> None:
    scene = stage(point("postgresql", "commit", Phase.BEFORE, interval=2, nth=2))
    write = message("postgresql", "commit")
    assert scene.see(write, write, write, OFFSETS, COMMIT, COMMITTED, write) == [Decision.FORWARD] * 7
    assert scene.see(write) == [Decision.FREEZE_BEFORE]


def test_every_kind_of_boundary_request_is_counted_at_its_own_place(stage: Stage) -> None:
    scene = stage(point("kafka", "Produce", Phase.BEFORE, nth=2))
    produce = message("kafka", "Produce")
    assert scene.see(message("postgresql", "write"), produce, OFFSETS) == [Decision.FORWARD] * 3
    assert scene.see(produce) == [Decision.FREEZE_BEFORE]


def test_the_same_message_to_another_database_is_another_point(stage: Stage) -> None:
    scene = stage(point("postgresql", "commit", Phase.BEFORE))
    assert scene.see(message("postgresql", "commit"), on="audit#1") == [Decision.FORWARD]
    assert scene.see(message("postgresql", "commit"), on="bank#2") == [Decision.FREEZE_BEFORE]


def test_an_answer_that_comes_when_the_next_interval_has_begun_is_still_the_answer(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.REPLIED))
    scene.see(OFFSETS, COMMIT)
    assert scene.see(message("postgresql", "write", sequence=7)) == [Decision.FORWARD]
    assert scene.see(COMMITTED) == [Decision.FREEZE_BEFORE]


def test_a_second_step_is_armed_in_the_second_life(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.BEFORE), point("postgresql", "commit", Phase.DELIVERED))
    effect = message("postgresql", "commit", sequence=1)
    scene.see(effect, OFFSETS, COMMIT)
    assert not scene.trap.complete
    scene.trap.next_life()
    assert scene.see(effect) == [Decision.FREEZE_AFTER]
    assert scene.kills == 2
    assert scene.trap.complete


def test_a_second_step_waits_for_the_first_interval_that_has_its_message(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.BEFORE), point("postgresql", "write", Phase.REPLIED))
    scene.see(OFFSETS, COMMIT)
    scene.trap.next_life()
    write, written = (message("postgresql", "write", way, sequence=5) for way in Direction)
    assert scene.see(OFFSETS, COMMIT, COMMITTED, write) == [Decision.FORWARD] * 4, "the first had nothing left to write"
    assert scene.see(written) == [Decision.FREEZE_BEFORE]


def test_a_first_step_waits_for_no_other_interval(stage: Stage) -> None:
    scene = stage(point("postgresql", "write", Phase.BEFORE))
    assert scene.see(OFFSETS, COMMIT, COMMITTED, message("postgresql", "write")) == [Decision.FORWARD] * 4


def test_a_second_step_does_not_come_before_its_interval(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.BEFORE), point("kafka", "EndTxn", Phase.BEFORE, interval=2))
    scene.see(OFFSETS, COMMIT)
    scene.trap.next_life()
    assert scene.see(OFFSETS, COMMIT, COMMITTED, OFFSETS, COMMIT)[1::3] == [Decision.FORWARD, Decision.FREEZE_BEFORE]


def test_a_second_life_is_never_killed(stage: Stage) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.BEFORE))
    scene.see(OFFSETS, COMMIT)
    scene.trap.next_life()
    assert scene.see(OFFSETS, COMMIT, COMMITTED, OFFSETS, COMMIT) == [Decision.FORWARD] * 5
    assert scene.kills == 1


@pytest.mark.parametrize(("outcome", "counted"), [("committed", 1), ("rolled back", 0)])
def test_the_proof_counts_effects_that_the_database_confirmed(stage: Stage, outcome: str, counted: int) -> None:
    scene = stage(point("kafka", "EndTxn", Phase.BEFORE))
    scene.see(
        message("postgresql", "commit", sequence=4),
        message("postgresql", "commit", Direction.REPLY, sequence=4, outcome=outcome),
    )
    scene.see(OFFSETS, COMMIT)
    assert [s.effects_before for s in scene.trap.sprung] == [counted]


def test_the_proof_counts_effects_that_nobody_has_answered(stage: Stage) -> None:
    scene = stage(point("kafka", "Produce", Phase.BEFORE))
    scene.see(message("postgresql", "commit", sequence=4), message("kafka", "Produce"))
    assert [(s.effects_before, s.effects_on_their_way) for s in scene.trap.sprung] == [(0, 1)]


def test_the_effect_at_which_it_dies_is_not_counted_among_the_others(stage: Stage) -> None:
    scene = stage(point("postgresql", "commit", Phase.DELIVERED))
    scene.see(message("postgresql", "commit", sequence=4))
    assert [s.effects_on_their_way for s in scene.trap.sprung] == [0]


def test_a_write_that_cannot_be_refused_is_not_the_one_that_was_asked_for(stage: Stage) -> None:
    scene = stage(point("kafka", "Produce", Phase.BEFORE), action=Action.REFUSE)
    unanswered = dataclasses.replace(message("kafka", "Produce"), expects_reply=False)
    assert scene.see(unanswered) == [Decision.FORWARD]
    assert not scene.trap.complete
    scene = stage(point("kafka", "Produce", Phase.BEFORE), action=Action.REFUSE)
    assert scene.see(message("kafka", "Produce")) == [Decision.REFUSE]


def test_a_clean_run_records_every_message_and_forwards_all(stage: Stage) -> None:
    scene = stage()
    init = message("kafka", "InitProducerId", transactional_id="settlement-0")
    assert set(scene.see(init, OFFSETS, COMMIT, COMMITTED)) == {Decision.FORWARD}
    assert [s.message for s in scene.trap.sightings] == [init, OFFSETS, COMMIT, COMMITTED]
    assert list(scene.trap.transactional_ids) == ["settlement-0"]
    assert scene.trap.kafka_commits_answered == 1


def test_a_history_is_read_back_as_it_was_written(stage: Stage) -> None:
    scene = stage()
    scene.history.happened("transactions", states={"settlement-0": "Ongoing"})
    scene.see(COMMIT)
    scene.history.close()
    first, second = read(scene.history.path)
    assert isinstance(first, Happened)
    assert first.fields == {"states": {"settlement-0": "Ongoing"}}
    assert isinstance(second, Wire)
    assert (second.kind, second.fields) == ("EndTxn", {"transactional_id": "t", "committed": True})
    assert second.t >= first.t


@pytest.mark.parametrize(
    ("again", "on", "given_up"),
    [
        (message("kafka", "EndTxn", transactional_id="t", committed=True), "kafka#2", True),
        (message("kafka", "EndTxn", transactional_id="t", committed=False), "kafka#2", True),
        (message("kafka", "EndTxn", transactional_id="t", committed=True, sequence=2), "kafka#1", False),
        (message("kafka", "EndTxn", transactional_id="another task's", committed=True), "kafka#2", False),
        (message("kafka", "EndTxn", Direction.REPLY, transactional_id="t"), "kafka#2", False),
        (message("kafka", "Produce", transactional_id="t"), "kafka#2", False),
    ],
)
@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.REPLIED])
def test_who_commits_again_on_another_connection_has_given_up_the_first(
    stage: Stage, phase: Phase, again: Message, on: str, given_up: bool
) -> None:
    scene = stage(point("kafka", "EndTxn", phase), action=Action.HOLD)
    scene.see(OFFSETS, COMMIT, *([COMMITTED] if phase is Phase.REPLIED else []))
    assert scene.trap.complete
    assert not scene.trap.asked_again
    scene.see(again, on=on)
    assert scene.trap.asked_again is given_up


@pytest.mark.parametrize(
    ("group", "partition", "given_up"), [("g", 1, True), ("g", 2, False), ("another consumer's", 1, False)]
)
def test_a_position_is_committed_again_where_group_and_partition_are_the_same(
    stage: Stage, group: str, partition: int, given_up: bool
) -> None:
    def commit(group: str, *partitions: int) -> Message:
        offsets = [{"topic": "in", "partition": number, "offset": 5} for number in partitions]
        return message("kafka", "OffsetCommit", group=group, offsets=offsets)

    scene = stage(point("kafka", "OffsetCommit", Phase.BEFORE), action=Action.HOLD)
    assert scene.see(commit("g", 0, 1)) == [Decision.HOLD]
    scene.see(commit(group, partition), on="kafka#2")
    assert scene.trap.asked_again is given_up
