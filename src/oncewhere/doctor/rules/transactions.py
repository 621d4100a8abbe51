"""Transactions: which are open and for how long, which hang, and who holds readers back.

The look is a sandwich. What is open in a partition is read before and after the coordinators are asked: what was open
both times, from the same offset, was open all the while. A coordinator knows of each write before a partition takes it,
and forgets it only after the marker is written (KIP-98); so what it did not know of in between is hanging (KIP-664).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from oncewhere.cluster import ProducerState, TransactionDescription
from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import Chart, PartitionFacts, TopicFacts
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.rule import Area, Rule
from oncewhere.doctor.spans import moment, span
from oncewhere.doctor.topics import OFFSETS_TOPIC
from oncewhere.runtime.identity import looks_random, names_a_stream

OPEN_STATES: Final = frozenset({"Ongoing", "PrepareCommit", "PrepareAbort"})
OLD_SHARE: Final = 0.5
"""Of its timeout: a transaction that is open longer will more likely time out than end."""

CLEANUP_MS: Final = 20_000
"""How long after its timeout a transaction may still be open: coordinators look every 10 s by default."""

HANGING = Rule(
    code="hanging-transaction",
    area=Area.TRANSACTIONS,
    title="No transaction is open in a partition that no coordinator knows of",
    why="A hanging transaction (KIP-664) is open in a partition and over, or unknown, for its coordinator: nobody "
    "will ever write its marker. The last stable offset stands still for ever, read_committed readers see nothing "
    "behind it, and the log is not compacted any more.",
    remedy="kafka-transactions.sh --bootstrap-server … abort --topic TOPIC --partition N --start-offset OFFSET "
    "writes the missing marker. Then see partition-verification, so that it does not happen again.",
)
OPEN = Rule(
    code="open-transaction",
    area=Area.TRANSACTIONS,
    title="Open transactions are young",
    why="read_committed readers wait in front of an open transaction. One that is older than a commit takes is a "
    "processor that stands still, or that died and has no successor with its transactional.id.",
    remedy="See whether its processor lives. A producer that starts with the same transactional.id ends it at once "
    "(init_transactions; Admin.fenceProducers in Java does the same); else its coordinator aborts it at its timeout.",
)
LAST_STABLE_OFFSET = Rule(
    code="last-stable-offset",
    area=Area.TRANSACTIONS,
    title="Readers see everything that was written",
    why="A read_committed reader reads up to the last stable offset (LSO): the first record of the oldest open "
    "transaction. Whatever lies between it and the high watermark, of any producer, is hidden until that one ends.",
    remedy="End the transaction that holds it: see open-transaction and hanging-transaction.",
)
RANDOM_ID = Rule(
    code="random-transactional-id",
    area=Area.TRANSACTIONS,
    title="Transactional ids stay the same across restarts",
    why="A start with a new random transactional.id does not end what the crashed one left open: it stays open until "
    "transaction.timeout.ms has passed, and readers stand still meanwhile (KIP-98). Each start also leaves one more id "
    "behind at the coordinator.",
    remedy="Take the id from what stays: a StatefulSet's ordinal, an instance's number. With oncewhere: "
    "StableOrdinal('settlement'). Kafka Streams keeps the UUID of its ids in state.dir: put that on a "
    "volume that stays.",
)

RULES: Final = (HANGING, OPEN, LAST_STABLE_OFFSET, RANDOM_ID)


def check(facts: Chart) -> Iterator[Finding]:
    """Examines the transactions."""
    described = facts.transactions.described
    yield from _hanging(facts)
    if isinstance(described, Unread):
        yield OPEN.unknown("the coordinators", described)
    else:
        yield from _open(facts, described)
    yield from _stable(facts)
    yield from _random(facts)


# ---- hanging


def _hanging(facts: Chart) -> Iterator[Finding]:
    found = False
    unread: dict[str, list[str]] = {}
    looked_at = (*_partitions(facts), *_offsets_partition(facts))
    for topic, partition in looked_at:
        if isinstance(partition.producers, Unread):
            unread.setdefault(partition.producers.why, []).append(f"{topic}[{partition.number}]")
            continue
        for producer in partition.producers:
            finding = _one_hanging(facts, topic, partition, producer)
            if finding is not None:
                found = True
                yield finding
    for name in _topics(facts):
        described = facts.topics.get(name, Unread("UNKNOWN_TOPIC_OR_PARTITION"))
        if isinstance(described, Unread):
            unread.setdefault(described.why, []).append(name)
    for why, places in unread.items():
        yield HANGING.unknown(_several(places), Unread(why))
    if not looked_at and not unread:
        yield HANGING.good("the cluster", "no topic is to be seen in which a transaction could be open")
    elif not found and not unread:
        yield HANGING.good(
            _several([f"{topic}[{one.number}]" for topic, one in looked_at]),
            "every open transaction has a coordinator that will end it",
        )


def _one_hanging(facts: Chart, topic: str, partition: PartitionFacts, producer: ProducerState) -> Finding | None:
    start = producer.transaction_start_offset
    if start is None or (topic, partition.number, producer.producer_id, start) not in facts.transactions.still_open:
        return None
    about = f"{topic}[{partition.number}]"
    what = f"producer {producer.producer_id} has a transaction open from offset {start}"
    known = _coordinated(facts, topic, partition.number, producer.producer_id)
    if known is None:
        return None
    if isinstance(known, Unread):
        return HANGING.unknown(about, f"{what}, and the coordinators could not be asked: {known.why}")
    idle = facts.transactions.looked_at_ms - producer.last_timestamp_ms
    since = (
        f"last written to {span(idle)} ago" if producer.last_timestamp_ms >= 0 else "last written at an unknown time"
    )
    longest = facts.transactions.max_timeout_ms
    outlived = not isinstance(longest, Unread) and producer.last_timestamp_ms >= 0 and idle > longest + CLEANUP_MS
    if facts.transactions.complete is not True and not known and not outlived:
        return HANGING.unknown(
            about,
            f"{what}, and no coordinator names it to us: it hangs, or we may not see its transactional.id",
            "Ask with a principal that may DESCRIBE every transactional.id.",
        )
    return HANGING.fault(
        about,
        f"{what}, {since}; {known or 'no coordinator knows it'}: readers are held at {start} for ever",
        f"kafka-transactions.sh --bootstrap-server … abort --topic {topic} --partition {partition.number} "
        f"--start-offset {start}",
    )


def _coordinated(facts: Chart, topic: str, number: int, producer_id: int) -> str | Unread | None:
    """None where a coordinator will end it; else what is said of it, empty where nothing is."""
    described = facts.transactions.described
    if isinstance(described, Unread):
        return described
    for name, one in described.items():
        if one.producer_id != producer_id:
            continue
        if one.state in OPEN_STATES and (topic, number) in one.partitions:
            return None
        return f"{name} is {one.state} for its coordinator"
    return ""


# ---- open


def _open(facts: Chart, described: Mapping[str, TransactionDescription]) -> Iterator[Finding]:
    now = facts.transactions.looked_at_ms
    ours = _topics(facts)
    count = 0
    for name, one in described.items():
        touched = {topic for topic, _ in one.partitions}
        concerns = name in facts.subject.transactional_ids or not ours or bool(touched & ours)
        if one.state not in OPEN_STATES or one.start_time_ms is None or not concerns:
            continue
        count += 1
        age = now - one.start_time_ms
        what = f"{one.state} for {span(age)}, timeout {span(one.timeout_ms)}"
        if age > one.timeout_ms + CLEANUP_MS:
            yield OPEN.fault(name, f"{what}: its coordinator should have aborted it")
        elif age > one.timeout_ms * OLD_SHARE:
            yield OPEN.warning(name, f"{what}: its processor stands still, or is dead")
        else:
            yield OPEN.good(name, what)
    if not count:
        yield _all_seen(facts, OPEN, "no transaction is open")


# ---- last stable offset


def _stable(facts: Chart) -> Iterator[Finding]:
    held = 0
    level: list[str] = []
    for topic, partition in _partitions(facts):
        about = f"{topic}[{partition.number}]"
        stable, end = partition.stable, partition.high_watermark
        if isinstance(stable, Unread) or isinstance(end, Unread):
            why = stable if isinstance(stable, Unread) else end
            assert isinstance(why, Unread)  # noqa: S101  # one of the two is
            yield LAST_STABLE_OFFSET.unknown(about, why)
            continue
        if stable >= end:
            level.append(about)
            continue
        held += 1
        yield _holder(facts, about, topic, partition, stable, end)
    if level and not held:
        yield LAST_STABLE_OFFSET.good(_several(level), "the last stable offset is the high watermark")


def _holder(facts: Chart, about: str, topic: str, partition: PartitionFacts, stable: int, end: int) -> Finding:
    count = end - stable
    hidden = (
        f"LSO {stable}, high watermark {end}: {count} {'offset is' if count == 1 else 'offsets are'} hidden from "
        "read_committed readers"
    )
    if isinstance(partition.producers, Unread):
        return LAST_STABLE_OFFSET.unknown(about, f"{hidden}; by whom could not be read: {partition.producers.why}")
    holders = [one for one in partition.producers if one.transaction_start_offset == stable]
    if not holders:
        return LAST_STABLE_OFFSET.warning(about, f"{hidden}; whoever held them has just ended")
    producer = holders[0]
    described = facts.transactions.described
    if isinstance(described, Unread):
        return LAST_STABLE_OFFSET.unknown(about, f"{hidden}, by producer {producer.producer_id}: {described.why}")
    now = facts.transactions.looked_at_ms
    for name, one in described.items():
        if one.producer_id == producer.producer_id and one.state in OPEN_STATES and one.start_time_ms is not None:
            return _held_by(about, hidden, name, one, now - one.start_time_ms)
    hanging = _one_hanging(facts, topic, partition, producer)
    if hanging is None:
        return LAST_STABLE_OFFSET.warning(about, f"{hidden}, by producer {producer.producer_id}, which has just ended")
    tell = LAST_STABLE_OFFSET.fault if hanging.mark == "✗" else LAST_STABLE_OFFSET.unknown
    return tell(about, f"{hidden}, by producer {producer.producer_id}: see hanging-transaction", hanging.fix)


def _held_by(about: str, hidden: str, name: str, one: TransactionDescription, age_ms: int) -> Finding:
    since = moment(one.start_time_ms or 0)
    left = max(one.timeout_ms - age_ms, 0)
    said = f"{hidden}, held by {name} since {since} ({span(age_ms)})"
    if looks_random(name) and not names_a_stream(name):
        return LAST_STABLE_OFFSET.fault(
            about,
            f"{said}; the id looks random: if its process is dead, nobody comes back under it, and readers wait "
            f"{span(left)} more for its timeout",
            f"A producer that calls init_transactions as {name} ends it now; then see random-transactional-id.",
        )
    if age_ms > one.timeout_ms * OLD_SHARE:
        return LAST_STABLE_OFFSET.fault(
            about, f"{said}; a start of the processor with that id ends it at once, its timeout in {span(left)}"
        )
    return LAST_STABLE_OFFSET.warning(about, said)


# ---- random ids


def _random(facts: Chart) -> Iterator[Finding]:
    known, described = facts.transactions.known, facts.transactions.described
    if isinstance(known, Unread) or isinstance(described, Unread):
        yield RANDOM_ID.unknown("the coordinators", known if isinstance(known, Unread) else Unread("see above"))
        return
    ours = _topics(facts)
    open_here = {
        name
        for name, one in described.items()
        if one.state in OPEN_STATES and (not ours or {topic for topic, _ in one.partitions} & ours)
    }
    group = facts.subject.group
    random = [name for name in known if looks_random(name)]
    mine = [name for name in random if name in open_here or (group and group in name) or not ours]
    mine += [name for name in facts.subject.transactional_ids if looks_random(name) and name not in mine]
    if not mine:
        yield _all_seen(facts, RANDOM_ID, "no id looks as if each start had another one")
        return
    abandoned = {name for name in open_here if _is_old(facts, described[name])}
    kept = [name for name in mine if names_a_stream(name) and name not in abandoned]
    if kept:
        yield RANDOM_ID.warning(
            _first(kept),
            "is of the form of Kafka Streams, which keeps its UUID in the state directory: the same after a restart "
            "where that stays, another one where it does not",
        )
    others = [name for name in mine if name not in kept]
    if others:
        # Of a whole cluster's ids some may be of programs that keep a UUID on disk.
        tell = RANDOM_ID.fault if ours or open_here & set(others) else RANDOM_ID.warning
        yield tell(_first(others), "looks as if each start had another one")


def _is_old(facts: Chart, one: TransactionDescription) -> bool:
    """Whether a transaction is open for so long that its process is probably dead."""
    since = one.start_time_ms
    return since is not None and facts.transactions.looked_at_ms - since > one.timeout_ms * OLD_SHARE


def _first(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# ---- shared


def _all_seen(facts: Chart, rule: Rule, reason: str) -> Finding:
    """Good where every transactional.id is shown to us: brokers leave out silently what we may not describe."""
    complete = facts.transactions.complete
    if complete is True:
        return rule.good("the coordinators", reason)
    why = f" ({complete.why})" if isinstance(complete, Unread) else ""
    return rule.unknown(
        "the coordinators",
        f"{reason}, of those that we may see{why}",
        "Ask with a principal that may DESCRIBE every transactional.id.",
    )


def _topics(facts: Chart) -> AbstractSet[str]:
    """The topics that matter; none where the whole cluster does."""
    return dict.fromkeys((*facts.subject.inputs, *facts.subject.outputs)).keys()


def _partitions(facts: Chart) -> Iterator[tuple[str, PartitionFacts]]:
    for name, topic in facts.topics.items():
        if not isinstance(topic, Unread) and not topic.internal:
            for partition in topic.partitions:
                yield name, partition


def _offsets_partition(facts: Chart) -> Iterator[tuple[str, PartitionFacts]]:
    """The partition that keeps the group's offsets: what hangs there keeps them pending for ever."""
    offsets = facts.topics.get(OFFSETS_TOPIC)
    if facts.subject.group is None or not isinstance(offsets, TopicFacts) or not offsets.partitions:
        return
    number = offsets_partition(facts.subject.group, len(offsets.partitions))
    for partition in offsets.partitions:
        if partition.number == number:
            yield OFFSETS_TOPIC, partition


def offsets_partition(group: str, count: int) -> int:
    """The partition of `__consumer_offsets` that keeps a group's offsets: by Java's hash of its name."""
    value = 0
    for (unit,) in struct.iter_unpack(">H", group.encode("utf-16-be")):
        value = (31 * value + unit) & 0xFFFFFFFF
    signed = value - (1 << 32) if value >> 31 else value
    return 0 if signed == -(1 << 31) else abs(signed) % count


def _several(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 3 else f"{len(names)} partitions"
