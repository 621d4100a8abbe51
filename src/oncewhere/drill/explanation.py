"""A history and a finding come in; how it came about goes out, a sentence each, the contradiction last.

Only what the history says is told. A link of the chain that it does not show is left out, never supposed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeGuard, TypeVar

from oncewhere.wire.message import Direction

from .checks import Finding, InputSeen
from .checks.finding import many
from .departures import departed
from .history import Event, Happened, Wire
from .intervals import CONFIRMED
from .scenario import Action
from .testimony import Testimony
from .twice import may_come_again, publications, told_apart
from .verdict import Verdict

RANGES_SHOWN = 3
COMMITS_SHOWN = 3
_E = TypeVar("_E", Wire, Happened)
FIRST_LIFE = 1


def explain(testimony: Testimony, finding: Finding) -> tuple[str, ...]:
    """Why the verdict about a place is what it is.

    Args:
        testimony: the trial's history.
        finding: one that is violated.
    """
    story = _Story(testimony, finding)
    return (*story.first_life(), *story.kill(), *story.next_lives(), story.contradiction())


class _Story:
    """Tells one violation, in the order of time."""

    def __init__(self, testimony: Testimony, finding: Finding) -> None:
        self._testimony = testimony
        self._finding = finding
        self._affected = _affected(testimony, finding)

    def first_life(self) -> Iterator[str]:
        """What was durable when the processor died."""
        for told in self._events(Happened):
            if told.what == "aborted upstream":
                records = many(told.fields["records"], "event was", "events were")
                yield f"{_at(told.t)} {records} written in a transaction that was aborted: nobody may act on such"
        sprung = self._sprung()
        if sprung is None:
            return
        interval, done = self._interval_at(sprung), Counter[str]()
        first: dict[str, float] = {}
        for event in self._until(sprung):
            if _confirms_effect(event) and event.interval == interval:
                done[event.place] += 1
                first.setdefault(event.place, event.t)
        for place, number in done.items():
            times = f"{number} time{'' if number == 1 else 's'} in commit interval {interval}"
            yield f"{_at(first[place])} {place} confirmed what it was sent, {times}: durable, whatever Kafka does"

    def kill(self) -> Iterator[str]:
        """What was done to it, and what the cluster knew afterwards."""
        sprung = self._sprung()
        if sprung is None:
            yield f"nobody was killed or held; this was {self._testimony.subject.plan}"
            return
        message = self._message_at(sprung)
        if message is not None:
            name = message.fields.get("transactional_id")
            whose = f" of {name}" if name else ""
            fate = _FATES.get((message.direction, message.outcome), str(message.outcome))
            done = _DONE[Action(sprung.fields.get("action", Action.KILL))]
            yield f"{_at(sprung.t)} {message.place} {message.kind}{whose} {fate}; {done}"
        for event in self._events(Happened):
            if event.what == "transactions" and event.t >= sprung.t:
                states = ", ".join(f"{name} {state}" for name, state in event.fields["states"].items())
                if states:
                    yield f"{_at(event.t)} the cluster says of the transaction: {states}"
            elif event.what == "committed" and event.t >= sprung.t:
                yield f"{_at(event.t)} the group's committed offsets: {self._offsets(event)}"

    def next_lives(self) -> Iterator[str]:
        """What the processor did when it was started again."""
        for event in self._events(Happened):
            if event.what == "started" and event.fields.get("life", FIRST_LIFE) > FIRST_LIFE:
                yield f"{_at(event.t)} {_beginning(event)} (life {event.fields['life']})"
            elif event.what in _TURNS:
                yield f"{_at(event.t)} {_TURNS[event.what]}"
        resumed = self._resumed()
        if resumed is not None:
            where = ", ".join(
                f"{entry['topic']}-{entry['partition']} @ {max(0, entry.get('offset', -1))}"
                for entry in resumed.fields["offsets"]
            )
            yield f"{_at(resumed.t)} it is told to go on at {where}"
        if not self._affected:
            return
        if self._finding.verdict in {Verdict.DUPLICATE, Verdict.ZOMBIE_WRITE}:
            yield from self._more_than_once()
            if self._finding.verdict is Verdict.ZOMBIE_WRITE:
                yield f"and the process that had a successor was let: {self._finding.sentence}"
        elif self._finding.verdict is Verdict.LOST:
            yield from self._committed_past()

    def contradiction(self) -> str:
        """What was to hold, against what was found."""
        finding, noun = self._finding, self._testimony.subject.noun
        number = len(self._affected)
        what = _one(noun) if number == 1 else noun
        match finding.verdict:
            case Verdict.DUPLICATE | Verdict.ZOMBIE_WRITE:
                times = "twice" if finding.most == 2 else f"up to {finding.most} times"
                return f"so {number} {what} happened {times} at {finding.place}, and once was wanted"
            case Verdict.LOST:
                return f"so {number} {what} never happened at {finding.place}, and nothing will bring {_them(number)}"
            case _:
                return f"so at {finding.place}: {finding.sentence}"

    # ---- what the history shows

    def _more_than_once(self) -> Iterator[str]:
        """What was published twice, and what Kafka handed out again: that only where anything made it do so."""
        twice = told_apart(self._testimony, self._finding.place, self._affected)
        again = may_come_again(self._testimony)
        yield from publications(twice, self._testimony.subject.input_topic, may_have_come_again=again)
        if twice.again and again:
            yield f"so {self._positions(twice.again)} {_was(twice.again)} redelivered"
            yield from self._done_again()
        elif twice.again:
            yield f"nothing shows that {self._positions(twice.again)} {_was(twice.again)} redelivered"

    def _done_again(self) -> Iterator[str]:
        place, kafka = self._finding.place, self._finding.system == "kafka"
        told = self._resumed()
        since = 0.0 if told is None else told.t  # before it knows where to go on, it makes its tables at most
        again = [
            event
            for event in self._wire_of_next_life()
            if event.t >= since
            and ((_confirms_effect(event) and event.place == place) if not kafka else _writes(event, place))
        ]
        if again:
            what = "produced" if kafka else "did"
            yield f"{_at(again[0].t)} {place}: the next life {what} it again, and was confirmed"

    def _committed_past(self) -> Iterator[str]:
        """The commits that said that missing inputs are done, each with those that it said it of first."""
        topic, left, told = self._testimony.subject.input_topic, self._affected, 0
        for event in self._commits():
            past = {e["partition"]: e["offset"] for e in event.fields.get("offsets", ()) if e["topic"] == topic}
            done = [entry for entry in left if past.get(entry.partition, -1) > entry.offset]
            if not done:
                continue
            left = [entry for entry in left if entry not in done]
            told += 1
            if told > COMMITS_SHOWN:
                yield f"and later commits called {len(done) + len(left)} more done"
                return
            where = ", ".join(f"{topic}-{number} @ {past[number]}" for number in sorted({e.partition for e in done}))
            yield (
                f"{_at(event.t)} {event.kind} (life {event.life}) commits {where}: "
                f"{self._positions(done)} {_was(done)} called done"
            )

    def _commits(self) -> Iterator[Wire]:
        """Requests that committed positions; that of a transaction counts once it is committed."""
        wire = list(self._events(Wire))
        left = departed(self._testimony.events)
        for number, event in enumerate(wire):
            asks = event.direction == Direction.REQUEST and (event.link, event.sequence) in left
            in_transaction = event.kind == "TxnOffsetCommit" and asks and _is_committed(event, wire[number + 1 :], left)
            if in_transaction or (event.kind == "OffsetCommit" and asks):
                yield event

    def _sprung(self) -> Happened | None:
        return next((event for event in self._events(Happened) if event.what == "sprung"), None)

    def _message_at(self, sprung: Happened) -> Wire | None:
        return next((event for event in self._events(Wire) if event.t >= sprung.t), None)

    def _interval_at(self, sprung: Happened) -> int:
        message = self._message_at(sprung)
        return message.interval if message is not None else 1

    def _until(self, sprung: Happened) -> Iterator[Wire]:
        return (event for event in self._events(Wire) if event.t < sprung.t)

    def _resumed(self) -> Wire | None:
        """The first answer to OffsetFetch that the next life got."""
        return next(
            (
                event
                for event in self._wire_of_next_life()
                if event.kind == "OffsetFetch"
                and event.direction == Direction.REPLY
                and event.fields.get("offsets") is not None
            ),
            None,
        )

    def _wire_of_next_life(self) -> Iterator[Wire]:
        """What came after the first life; where positions were set back, after that: before, nothing comes again."""
        since = max((event.t for event in self._events(Happened) if event.what == "rewound"), default=0.0)
        return (event for event in self._events(Wire) if event.life > FIRST_LIFE and event.t >= since)

    def _offsets(self, event: Happened) -> str:
        told = {name: offset for name, offset in event.fields["offsets"].items() if offset != -1}
        if not told:
            return "none"
        words = [f"{name} pending in the open transaction" for name, o in told.items() if not isinstance(o, int)]
        return ", ".join([*(f"{name} @ {o}" for name, o in told.items() if isinstance(o, int)), *words])

    def _positions(self, entries: Sequence[InputSeen]) -> str:
        """`payment-authorized-1 @ 40..59`, and how many more ranges there are."""
        topic = self._testimony.subject.input_topic
        told = [f"{topic}-{partition} @ {span}" for partition, span in _ranges(entries)]
        more = f" and {len(told) - RANGES_SHOWN} more ranges" if len(told) > RANGES_SHOWN else ""
        return ", ".join(told[:RANGES_SHOWN]) + more

    def _events(self, kind: type[_E]) -> Iterator[_E]:
        return (event for event in self._testimony.events if isinstance(event, kind))


_FATES: Mapping[tuple[str, str], str] = {
    (Direction.REQUEST, "dropped"): "dropped: the server never saw it",
    (Direction.REQUEST, "forwarded"): "forwarded",
    (Direction.REPLY, "withheld"): "answered, and the answer withheld",
    (Direction.REQUEST, "held"): "held at the proxy",
    (Direction.REPLY, "held"): "answered, and the answer held at the proxy",
}


_DONE: Mapping[Action, str] = {
    Action.KILL: "SIGKILL to the whole process group",
    Action.TERMINATE: "SIGTERM to the whole process group",
    Action.STOP: "SIGSTOP to the whole process group",
    Action.CUT: "its connection is cut, and the process lives on",
    Action.HOLD: "the process lives on, and waits",
    Action.REFUSE: "the answer says that this broker does not lead the partition",
    Action.WATCH: "the process lives on",
}
"""What was done to the processor at the point."""

_TURNS: Mapping[str, str] = {
    "woken": "the stopped process is woken (SIGCONT), and its message released",
    "released": "what was held is released",
    "broker killed": "the broker is killed",
    "broker back": "the broker is back, and every replica in sync",
    "purged": "the effect forgets what is older than its retention",
    "rewound": "the group's positions are set back: what follows is replayed",
    "recreated": "the input topic is deleted, and made anew with the same name",
}
"""What else a scenario did, by its name in the history."""


def _beginning(event: Happened) -> str:
    instance = event.fields.get("instance", 0)
    return f"another instance is started ({instance})" if instance else "the processor is started again"


def _affected(testimony: Testimony, finding: Finding) -> list[InputSeen]:
    """The inputs that the finding is about."""
    seen = testimony.evidence.at(finding.place)
    expected = testimony.evidence.expected
    if seen is None:
        return []
    match finding.verdict:
        case Verdict.DUPLICATE | Verdict.ZOMBIE_WRITE:
            return [entry for identity, entry in expected.items() if seen.counts.get(identity, 0) > 1]
        case Verdict.LOST:
            passed = testimony.evidence.passed
            return [e for identity, e in expected.items() if not seen.counts.get(identity, 0) and passed(e)]
        case _:
            return [expected[identity] for identity in finding.examples if identity in expected]


def _ranges(entries: Iterable[InputSeen]) -> list[tuple[int, str]]:
    """Partition and span of neighbouring offsets."""
    spans: list[tuple[int, int, int]] = []
    for entry in sorted(entries, key=lambda e: (e.partition, e.offset)):
        if spans and spans[-1][0] == entry.partition and spans[-1][2] + 1 == entry.offset:
            spans[-1] = (entry.partition, spans[-1][1], entry.offset)
        else:
            spans.append((entry.partition, entry.offset, entry.offset))
    return [(partition, f"{low}..{high}" if high > low else str(low)) for partition, low, high in spans]


def _confirms_effect(event: Event) -> TypeGuard[Wire]:
    """True for a server's word that an effect is durable."""
    return (
        isinstance(event, Wire)
        and event.system != "kafka"
        and event.direction == Direction.REPLY
        and event.boundary
        and event.fields.get("outcome") in CONFIRMED
    )


