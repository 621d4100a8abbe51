"""One connection on which steps are announced: its lines go in, segments come out; each step comes with messages."""

from __future__ import annotations

from typing import Final

from oncewhere.wire.message import JSON, Direction, Message, Outbox, Segment
from oncewhere.wire.opacity import MAX_ENTRIES, Opacity, shown
from oncewhere.wire.sql.outcome import Outcome

SYSTEM: Final = "sqlite"

MAX_LINE_BYTES: Final = 16 * 1024
"""A line without an end after this many bytes is none."""

STEPS: Final = frozenset({"begin", "write", "commit", "rollback"})
_BOUNDARIES: Final = frozenset({"write", "commit"})
_ENDS: Final = frozenset({"done", "failed"})
_OUTCOMES: Final = {
    ("commit", "done"): Outcome.COMMITTED,
    ("write", "done"): Outcome.OPEN,
}


class StepsLink:
    """The state of one connection between a processor that announces its steps and the drill.

    A step's line is its request; the line that says that it is done, or failed, is its reply, although both come from
    the processor: what a reply says has happened, whoever says it. A step whose reply never came is unknown.
    """

    def __init__(self) -> None:
        self._opacity = Opacity(SYSTEM)
        self._line = b""
        self._count = 0
        self._step: str | None = None

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else "read"
        return f"<StepsLink {state} steps={self._count}>"

    @property
    def unknown_bytes(self) -> int:
        """How many bytes were forwarded untouched because they could not be understood."""
        return self._opacity.unknown_bytes

    @property
    def opaque(self) -> str | None:
        """Why nothing is read any more; None while everything is."""
        return self._opacity.reason

    def from_processor(self, data: bytes) -> list[Segment]:
        """Takes bytes that the processor sent; returns what to forward to the drill, in order."""
        out = Outbox()
        self._line += data
        while not self._opacity.reason and (end := self._line.find(b"\n") + 1):
            line, self._line = self._line[:end], self._line[end:]
            self._take(line, out)
        if len(self._line) > MAX_LINE_BYTES:
            self._opacity.turn("a line without an end")
        if self._opacity.reason:
            held, self._line = self._line, b""
            self._opacity.forward(held, Direction.REQUEST, self._count, out)
        return out.segments()

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the drill sent; returns what to forward to the processor, in order."""
        return [Segment(data)] if data else []

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was held of it."""
        if direction is Direction.REPLY or not self._line:
            return []
        held, self._line = self._line, b""
        return [Segment(held)]

    def _take(self, line: bytes, out: Outbox) -> None:
        word, *targets = line.decode(errors="replace").split()[: MAX_ENTRIES + 1] or [""]
        if word in STEPS and self._step is None:
            self._step = word
            shown_targets: list[JSON] = [shown(target.encode()) for target in targets]
            out.forward(line, self._message(Direction.REQUEST, word, {"targets": shown_targets}))
        elif word in _ENDS and self._step is not None:
            step, self._step = self._step, None
            outcome = _OUTCOMES.get((step, word), Outcome.FAILED)
            fields: dict[str, JSON] = {"outcome": outcome.value} if step in _BOUNDARIES else {}
            out.forward(line, self._message(Direction.REPLY, step, fields))
            self._count += 1
        else:
            self._opacity.turn(
                "a line that is no step" if word not in STEPS else "a step before the last one has ended"
            )
            self._opacity.forward(line, Direction.REQUEST, self._count, out)

    def _message(self, direction: Direction, kind: str, fields: dict[str, JSON]) -> Message:
        return Message(
            system=SYSTEM,
            kind=kind,
            direction=direction,
            sequence=self._count,
            boundary=kind in _BOUNDARIES,
            fields=fields,
            expects_reply=False,  # of the other side: the processor itself says how it ended
        )
