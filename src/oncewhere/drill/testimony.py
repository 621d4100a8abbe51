"""A trial's history comes in; the evidence that it gives goes out: what was put in, what was found, who wrote too late.

Everything that a trial is judged by stands in its history, and it is judged by what is read back from there: so another
machine, without any server, comes to the same verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from .checks import Evidence, InputSeen, OutputSeen, PlaceSeen, ProgressSeen
from .history import Event, Happened, History
from .late_writes import late_writes
from .result import Crash

FORMAT = 1
"""Version of the history's own records; raised when one changes its meaning."""

BLINDED: Final = (
    "observe counts what purge deletes, so what is missing was perhaps forgotten; let it count the effect's own rows, "
    "in a table that is not purged"
)

BESIDE = frozenset({"format", "began"})
"""What stands in the first record beside the subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSubject:
    """What a history is about.

    Attributes:
        version: the version's name.
        plan: the plan's id.
        point: what is said of its first point; None for a clean run.
        name: the named crash that it is, if it is one.
        noun: what one input is called, in the plural.
        input_topic: the processor's input.
        group: its group.
        judged: the places that get a verdict; what was found at others may be evidence all the same.
        compared: pairs of an effect and an output topic whose values are to agree.
        aborted: identities of records of the input whose transaction was aborted.
    """

    version: str
    plan: str
    point: str | None
    name: str | None
    noun: str
    input_topic: str
    group: str
    judged: tuple[str, ...]
    compared: tuple[tuple[str, str], ...] = ()
    aborted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What a history says.

    Attributes:
        subject: what it is about.
        evidence: what the checks may look at.
        crashes: the proof of each kill.
        reached: True when every point of the plan was reached.
        events: everything, in order.
    """

    subject: TrialSubject
    evidence: Evidence
    crashes: tuple[Crash, ...] = ()
    reached: bool = True
    events: Sequence[Event] = field(default_factory=tuple)


class UnreadableHistoryError(Exception):
    """A history does not say enough to be judged: it is older, or the trial did not come to its end."""


def write_subject(history: History, subject: TrialSubject) -> None:
    """Begins a history with what it is about."""
    began = datetime.now(UTC).isoformat(timespec="milliseconds")  # so that other logs can be laid beside it
    history.happened("trial", format=FORMAT, began=began, **msgspec.to_builtins(subject))


def write_inputs(history: History, inputs: Sequence[InputSeen]) -> None:
    """Writes down every input: identity, partition, offset, key."""
    history.happened("inputs", records=[[i.identity, i.partition, i.offset, i.key] for i in inputs])


def write_found(history: History, places: Sequence[PlaceSeen]) -> None:
    """Writes down what was found at every place."""
    for place in places:
        history.happened("found", **_compact(place))


def write_ended(history: History, progress: ProgressSeen, crashes: Sequence[Crash], *, reached: bool) -> None:
    """Writes down how far the group came, and the proof of every kill."""
    history.happened(
        "ended", progress=msgspec.to_builtins(progress), crashes=msgspec.to_builtins(crashes), reached=reached
    )


def take_testimony(events: Iterable[Event]) -> Testimony:
    """Reads a history.

    Raises:
        UnreadableHistoryError: something is missing in it.
    """
    everything = tuple(events)
    told: dict[str, Mapping[str, Any]] = {}
    written: list[Sequence[Any]] = []
    places: list[PlaceSeen] = []
    blinded: set[str] = set()
    for event in everything:
        if isinstance(event, Happened) and event.what in {"trial", "inputs", "ended"}:
            told[event.what] = event.fields
            if event.what == "inputs":
                written.append(event.fields["records"])
        elif isinstance(event, Happened) and event.what == "found":
            places.append(_place(event.fields))
        elif isinstance(event, Happened) and event.what == "purged" and event.fields.get("blinded"):
            blinded.add(event.fields["place"])
    for what in ("trial", "inputs", "ended"):
        if what not in told:
            raise UnreadableHistoryError(f"the history has no record {what!r}: the trial did not come to its end")
    if told["trial"].get("format") != FORMAT:
        raise UnreadableHistoryError(f"the history is of another format ({told['trial'].get('format')})")
    try:
        subject = msgspec.convert({k: v for k, v in told["trial"].items() if k not in BESIDE}, TrialSubject)
        inputs = tuple(
            InputSeen(
                identity=identity, partition=partition, offset=offset, key=key, settled=records is not written[-1]
            )
            for records in written
            for identity, partition, offset, key in records
        )
        progress = msgspec.convert(told["ended"]["progress"], ProgressSeen, strict=False)
        crashes = msgspec.convert(told["ended"]["crashes"], tuple[Crash, ...])
        reached = bool(told["ended"]["reached"])
    except (msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
        raise UnreadableHistoryError(f"the history is damaged: {error}") from None
    found = {place.place for place in places}
    if lacking := [name for name in subject.judged if name not in found]:
        raise UnreadableHistoryError(
            f"the history does not say what was found at {', '.join(lacking)}: it ends before, or was cut"
        )
    evidence = Evidence(
        inputs=inputs,
        places=tuple(
            replace(seen, hidden=seen.hidden or BLINDED) if seen.place in blinded else seen for seen in places
        ),
        progress=progress,
        aborted=frozenset(subject.aborted),
        zombies=late_writes(everything),
        compared=subject.compared,
    )
    return Testimony(subject=subject, evidence=evidence, crashes=crashes, reached=reached, events=everything)


def _compact(place: PlaceSeen) -> dict[str, Any]:
    """The fields that say something; a topic's records say how often each identity was found."""
    data: dict[str, Any] = {"place": place.place, "system": place.system}
    if place.records:
        data["records"] = [[r.identity, r.partition, r.offset, r.key] for r in place.records]
    else:
        data["counts"] = dict(place.counts)
    for name in ("unidentified", "hidden", "in_doubt", "values"):
        if value := getattr(place, name):
            data[name] = value
    return data


def _place(fields: Mapping[str, Any]) -> PlaceSeen:
    records = tuple(OutputSeen(identity=i, partition=p, offset=o, key=k) for i, p, o, k in fields.get("records", ()))
    counts: dict[str, int] = dict(fields.get("counts", {}))
    for record in records:
        counts[record.identity] = counts.get(record.identity, 0) + 1
    rest = {name: fields[name] for name in ("unidentified", "hidden", "in_doubt", "values") if name in fields}
    return PlaceSeen(place=fields["place"], system=fields["system"], counts=counts, records=records, **rest)
