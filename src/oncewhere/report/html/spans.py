"""The events of a trial come in; its transactions go out: from the first message within one to what ended it.

Kafka's are told apart by their `transactional.id`, a database's by its connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oncewhere.drill.history import Event, Happened, Wire
from oncewhere.drill.intervals import SQL_SYSTEMS
from oncewhere.wire.message import Direction

OPENS_IN_KAFKA: Final = frozenset({"AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "Produce"})
ENDS: Final[Mapping[str, str]] = {
    "CompleteCommit": "committed",
    "PrepareCommit": "committed",
    "CompleteAbort": "aborted",
    "PrepareAbort": "aborted",
}
"""What DescribeTransactions says of a transaction whose EndTxn had no answer."""

LIFE_ENDS: Final = frozenset({"killed", "exited", "ended"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One transaction.

    Attributes:
        place: `kafka`, or the effect whose database it is in.
        name: the `transactional.id`, or the connection.
        life: which life of the processor began it.
        began: seconds since the trial began.
        ended: the same; None where nothing in the history ends it.
        how: `committed`, `aborted`, `rolled back`, `open` or `unknown`, with a few words.
    """

    place: str
    name: str
    life: int
    began: float
    ended: float | None
    how: str


class Spans:
    """Follows every transaction through a history."""

    def __init__(self) -> None:
        self.closed: list[Span] = []
        self._open: dict[tuple[str, str], tuple[Wire, bool]] = {}
        self._statements: dict[tuple[str, int], Wire] = {}
        self._asked: dict[tuple[str, int], tuple[str, Wire]] = {}

    def take(self, event: Event) -> None:
        """Takes the next event."""
        if isinstance(event, Happened):
            if event.what == "transactions":
                self._described(event)
            elif event.what in LIFE_ENDS:
                self._life_ended(event)
        elif event.system == "kafka":
            self._in_kafka(event)
        elif event.system in SQL_SYSTEMS:
            self._in_a_database(event)

    def finish(self) -> list[Span]:
        """All transactions, in order; those that nothing ended are open still."""
        for (place, name), (began, ending) in list(self._open.items()):
            how = "unknown: its end was asked for, and no answer was seen" if ending else "open: nothing ended it"
            self._close(place, name, None, how, began)
        return sorted(self.closed, key=lambda span: span.began)

    def _in_kafka(self, event: Wire) -> None:
        name = str(event.fields.get("transactional_id") or "")
        if event.direction == Direction.REQUEST:
            if event.kind in OPENS_IN_KAFKA and name and event.outcome != "dropped":
                self._open.setdefault(("kafka", name), (event, False))
            elif event.kind == "EndTxn" and ("kafka", name) in self._open and event.outcome != "dropped":
                self._open["kafka", name] = (self._open["kafka", name][0], True)
                self._asked[event.link, event.sequence] = (name, event)
            elif event.kind == "InitProducerId" and name:
                self._asked[event.link, event.sequence] = (name, event)
        elif (asked := self._asked.pop((event.link, event.sequence), None)) and event.fields.get("error") == "NONE":
            name, request = asked
            if request.kind == "InitProducerId":
                self._close("kafka", name, event.t, "aborted: the next producer of that transactional.id fenced it")
            else:
                how = "committed" if request.fields.get("committed") is True else "aborted"
                self._close("kafka", name, event.t, how)

    def _described(self, event: Happened) -> None:
        states: Mapping[str, Any] = event.fields.get("states", {})
        for name, state in states.items():
            if how := ENDS.get(str(state)):
                self._close("kafka", name, event.t, f"{how}: the cluster said {state}")

    def _in_a_database(self, event: Wire) -> None:
        key = (event.place, event.link)
        if event.direction == Direction.REQUEST:
            self._statements[event.link, event.sequence] = event
            return
        request = self._statements.pop((event.link, event.sequence), event)
        outcome = event.fields.get("outcome")
        if outcome == "open":
            self._open.setdefault(key, (request, False))
        elif outcome in {"committed", "rolled back", "failed"}:
            self._close(*key, event.t, "committed" if outcome == "committed" else "rolled back")

    def _life_ended(self, event: Happened) -> None:
        """A database's transaction cannot outlive its connection, nor that the processor."""
        life = event.fields.get("life")
        for (place, name), (began, _) in list(self._open.items()):
            if place != "kafka" and began.life == life:
                self._close(place, name, event.t, "open when its processor died")

    def _close(self, place: str, name: str, t: float | None, how: str, began: Wire | None = None) -> None:
        found = self._open.pop((place, name), None)
        first = began or (found[0] if found else None)
        if first is not None:
            self.closed.append(Span(place=place, name=name, life=first.life, began=first.t, ended=t, how=how))


def read_spans(events: Iterable[Event]) -> list[Span]:
    """The transactions of a history, in the order in which they began."""
    spans = Spans()
    for event in events:
        spans.take(event)
    return spans.finish()
