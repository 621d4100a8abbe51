"""The history of a clean run that did not finish comes in; the likeliest reason that the wire shows goes out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from oncewhere.wire.message import Direction
from oncewhere.wire.opacity import KIND as OPAQUE

from .deadline import LIMIT_FACTOR
from .declaration import Version
from .effect import SQL_SYSTEMS
from .history import Event, Wire
from .inputs import Input
from .observation import Declared, Kind, listed
from .observations import observe

NUMBER = "number"
"""What the inputs carry beside their identity that `init` writes."""


def reasons(events: Iterable[Event], declared: Declared) -> tuple[str, ...]:
    """Sentences about topics and groups that are not the declared ones, and about what was unread or refused.

    Args:
        events: the run's history, in order.
        declared: what the declaration says.

    Returns:
        A sentence for each; empty where the wire shows no such thing.
    """
    everything = list(events)
    wires = [event for event in everything if isinstance(event, Wire)]
    seen = {o.kind: o.sentence for o in observe(everything, declared) if o.kind in _OBSERVED}
    joined = () if Kind.ANOTHER_GROUP in seen else _another_group(wires, declared)
    told = (
        *_missing_topics(wires, declared),
        *_another_input(wires, declared),
        *joined,
        *seen.values(),
        *_unread(wires),
        *_refused(wires, declared),
    )
    return tuple(f"{sentence[0].upper()}{sentence[1:]}{'' if sentence.endswith('?') else '.'}" for sentence in told)


def slow(deadline_s: float) -> str:
    """What to do about a processor that was still going on.

    Args:
        deadline_s: how long it may go without progress.
    """
    return (
        f"It has {deadline_s:.0f} s without progress, and {LIMIT_FACTOR} times that in all. This machine may be too "
        f"slow for it, or too busy: do one trial at a time (-j 1), or give it more (--deadline {4 * deadline_s:.0f})."
    )


def lacking(version: Version, inputs: Sequence[Input]) -> tuple[str, ...]:
    """Sentences about what the declaration gives a processor too little of, where it ended in the clean run.

    Args:
        version: what is drilled.
        inputs: all that it was given.
    """
    told = []
    identity, file = version.processor.identity, version.settings.inputs
    beside = identity == "key" or ":" in identity
    fields = {NUMBER} if beside else {identity, NUMBER}
    if isinstance(file, str) and inputs and all(_fields(record) == fields for record in inputs):
        told.append(
            f"The inputs are those that init wrote, with no more than {identity} and {NUMBER}: put the fields that "
            f"your processor reads into {file}."
        )
    told += [
        f"effects.{name}.schema is not declared, so its database begins empty: name the SQL file that makes its "
        "tables, unless the processor makes them itself."
        for name, effect in version.effects.items()
        if effect.system in SQL_SYSTEMS and effect.schema is None
    ]
    return tuple(told)


def _fields(record: Input) -> set[str]:
    """Of its value; none where it is no object."""
    value = msgspec.json.decode(record.value)
    return set(value) if isinstance(value, dict) else set()


def _missing_topics(wires: Sequence[Wire], declared: Declared) -> Iterator[str]:
    """It asked for a topic that is not there: the declaration makes the declared ones, and no other."""
    missing = [topic for wire in wires if wire.kind == "Metadata" for topic in _names(wire, "missing")]
    used = {topic for wire in wires if wire.kind == "Fetch" for topic in _names(wire, "topics")}
    known = {declared.input_topic, *declared.output_topics, *used}
    found = [topic for topic in dict.fromkeys(missing) if topic not in known and not topic.endswith(_OF_STREAMS)]
    if found:
        yield (
            f"it asked Kafka for {listed(found)}, which the declaration does not name and the drill's Kafka does not "
            f"have: processor.input is {declared.input_topic}, processor.output is {listed(declared.output_topics)}"
        )


def _another_input(wires: Sequence[Wire], declared: Declared) -> Iterator[str]:
    """It reads a topic that is there, and not the one that the inputs are written to."""
    read = dict.fromkeys(topic for wire in wires if wire.kind == "Fetch" for topic in _names(wire, "topics"))
    if read and declared.input_topic not in read:
        yield f"it reads {listed(read)} and never {declared.input_topic}, which processor.input is"


def _another_group(wires: Sequence[Wire], declared: Declared) -> Iterator[str]:
    """A group is joined long before it commits."""
    requests = [wire for wire in wires if wire.kind in _JOINS and wire.direction == Direction.REQUEST]
    joined = dict.fromkeys(str(wire.fields["group"]) for wire in requests if wire.fields.get("group"))
    if joined and declared.group not in joined:
        yield f"it joined group {listed(joined)}, but processor.group is {declared.group}"


def _unread(wires: Sequence[Wire]) -> Iterator[str]:
    """Behind what cannot be read no commit is seen, and no effect."""
    found = {wire.link.rpartition("#")[0]: wire.fields.get("reason") for wire in wires if wire.kind == OPAQUE}
    for place, reason in found.items():
        yield f"a connection to {place} could not be read to its end: {reason}"


def _refused(wires: Sequence[Wire], declared: Declared) -> Iterator[str]:
    """A place whose last answer was an error: a processor may hang in its own clean-up behind it, and say nothing."""
    for place in declared.effects:
        answers = (wire for wire in wires if wire.place == place and wire.direction == Direction.REPLY)
        last = max(answers, key=lambda wire: wire.t, default=None)
        if last is not None and (state := last.fields.get("sqlstate")):
            names = [f"{name} {last.fields[name]}" for name in ("table", "constraint") if last.fields.get(name)]
            what = ", ".join([str(last.fields.get("error", "error")), *names])
            yield (
                f"the last that {place} answered is SQLSTATE {state} ({what}): do the inputs have the fields that the "
                f"processor reads, and does effects.{place}.schema make its tables?"
            )


_OF_STREAMS = ("-changelog", "-repartition")
"""How the topics end that Kafka Streams makes for itself, and asks for before it has made them."""
_OBSERVED = (Kind.ANOTHER_GROUP, Kind.UNDECLARED_TOPIC)
_JOINS = frozenset({"JoinGroup", "ConsumerGroupHeartbeat", "StreamsGroupHeartbeat"})


def _names(wire: Wire, field: str) -> tuple[str, ...]:
    given = wire.fields.get(field)
    return tuple(map(str, given)) if isinstance(given, list | tuple) else ()
