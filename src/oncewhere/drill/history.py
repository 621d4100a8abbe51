"""Events of a trial come in; each goes out as one JSON line, on disk before the next byte moves.

The wire log is the drill's evidence: for each crash it says which message was or was not forwarded, and what the
cluster said about the transaction afterwards. Times are seconds since the trial began (monotonic).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from oncewhere.proxy import LinkName
from oncewhere.wire.message import JSON, Message

from .intervals import Address

Outcome = Literal["forwarded", "dropped", "withheld", "held"]


class Wire(msgspec.Struct, frozen=True, kw_only=True, tag="wire", tag_field="event"):
    """A message at the proxy.

    Attributes:
        t: seconds since the trial began.
        life: which life of the processor opened the connection, from 1; 0 where several were awake.
        link: the connection, as the proxy names it.
        interval: the commit interval of that life.
        outcome: `forwarded`; `dropped`, a request that never reached the server; `withheld`, a reply that never
            reached the processor; `held`, it waits at the proxy.
        place: the place whose link it is.
        nth: for a boundary request, which of its kind at its place within the interval.
    """

    t: float
    life: int
    link: str
    interval: int
    system: str
    kind: str
    direction: str
    sequence: int
    boundary: bool
    outcome: Outcome
    place: str = ""
    nth: int | None = None
    fields: dict[str, Any] = {}


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag="happened", tag_field="event"):
    """Anything else: a start, a kill, what the cluster answered, an observation.

    Attributes:
        t: seconds since the trial began.
        what: a short name of the event.
        fields: what there is to know about it, JSON-able.
    """

    t: float
    what: str
    fields: dict[str, Any] = {}


Event = Wire | Happened

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Event)


class History:
    """The wire log of one trial, written line by line.

    Args:
        path: the file to write; its folder exists.
        listener: hears every event once it is written.
    """

    def __init__(self, path: Path, listener: Callable[[Event], None] | None = None) -> None:
        self.path = path
        self._listener = listener
        self.life = 0
        self._born: dict[str, int] = {}
        self._began = time.monotonic()
        self._file: IO[bytes] = path.open("wb", buffering=0)

    def wire(self, link: LinkName, address: Address | None, interval: int, message: Message, outcome: Outcome) -> None:
        """Records a message before its bytes move."""
        self._write(
            Wire(
                t=self._now(),
                life=self._born.setdefault(str(link), self.life),
                link=str(link),
                place=link.place,
                interval=interval,
                nth=None if address is None else address.nth,
                system=message.system,
                kind=message.kind,
                direction=message.direction,
                sequence=message.sequence,
                boundary=message.boundary,
                outcome=outcome,
                fields=dict(message.fields),
            )
        )

    def happened(self, what: str, **fields: JSON) -> None:
        """Records anything that is not a message."""
        self._write(Happened(t=self._now(), what=what, fields=fields))

    def close(self) -> None:
        """Closes the file; a history may be closed twice."""
        self._file.close()

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 6)

    def _write(self, event: Event) -> None:
        self._file.write(_ENCODER.encode(event) + b"\n")
        if self._listener is not None:
            self._listener(event)


def read(path: Path) -> Iterator[Event]:
    """Reads a history back.

    Raises:
        msgspec.DecodeError: a line is not an event (a run that was killed may end in half a line).
    """
    with path.open("rb") as file:
        for line in file:
            yield _DECODER.decode(line)


def ids_by_life(events: Iterable[Event], requests: Iterable[Wire]) -> tuple[dict[int, set[str]], ...]:
    """For each instance, by life the `transactional.id`s that it began with: one that joins is no restart of the other.

    A connection whose life cannot be told (where two instances live at once) counts for none.

    Args:
        events: a trial's, in order.
        requests: those of its requests that count.
    """
    started = (e.fields for e in events if isinstance(e, Happened) and e.what == "started")
    instances = {told["life"]: told.get("instance", 0) for told in started}
    found: dict[int, dict[int, set[str]]] = {}
    for request in requests:
        name = request.fields.get("transactional_id")
        if request.kind == "InitProducerId" and name is not None and request.life:
            lives = found.setdefault(instances.get(request.life, 0), {})
            lives.setdefault(request.life, set()).add(str(name))
    return tuple(found.values())
