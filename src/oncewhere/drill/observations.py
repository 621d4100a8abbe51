"""A trial's history and what was declared come in; what was seen on the wire and not declared goes out. Pure.

A verdict says where the work happened; an observation says what the processor does that its declaration does not say,
and that the guarantee hangs on. Observations accuse nobody: whoever reads them decides whether the declaration or the
processor is wrong. Each kind is a function of its own in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from oncewhere.wire.message import Direction
from oncewhere.wire.opacity import KIND as OPAQUE

from .history import Event, Happened, Wire, ids_by_life
from .observation import KAFKA, UNJUDGED, Declared, Kind, Observation, Requests, at, examples, listed, n_of, topics
from .observations_of_effects import KINDS as OF_EFFECTS
from .observations_of_effects import guessed_dedupe_row_apart

__all__ = ["UNJUDGED", "Declared", "Kind", "Observation", "connections", "observe", "together", "unread"]


def observe(events: Iterable[Event], declared: Declared) -> tuple[Observation, ...]:
    """Says what a trial showed that was not declared.

    Args:
        events: the trial's history, in order.
        declared: what the declaration says.
    """
    everything = list(events)
    requests = [event for event in everything if isinstance(event, Wire) and _is_sent(event)]
    found = [seen for kind in _KINDS for seen in kind(requests, declared)]
    return (
        *found,
        *unread(requests),
        *_blind_counts(everything),
        *_nothing_counted(everything, requests, declared),
        *_guessed_rows_apart(everything, requests, declared),
        *_unstable_identity(ids_by_life(everything, requests)),
        *connections(everything),
    )


def together(trials: Iterable[Sequence[Observation]]) -> tuple[Observation, ...]:
    """What several trials showed, each kind at each place once: as the trial says it that saw it most often.

    Of addresses past the proxies none is left out, whichever trial saw it.
    """
    found: dict[tuple[Kind, str], Observation] = {}
    for observations in trials:
        for seen in observations:
            known = found.get((seen.kind, seen.place))
            if known is not None and seen.kind is Kind.UNDECLARED_CONNECTION:
                found[seen.kind, seen.place] = _connected((*known.examples, *seen.examples))
            elif known is None or seen.count > known.count:
                found[seen.kind, seen.place] = seen
    return tuple(found.values())


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
            place=KAFKA,
            sentence=f"{n_of(sum(records.values()), 'record')} went to {topics(records)}, which processor.output does "
            "not name: what becomes of them is not judged",
            count=sum(records.values()),
            examples=examples(records),
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
            place=KAFKA,
            sentence=f"{n_of(sum(records.values()), 'record')} of {topics(records)} belonged to no transaction: a "
            f"crash "
            "between them and the offsets' commit doubles or loses them",
            count=sum(records.values()),
            examples=examples(records),
        )


def _offsets_outside(requests: Requests, declared: Declared) -> Iterator[Observation]:
    commits = [r for r in requests if r.kind == "OffsetCommit" and r.fields.get("group") == declared.group]
    if commits:
        yield Observation(
            kind=Kind.OFFSETS_OUTSIDE_THE_TRANSACTION,
            place=KAFKA,
            sentence=f"{n_of(len(commits), 'OffsetCommit')} of group {declared.group} belonged to no transaction: "
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
            place=KAFKA,
            sentence=f"positions were committed for {listed(groups)}, but processor.group is {declared.group}",
            count=sum(groups.values()),
            examples=examples(groups),
        )


def _unstable_identity(instances: Iterable[dict[int, set[str]]]) -> Iterator[Observation]:
    restarted = [lives for lives in instances if len(lives) > 1 and not set.intersection(*lives.values())]
    if restarted:
        names = list(dict.fromkeys(name for lives in restarted for used in lives.values() for name in sorted(used)))
        yield Observation(
            kind=Kind.UNSTABLE_IDENTITY,
            place=KAFKA,
            sentence="no transactional.id of one life was used by the next: an open transaction stays open until it "
            "times out, and no zombie is fenced by its successor's producer",
            count=len(names),
            examples=examples(names),
        )


def _reads_uncommitted(requests: Requests, declared: Declared) -> Iterator[Observation]:
    known = (declared.input_topic, *declared.output_topics)
    found: dict[str, int] = {}
    for request in requests:
        if request.kind == "Fetch" and request.fields.get("isolation_level") == "read_uncommitted":
            for topic in set(known) & set(request.fields.get("topics") or ()):
                found[topic] = found.get(topic, 0) + 1
    if found:
        yield Observation(
            kind=Kind.READS_UNCOMMITTED,
            place=KAFKA,
            sentence=f"{listed(found)} is read with isolation.level=read_uncommitted: records of aborted transactions "
            "are taken for real ones",
            count=sum(found.values()),
            examples=examples(found),
        )


def connections(events: Iterable[Event]) -> Iterator[Observation]:
    """Says to whom the processor was connected past the proxies; for that no declaration is needed."""
    addresses = [str(e.fields["address"]) for e in events if isinstance(e, Happened) and e.what == "elsewhere"]
    if addresses:
        yield _connected(addresses)


def _guessed_rows_apart(events: Iterable[Event], requests: Requests, declared: Declared) -> Iterator[Observation]:
    for event in events:
        if isinstance(event, Happened) and event.what == "unique-keys":
            yield from guessed_dedupe_row_apart(requests, declared, event.fields["place"], event.fields["tables"])


def _blind_counts(events: Iterable[Event]) -> Iterator[Observation]:
    for event in events:
        if isinstance(event, Happened) and event.what == "counted-blindly":
            table, column = event.fields["table"], event.fields["column"]
            yield Observation(
                kind=Kind.BLIND_COUNT,
                place=event.fields["place"],
                sentence=f"observe counts the rows of {table}, of which the database keeps one for each {column}: a "
                "second time cannot show there",
                count=1,
                examples=(f"{table}.{column}",),
            )


def _nothing_counted(events: Iterable[Event], requests: Requests, declared: Declared) -> Iterator[Observation]:
    for event in events:
        if not (isinstance(event, Happened) and event.what == "found" and event.fields["place"] in declared.effects):
            continue
        place = event.fields["place"]
        writes = sum(request.boundary for request in at(requests, place))
        empty = not event.fields.get("counts") and not event.fields.get("unidentified")
        if empty and writes and declared.effects[place].observe is not None:
            yield Observation(
                kind=Kind.NOTHING_COUNTED,
                place=place,
                sentence=f"{n_of(writes, 'write')} reached {place}, and observe finds nothing there: it must count "
                f"the rows that are written, by {declared.identity or 'the identity'}",
                count=writes,
            )


def unread(events: Iterable[Event]) -> Iterator[Observation]:
    """Says which connections could not be read to their end; for that no declaration is needed either."""
    reasons: dict[str, dict[str, int]] = {}
    for event in events:
        if isinstance(event, Wire) and event.kind == OPAQUE:
            place = event.link.rpartition("#")[0]
            why = str(event.fields.get("reason"))
            reasons.setdefault(place, {})[why] = reasons.get(place, {}).get(why, 0) + 1
    for place, found in reasons.items():
        yield Observation(
            kind=Kind.UNREAD,
            place=place,
            sentence=f"{n_of(sum(found.values()), 'connection')} to {place} could not be read to the end: no crash is "
            "placed behind that, and what happened there is not seen",
            count=sum(found.values()),
            examples=examples(found),
        )


def _connected(addresses: Iterable[str]) -> Observation:
    each = tuple(dict.fromkeys(addresses))
    return Observation(
        kind=Kind.UNDECLARED_CONNECTION,
        place="elsewhere",
        sentence=f"the processor was connected to {listed(each)}, which is no declared effect: what it does there is "
        "neither seen nor judged",
        count=len(each),
        examples=each,
    )


_KINDS: tuple[Callable[[Requests, Declared], Iterator[Observation]], ...] = (
    _undeclared_topics,
    _outside_the_transaction,
    _offsets_outside,
    _another_group,
    _reads_uncommitted,
    *OF_EFFECTS,
)


def _produced(requests: Requests) -> Iterator[tuple[str, int]]:
    for request in requests:
        if request.kind == "Produce":
            for entry in request.fields.get("partitions") or ():
                yield str(entry["topic"]), int(entry["records"])