def _writes(event: Wire, topic: str) -> bool:
    """True for a broker's word that it took records of a topic."""
    return (
        event.kind == "Produce"
        and event.direction == Direction.REPLY
        and any(entry["topic"] == topic and entry["error"] == "NONE" for entry in event.fields.get("partitions", ()))
    )


def _is_committed(offsets: Wire, following: Sequence[Wire], left: frozenset[tuple[str, int]]) -> bool:
    """True when the transaction that offsets were sent to was committed, as far as the wire shows."""
    for number, event in enumerate(following):
        if event.life != offsets.life:
            return False
        same = event.fields.get("transactional_id") == offsets.fields.get("transactional_id")
        if same and event.kind == "EndTxn" and event.direction == Direction.REQUEST:
            asked = (event.link, event.sequence) in left and event.fields.get("committed") is True
            return asked and not _is_refused(event, following[number + 1 :])
    return False


def _is_refused(request: Wire, following: Iterable[Wire]) -> bool:
    """True when it was answered with an error: one that comes late finds another transaction, or none."""
    where = request.link, request.sequence
    answer = next((e for e in following if e.direction == Direction.REPLY and (e.link, e.sequence) == where), None)
    return answer is not None and answer.fields.get("error", "NONE") != "NONE"


def _at(t: float) -> str:
    return f"{t:.3f} s "


def _was(entries: Sequence[object]) -> str:
    return "was" if len(entries) == 1 else "were"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _one(noun: str) -> str:
    return noun.removesuffix("s")
