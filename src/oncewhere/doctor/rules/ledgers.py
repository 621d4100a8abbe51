"""What was done outside Kafka: whether a ledger's positions agree with the group's, and whether a call is in doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from oncewhere.cluster import Offset, TopicPartition
from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import Chart
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.places import LedgerPosition, PlaceFacts
from oncewhere.doctor.rule import Area, Rule
from oncewhere.effects.calls import State
from oncewhere.effects.ledger import LedgerRow, stand
from oncewhere.effects.place import Start
from oncewhere.errors import LedgerRefusedError
from oncewhere.records import Partition

LEDGER_POSITION = Rule(
    code="ledger-position",
    area=Area.DATABASES,
    title="The ledger and the group's committed offsets agree",
    why="The ledger says what happened in the database, the committed offset what Kafka believes. A ledger behind "
    "it has lost effects that Kafka calls done (a restored backup); one ahead whose results do not reach back "
    "cannot replay. A processor refuses to start then (LedgerRefusedError): it never guesses.",
    remedy="The finding says the choices; they are a person's to make.",
)
IN_DOUBT = Rule(
    code="in-doubt-calls",
    area=Area.DATABASES,
    title="No call is in doubt",
    why="A call of policy at-most-once that was claimed and never settled may have happened or not. It is never "
    "repeated, and its record was passed without output.",
    remedy="oncewhere effects in-doubt MODULE:APP lists them; look at the other side, then take each off the list with "
    "--reviewed KEY.",
)


def check_place(facts: Chart, place: PlaceFacts) -> Iterator[Finding]:
    """Examines what one place has recorded of its effects."""
    if place.ledger is not None:
        yield from _ledger(facts, place)
    if place.unsettled is not None:
        yield _unsettled(facts, place)


def _ledger(facts: Chart, place: PlaceFacts) -> Iterator[Finding]:
    group, rows = facts.group, place.ledger
    if isinstance(rows, Unread):
        yield LEDGER_POSITION.unknown(place.name, rows)
        return
    if rows is None or group is None:
        return
    if isinstance(group.committed, Unread):
        yield LEDGER_POSITION.unknown(place.name, group.committed)
        return
    ahead, agreeing = 0, 0
    for row in rows:
        offset = _offset(facts, group.committed, row)
        finding = _row(facts, place, row, offset)
        if finding is not None:
            yield finding
            continue
        agreeing += 1
        ahead += max(row.next_offset - offset, 0) if isinstance(offset, int) and offset >= 0 else 0
    if agreeing and ahead:
        yield LEDGER_POSITION.good(place.name, f"{ahead} offsets ahead of the group, whose results are recorded")
    elif agreeing:
        yield LEDGER_POSITION.good(place.name, f"level with the group in {agreeing} partitions")
    elif not rows:
        yield LEDGER_POSITION.good(place.name, "has no row of this group yet")


def _offset(facts: Chart, before: Mapping[TopicPartition, Offset], row: LedgerPosition) -> Offset:
    """What the group had committed when the row was read.

    A processor may be running, so the group was asked before and after: of all that may have been committed in
    between, what agrees best with the row.
    """
    first = before.get((row.topic, row.partition), -1)
    if isinstance(facts.committed_later, Unread):
        return first
    last = facts.committed_later.get((row.topic, row.partition), first)
    if not isinstance(first, int) or not isinstance(last, int) or first < 0:
        return last
    return min(max(first, row.covered_from), max(first, last))


def _row(facts: Chart, place: PlaceFacts, row: LedgerPosition, offset: Offset) -> Finding | None:
    """What is wrong with a row; None where it agrees with the group."""
    about = f"{place.name}: {row.topic}[{row.partition}]"
    topic = facts.topics.get(row.topic, Unread("UNKNOWN_TOPIC_OR_PARTITION"))
    if isinstance(topic, Unread):
        return LEDGER_POSITION.unknown(about, f"its topic could not be read: {topic.why}")
    if topic.topic_id != row.topic_id:
        return LEDGER_POSITION.warning(about, "a row of a topic that was deleted; the one of today has another id")
    if not isinstance(offset, int):
        return LEDGER_POSITION.unknown(about, "the group's offset is pending in an open transaction")
    refusal = _refusal(facts, place, row, offset)
    if refusal is None:
        return None
    return LEDGER_POSITION.fault(about, refusal.message.rstrip("."), refusal.hint)


def _refusal(facts: Chart, place: PlaceFacts, row: LedgerPosition, offset: int) -> LedgerRefusedError | None:
    """What the processor would say at its start: the same function decides."""
    start = offset
    if offset < 0:
        topic = facts.topics[row.topic]
        starts = {} if isinstance(topic, Unread) else {one.number: one.start for one in topic.partitions}
        first = starts.get(row.partition, Unread(""))
        start = 0 if isinstance(first, Unread) else first
    try:
        stand(
            Partition(row.topic, row.partition, row.topic_id),
            LedgerRow(row.next_offset, row.covered_from),
            Start(start, committed=offset >= 0),
            group_id=facts.subject.group or "",
            place=place.name,
        )
    except LedgerRefusedError as error:
        return error
    return None


def _unsettled(facts: Chart, place: PlaceFacts) -> Finding:
    calls = place.unsettled
    if isinstance(calls, Unread):
        return IN_DOUBT.unknown(place.name, calls)
    if not calls:
        return IN_DOUBT.good(place.name, "every call is settled")
    doubtful = [call for call in calls if call.state is State.IN_DOUBT]
    oldest = calls[0]
    said = f"the oldest, {oldest.key} of effect {oldest.effect}, is of {oldest.since}"
    if doubtful:
        return IN_DOUBT.fault(place.name, f"{len(doubtful)} calls are in doubt; {said}")
    alive = (
        facts.group is not None and not isinstance(facts.group.description, Unread) and facts.group.description.members
    )
    if alive:
        return IN_DOUBT.warning(place.name, f"{len(calls)} calls are claimed, perhaps under way; {said}")
    return IN_DOUBT.fault(
        place.name, f"{len(calls)} calls are claimed, and no instance is alive to settle them; {said}"
    )
