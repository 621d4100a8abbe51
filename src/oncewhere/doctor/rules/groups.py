"""Groups: where the processor's own stands in its input, and who reads its output and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere.cluster import UNSTABLE, Offset, TopicPartition
from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import Chart, GroupFacts, PartitionFacts
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.rule import Area, Rule

POSITION = Rule(
    code="group-position",
    area=Area.GROUPS,
    title="The group's position is inside its input",
    why="A committed offset below the first record means that records were deleted before they were processed; one or "
    "two offsets below, it may be that only markers were deleted (a transaction's end takes an offset, too). One "
    "above the end, or none at all, makes auto.offset.reset decide: everything again, or records skipped. A pending "
    "one (UNSTABLE_OFFSET_COMMIT) keeps a restart waiting until its transaction ends.",
    remedy="Find out what was deleted or recreated; raise retention.ms above your longest outage. A position is set by "
    "kafka-consumer-groups.sh --reset-offsets, while the processor is stopped.",
)
LAG = Rule(
    code="group-lag",
    area=Area.GROUPS,
    title="The group is alive and keeps up",
    why="Lag without a member is a processor that does not run. The lag is also what a restart has to do: a replay "
    "horizon (a dedupe window, the keys that a downstream remembers) must be longer.",
    remedy="Start the processor, or more instances of it (up to one for each partition).",
)
READERS = Rule(
    code="reader-isolation",
    area=Area.GROUPS,
    title="Every reader of the output reads read_committed",
    why="A reader with isolation.level=read_uncommitted sees the records of transactions that are open or aborted: "
    "payments that were never settled. Java's default is read_uncommitted; librdkafka's is read_committed. Brokers "
    "do not tell what a group asks for; but one that has committed an offset beyond the last stable offset has read "
    "past it.",
    remedy="Set isolation.level=read_committed in the reader, always in words. What a reader asks for is seen on the "
    "wire: oncewhere observe, then oncewhere document, in the reader's folder; then --reader its exactly-once.json.",
)

RULES: Final = (POSITION, LAG, READERS)

MARKERS_LIMIT: Final = 2
"""So many offsets below the first record may have been markers: one, or two where two producers write there."""
_MARKER: Final = "Normal where a transactional producer writes to it; where none does, raise retention.ms."


def check(facts: Chart) -> Iterator[Finding]:
    """Examines the processor's group and the readers of its outputs."""
    if facts.group is not None:
        yield from _positions(facts, facts.group)
        yield _lag(facts, facts.group)
    if isinstance(facts.readers, Unread):
        yield READERS.unknown("the groups", facts.readers)
        return
    for reader in facts.readers:
        yield _reader(facts, reader)
    if facts.subject.outputs and not facts.readers:
        yield READERS.unknown(
            ", ".join(facts.subject.outputs),
            "no group has committed offsets there; a reader may keep them elsewhere, or not at all",
        )


def _positions(facts: Chart, group: GroupFacts) -> Iterator[Finding]:
    about = f"group {group.name}"
    if isinstance(group.committed, Unread):
        yield POSITION.unknown(about, group.committed)
        return
    unread = facts.unread(facts.subject.inputs)
    for topic, why in unread.items():
        yield POSITION.unknown(topic, why)
    wrong = bool(unread)
    for topic, partition in _inputs(facts):
        place = f"{topic}[{partition.number}]"
        offset = group.committed.get((topic, partition.number), -1)
        said = _position(partition, offset)
        if isinstance(said, Unread):
            wrong = True
            yield POSITION.unknown(place, said)
        elif said is not None:
            wrong = True
            yield _misplaced(place, said, partition, offset)
    if not wrong:
        yield POSITION.good(about, "every committed offset lies inside its partition")


def _misplaced(place: str, said: str, partition: PartitionFacts, offset: Offset) -> Finding:
    """A fault, but where it is normal: while a transaction is open, before the first start, behind a marker."""
    if isinstance(offset, int) and offset >= 0:
        start = partition.start
        few = isinstance(start, int) and 0 < start - offset <= MARKERS_LIMIT
        return POSITION.warning(place, said, _MARKER) if few else POSITION.fault(place, said)
    if offset == UNSTABLE:
        return POSITION.warning(place, said, "Normal while a transaction is open; see open-transaction.")
    return POSITION.warning(place, said, "Normal before the first start; after it, see offsets-retention.")


