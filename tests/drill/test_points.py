from __future__ import annotations

import pytest

from oncewhere.drill.points import CrashPoint, Interval, NamedCrash, Phase, mission_points
from oncewhere.errors import InconclusiveError
from oncewhere.wire.message import Direction, Message


class Wire:
    """Builds messages in the order of the wire."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def request(self, system: str, kind: str, **fields: object) -> Wire:
        return self._add(system, kind, Direction.REQUEST, fields)

    def reply(self, system: str, kind: str, **fields: object) -> Wire:
        return self._add(system, kind, Direction.REPLY, fields)

    def commit_interval(self, effects: int = 1) -> Wire:
        for _ in range(effects):
            self.request("postgresql", "write").request("postgresql", "commit")
            self.reply("postgresql", "commit", outcome="committed")
        self.request("kafka", "Produce").request("kafka", "TxnOffsetCommit", transactional_id="t")
        return self.request("kafka", "EndTxn", transactional_id="t", committed=True).reply("kafka", "EndTxn")

    def _add(self, system: str, kind: str, direction: Direction, fields: dict[str, object]) -> Wire:
        number = len(self.messages)
        self.messages.append(
            Message(system=system, kind=kind, direction=direction, sequence=number, boundary=True, fields=fields)
        )
        return self


def test_the_three_crashes_are_found_in_the_middle_and_come_in_the_order_of_the_mission() -> None:
    wire = Wire().request("kafka", "InitProducerId")
    for _ in range(5):
        wire.commit_interval()
    assert mission_points(wire.messages, has_effects=True) == (
        CrashPoint(
            name=NamedCrash.BEFORE_EFFECT,
            system="postgresql",
            kind="commit",
            interval=3,
            nth=1,
            phase=Phase.BEFORE,
        ),
        CrashPoint(name=NamedCrash.AFTER_EFFECT, system="kafka", kind="EndTxn", interval=3, nth=1, phase=Phase.BEFORE),
        CrashPoint(
            name=NamedCrash.AFTER_COMMIT,
            system="kafka",
            kind="EndTxn",
            interval=3,
            nth=1,
            phase=Phase.REPLIED,
        ),
    )


def test_a_processor_without_transactions_is_crashed_at_its_offset_commit() -> None:
    wire = Wire()
    for _ in range(3):
        wire.request("postgresql", "commit").request("kafka", "Produce").request("kafka", "OffsetCommit")
    points = mission_points(wire.messages, has_effects=True)
    assert [p.kind for p in points] == ["commit", "OffsetCommit", "OffsetCommit"]


def test_without_effects_the_crash_before_the_effect_does_not_exist() -> None:
    points = mission_points(Wire().commit_interval(effects=0).messages, has_effects=False)
    assert [p.name for p in points] == [NamedCrash.AFTER_EFFECT, NamedCrash.AFTER_COMMIT]


def test_an_aborted_transaction_is_no_commit() -> None:
    wire = Wire().request("postgresql", "commit").request("kafka", "EndTxn", committed=False)
    with pytest.raises(InconclusiveError, match="committed no consumed position"):
        mission_points(wire.messages, has_effects=True)


def test_a_processor_that_bypasses_the_proxy_is_inconclusive_and_not_a_pass() -> None:
    with pytest.raises(InconclusiveError, match="committed no consumed position"):
        mission_points([], has_effects=True)
    with pytest.raises(InconclusiveError, match="wrote to no database"):
        mission_points(Wire().commit_interval(effects=0).messages, has_effects=True)


def test_an_interval_ends_with_the_reply_of_its_commit() -> None:
    wire = Wire().commit_interval().commit_interval()
    counter = Interval()
    numbers = [counter.advance(m) for m in wire.messages]
    assert numbers == [1] * 7 + [2] * 7


def test_replies_and_bystanders_never_open_an_interval() -> None:
    wire = Wire().commit_interval()
    counter = Interval()
    for message in wire.messages:
        counter.advance(message)
    bystander = Message(system="kafka", kind="Fetch", direction=Direction.REQUEST, sequence=9, boundary=False)
    assert counter.advance(bystander) == 1
    assert counter.advance(Wire().reply("kafka", "TxnOffsetCommit").messages[0]) == 1
    assert counter.advance(Wire().request("postgresql", "write").messages[0]) == 2


def test_a_transaction_that_no_offsets_were_sent_to_commits_no_position() -> None:
    wire = Wire()
    for _ in range(3):
        wire.request("kafka", "OffsetCommit").request("postgresql", "commit").request("kafka", "Produce")
        wire.request("kafka", "EndTxn", transactional_id="t", committed=True)
    points = mission_points(wire.messages, has_effects=True)
    assert [(p.kind, p.interval) for p in points] == [("commit", 3), ("OffsetCommit", 3), ("OffsetCommit", 3)]


def test_every_crash_is_told_in_words() -> None:
    assert all(name.words for name in NamedCrash)
