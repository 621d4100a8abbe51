"""A trial's history and what was declared come in; what was seen on the wire and not declared goes out. Pure.

A verdict says where the work happened; an observation says what the processor does that its declaration does not say,
and that the guarantee hangs on. Observations accuse nobody: whoever reads them decides whether the declaration or the
processor is wrong. Each kind is a function of its own in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from oncewhere.wire.message import Direction
from oncewhere.wire.opacity import KIND as OPAQUE

from .effect import Effect
from .footprints import apart, tables_read, transactions
from .history import Event, Wire
from .repeated_keys import repeated_keys

EXAMPLES_SHOWN = 5
READ_ONLY = "read-only"
KEY_POLICY = "idempotency-key"
_KAFKA = "kafka"


class Kind(StrEnum):
    """What was observed; the text is its name in reports."""

    UNDECLARED_TOPIC = "undeclared-topic"
    OUTSIDE_THE_TRANSACTION = "outside-the-transaction"
    OFFSETS_OUTSIDE_THE_TRANSACTION = "offsets-outside-the-transaction"
    ANOTHER_GROUP = "another-group"
    UNSTABLE_IDENTITY = "unstable-transactional-id"
    READS_UNCOMMITTED = "reads-uncommitted"
    ANOTHER_DATABASE = "another-database"
    WRITES_THOUGH_READ_ONLY = "writes-though-read-only"
    NEVER_USED = "never-used"
    NO_IDEMPOTENCY_KEY = "no-idempotency-key"
    CHANGING_IDEMPOTENCY_KEY = "changing-idempotency-key"
    RANDOM_IDEMPOTENCY_KEY = "random-idempotency-key"
    DEDUPE_ROW_APART = "dedupe-row-apart"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something that was seen and not declared.

    Attributes:
        kind: what.
        place: where: `kafka`, or an effect's name.
        sentence: what was seen, and why it matters.
        count: how often.
        examples: names worth showing (topics, groups, tables), each once.
    """

    kind: Kind
    place: str
    sentence: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the declaration says of what can be seen on the wire.

    Attributes:
        input_topic: the topic that is consumed.
        output_topics: the topics that are produced.
        group: the consumer group.
        effects: by name.
        databases: by effect, the name of the trial's database, where it has one.
        dedupe_tables: by effect, the table whose unique key is to prevent the duplicate, where one is declared.
    """

    input_topic: str
    output_topics: Sequence[str]
    group: str
    effects: Mapping[str, Effect]
    databases: Mapping[str, str] = field(default_factory=dict)
    dedupe_tables: Mapping[str, str] = field(default_factory=dict)


def observe(events: Iterable[Event], declared: Declared) -> tuple[Observation, ...]:
    """Says what a trial showed that was not declared.

    Args:
        events: the trial's history, in order.
        declared: what the declaration says.
    """
    requests = [event for event in events if isinstance(event, Wire) and _is_sent(event)]
    return tuple(found for kind in _KINDS for found in kind(requests, declared))


def together(trials: Iterable[Sequence[Observation]]) -> tuple[Observation, ...]:
    """What several trials showed, each kind at each place once: as the trial says it that saw it most often."""
    found: dict[tuple[Kind, str], Observation] = {}
    for observations in trials:
        for seen in observations:
            known = found.get((seen.kind, seen.place))
            if known is None or seen.count > known.count:
                found[seen.kind, seen.place] = seen
    return tuple(found.values())


Requests = Sequence[Wire]


def _is_sent(event: Wire) -> bool:
    """True for a request that left, and for whichever message says that its link can no longer be read."""
    return event.kind == OPAQUE or (event.direction == Direction.REQUEST and event.outcome != "dropped")


def _undeclared_topics(requests: Requests, declared: Declared) -> Iterator[Observation]:
    records: dict[str, int] = {}
    for topic, count in _produced(requests):
        if topic not in declared.output_topics:
            records[topic] = records.get(topic, 0) + count
    if records:
        yield Observation(
            kind=Kind.UNDECLARED_TOPIC,
            place=_KAFKA,
            sentence=f"{_n(sum(records.values()), 'record')} went to {_topics(records)}, which processor.output does "
            "not name: what becomes of them is not judged",
            count=sum(records.values()),
            examples=_examples(records),
        )


def _outside_the_transaction(requests: Requests, _: Declared) -> Iterator[Observation]:
    outside = [r for r in requests if r.kind == "Produce" and not r.fields.get("partial")]
    outside = [r for r in outside if r.fields.get("transactional_id") is None and not r.fields.get("transactional")]
    records: dict[str, int] = {}
    for topic, count in _produced(outside):
        records[topic] = records.get(topic, 0) + count
    if records:
        yield Observation(
            kind=Kind.OUTSIDE_THE_TRANSACTION,
            place=_KAFKA,
            sentence=f"{_n(sum(records.values()), 'record')} of {_topics(records)} belonged to no transaction: a crash "
            "between them and the offsets' commit doubles or loses them",
            count=sum(records.values()),
            examples=_examples(records),
        )


def _offsets_outside(requests: Requests, declared: Declared) -> Iterator[Observation]:
    commits = [r for r in requests if r.kind == "OffsetCommit" and r.fields.get("group") == declared.group]
    if commits:
        yield Observation(
            kind=Kind.OFFSETS_OUTSIDE_THE_TRANSACTION,
            place=_KAFKA,
            sentence=f"{_n(len(commits), 'OffsetCommit')} of group {declared.group} belonged to no transaction: "
            "consumed positions and outputs become final at different times",
            count=len(commits),
            examples=(declared.group,),
        )


def _another_group(requests: Requests, declared: Declared) -> Iterator[Observation]:
    groups: dict[str, int] = {}
    for request in requests:
        group = request.fields.get("group")
        if request.kind in {"OffsetCommit", "TxnOffsetCommit"} and group not in {None, declared.group}:
            groups[str(group)] = groups.get(str(group), 0) + 1
    if groups:
        yield Observation(
            kind=Kind.ANOTHER_GROUP,
            place=_KAFKA,
            sentence=f"positions were committed for {_listed(groups)}, but processor.group is {declared.group}",
            count=sum(groups.values()),
            examples=_examples(groups),
        )


def _unstable_identity(requests: Requests, _: Declared) -> Iterator[Observation]:
    by_life: dict[int, set[str]] = {}
    for request in requests:
        name = request.fields.get("transactional_id")
        if request.kind == "InitProducerId" and name is not None:
            by_life.setdefault(request.life, set()).add(str(name))
    if len(by_life) > 1 and not set.intersection(*by_life.values()):
        names = list(dict.fromkeys(name for names in by_life.values() for name in sorted(names)))
        yield Observation(
            kind=Kind.UNSTABLE_IDENTITY,
            place=_KAFKA,
            sentence="no transactional.id of one life was used by the next: an open transaction stays open until it "
            "times out, and no zombie is fenced by its successor's producer",
            count=len(names),
            examples=_examples(names),
        )


def _reads_uncommitted(requests: Requests, declared: Declared) -> Iterator[Observation]:
    fetches = [
        r
        for r in requests
        if r.kind == "Fetch"
        and r.fields.get("isolation_level") == "read_uncommitted"
        and declared.input_topic in (r.fields.get("topics") or ())
    ]
    if fetches:
        yield Observation(
            kind=Kind.READS_UNCOMMITTED,
            place=_KAFKA,
            sentence=f"{declared.input_topic} is read with isolation.level=read_uncommitted: records of aborted "
            "transactions are processed too",
            count=len(fetches),
            examples=(declared.input_topic,),
        )


def _another_database(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, database in declared.databases.items():
        elsewhere: dict[str, int] = {}
        connected = {r.link: r.fields.get("database") for r in _at(requests, place) if r.kind == "startup"}
        for request in _at(requests, place):
            if not request.boundary:
                continue
            at = connected.get(request.link)
            targets = [str(target) for target in request.fields.get("targets") or ()]
            qualified = [
                t for t in targets if request.system == "mysql" and "." in t and not t.startswith(database + ".")
            ]
            if at is not None and at != database:
                elsewhere[str(at)] = elsewhere.get(str(at), 0) + 1
            for target in qualified:
                elsewhere[target] = elsewhere.get(target, 0) + 1
        if elsewhere:
            yield Observation(
                kind=Kind.ANOTHER_DATABASE,
                place=place,
                sentence=f"{_n(sum(elsewhere.values()), 'write')} went to {_listed(elsewhere)} and not to the drill's "
                f"database: they are not observed, and not undone between trials",
                count=sum(elsewhere.values()),
                examples=_examples(elsewhere),
            )


def _writes_though_read_only(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        writes = [r for r in _at(requests, place) if r.boundary]
        if effect.policy == READ_ONLY and writes:
            told = [t for r in writes for t in (r.fields.get("targets") or r.fields.get("keys") or (r.kind,))]
            yield Observation(
                kind=Kind.WRITES_THOUGH_READ_ONLY,
                place=place,
                sentence=f"{_n(len(writes), 'writing request')} reached {place}, whose declared policy is {READ_ONLY}",
                count=len(writes),
                examples=_examples(str(target) for target in told),
            )


def _never_used(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        writes = any(request.boundary for request in _at(requests, place))
        if not writes and effect.policy != READ_ONLY and effect.system != "sqlite":
            yield Observation(
                kind=Kind.NEVER_USED,
                place=place,
                sentence=f"nothing was written to {place}: is its address taken from the environment?",
                count=0,
            )


def _idempotency_keys(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        if effect.system != "http" or effect.policy != KEY_POLICY:
            continue
        sent = [r for r in _at(requests, place) if r.boundary]
        keyless = [r for r in sent if r.fields.get("idempotency_key") is None]
        if keyless:
            yield Observation(
                kind=Kind.NO_IDEMPOTENCY_KEY,
                place=place,
                sentence=f"{_n(len(keyless), 'request')} to {place} carried no Idempotency-Key, which is its policy",
                count=len(keyless),
                examples=_examples(f"{r.kind} {r.fields.get('target')}" for r in keyless),
            )
        keys: dict[str, set[str]] = {}
        for request in sent:
            identity, key = request.fields.get("identity"), request.fields.get("idempotency_key")
            if identity is not None and key is not None:
                keys.setdefault(str(identity), set()).add(str(key))
        changing = [identity for identity, found in keys.items() if len(found) > 1]
        if changing:
            yield Observation(
                kind=Kind.CHANGING_IDEMPOTENCY_KEY,
                place=place,
                sentence=f"{_n(len(changing), 'event')} had another Idempotency-Key when {place} was asked again: the "
                "key is not made from the event",
                count=len(changing),
                examples=_examples(changing),
            )


def _random_keys(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        found = repeated_keys([list(_at(requests, place))]) if effect.policy == KEY_POLICY else None
        if found is not None and found.random and not found.changed:
            yield Observation(
                kind=Kind.RANDOM_IDEMPOTENCY_KEY,
                place=place,
                sentence=f"every Idempotency-Key to {place} looks drawn at random (UUIDs of version 4): unless it "
                f"is kept "
                "with the event, a redelivered event gets another one. A drill shows which: after-effect",
                count=found.events,
            )


def _dedupe_row_apart(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, table in declared.dedupe_tables.items():
        found = transactions(list(_at(requests, place)))
        effect = declared.effects[place]
        tables = apart(found, table, tables_read(effect.observe, effect.system))
        if tables:
            yield Observation(
                kind=Kind.DEDUPE_ROW_APART,
                place=place,
                sentence=f"{table} and {_listed(tables)} were never written in one database transaction: a crash "
                f"between "
                "the two commits doubles or loses the effect",
                count=len(found),
                examples=_examples(tables),
            )


def _unread(requests: Requests, _: Declared) -> Iterator[Observation]:
    reasons: dict[str, dict[str, int]] = {}
    for request in requests:
        if request.kind == OPAQUE:
            place = request.link.rpartition("#")[0]
            why = str(request.fields.get("reason"))
            reasons.setdefault(place, {})[why] = reasons.get(place, {}).get(why, 0) + 1
    for place, found in reasons.items():
        yield Observation(
            kind=Kind.UNREAD,
            place=place,
            sentence=f"{_n(sum(found.values()), 'connection')} to {place} could not be read to the end: no crash is "
            "placed behind that, and what happened there is not seen",
            count=sum(found.values()),
            examples=_examples(found),
        )


_KINDS: tuple[Callable[[Requests, Declared], Iterator[Observation]], ...] = (
    _undeclared_topics,
    _outside_the_transaction,
    _offsets_outside,
    _another_group,
    _unstable_identity,
    _reads_uncommitted,
    _another_database,
    _writes_though_read_only,
    _never_used,
    _idempotency_keys,
    _random_keys,
    _dedupe_row_apart,
    _unread,
)


def _at(requests: Requests, place: str) -> Iterator[Wire]:
    return (request for request in requests if request.link.rpartition("#")[0] == place)


def _produced(requests: Requests) -> Iterator[tuple[str, int]]:
    for request in requests:
        if request.kind == "Produce":
            for entry in request.fields.get("partitions") or ():
                yield str(entry["topic"]), int(entry["records"])


def _n(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _topics(found: Iterable[str]) -> str:
    return f"topic {_listed(found)}"


def _listed(found: Iterable[str]) -> str:
    names = list(found)
    shown = ", ".join(names[:EXAMPLES_SHOWN])
    return f"{shown} and {len(names) - EXAMPLES_SHOWN} more" if len(names) > EXAMPLES_SHOWN else shown


def _examples(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:EXAMPLES_SHOWN]