def _position(partition: PartitionFacts, offset: Offset) -> str | Unread | None:
    start, end = partition.start, partition.high_watermark
    if isinstance(start, Unread):
        return start
    if isinstance(end, Unread):
        return end
    if offset == UNSTABLE:
        return "an offset is pending in an open transaction: a restart waits until it ends"
    assert isinstance(offset, int)  # noqa: S101  # nothing else is left
    if offset < 0:
        return "nothing is committed: the first start begins where auto.offset.reset says"
    if offset < start:
        return f"committed {offset}, and the first record is {start}: {_deleted(start - offset)}"
    if offset > end:
        return f"committed {offset}, beyond the end {end}: the topic was made anew, or lost records"
    return None


def _deleted(count: int) -> str:
    if count <= MARKERS_LIMIT:
        what = "1 offset is" if count == 1 else f"{count} offsets are"
        return f"{what} gone, of a transaction's marker, or of a record that was deleted unprocessed"
    return f"{count} records were deleted unprocessed"


def _lag(facts: Chart, group: GroupFacts) -> Finding:
    about = f"group {group.name}"
    if isinstance(group.description, Unread):
        return LAG.unknown(about, group.description)
    if isinstance(group.committed, Unread):
        return LAG.unknown(about, group.committed)
    members, state = len(group.description.members), group.description.state
    behind = _behind(facts, facts.subject.inputs, group.committed)
    if isinstance(behind, Unread):
        return LAG.unknown(about, behind)
    if state == "Dead":
        return LAG.warning(about, f"there is no such group yet; {_offsets(behind)} to be processed")
    said = f"{state.lower()}, {members} {'member' if members == 1 else 'members'}, {_offsets(behind)} behind"
    if not members and behind:
        return LAG.warning(about, f"{said}: nobody is processing")
    return LAG.good(about, said)


def _behind(facts: Chart, topics: tuple[str, ...], committed: Mapping[TopicPartition, Offset]) -> int | Unread:
    for why in facts.unread(topics).values():
        return why
    total = 0
    for topic, partition in _of(facts, topics):
        if isinstance(partition.high_watermark, Unread):
            return partition.high_watermark
        if isinstance(partition.start, Unread):
            return partition.start
        offset = committed.get((topic, partition.number), -1)
        at = offset if isinstance(offset, int) and offset >= 0 else partition.start
        total += max(partition.high_watermark - at, 0)
    return total


def _reader(facts: Chart, reader: GroupFacts) -> Finding:
    about = f"group {reader.name}"
    if isinstance(reader.committed, Unread):
        return READERS.unknown(about, reader.committed)
    for topic, partition in _of(facts, facts.subject.outputs):
        offset = reader.committed.get((topic, partition.number))
        stable = partition.stable
        # The offset was read first, and an LSO never goes back: so it was beyond the LSO when it was committed.
        if isinstance(offset, int) and not isinstance(stable, Unread) and offset > stable:
            return READERS.fault(
                about,
                f"has committed {offset} in {topic}[{partition.number}], beyond the last stable offset {stable}: it "
                "reads read_uncommitted",
            )
    behind = _behind(facts, facts.subject.outputs, reader.committed)
    lag = "lag unknown" if isinstance(behind, Unread) else f"{_offsets(behind)} behind"
    match facts.subject.isolation.get(reader.name):
        case "read_committed":
            return READERS.good(about, f"{lag}; it asked for read_committed where it was observed on the wire")
        case "read_uncommitted":
            return READERS.fault(about, f"{lag}; it asked for read_uncommitted where it was observed on the wire")
    return READERS.unknown(about, f"{lag}; brokers do not tell its isolation.level, and nothing shows it now")


def _offsets(count: int) -> str:
    return "1 offset" if count == 1 else f"{count} offsets"


def _inputs(facts: Chart) -> Iterator[tuple[str, PartitionFacts]]:
    return _of(facts, facts.subject.inputs)


def _of(facts: Chart, names: tuple[str, ...]) -> Iterator[tuple[str, PartitionFacts]]:
    for name in names:
        topic = facts.topics.get(name, Unread(""))
        if not isinstance(topic, Unread):
            for partition in topic.partitions:
                yield name, partition
