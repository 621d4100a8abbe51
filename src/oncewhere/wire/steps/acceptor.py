"""The drill's side of announced steps: lines of a processor come in, and `go` goes out for each step; without I/O."""

from __future__ import annotations

from oncewhere.wire.steps.link import MAX_LINE_BYTES, STEPS

GO = b"go\n"


class Acceptor:
    """Lets every step be done; who must not do it never gets here."""

    def __init__(self) -> None:
        self._line = b""

    def answer(self, data: bytes) -> bytes:
        """Takes bytes; returns what to answer to the steps that they complete."""
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-MAX_LINE_BYTES:]
        return GO * sum(line.split()[:1] != [] and line.split()[0].decode(errors="replace") in STEPS for line in lines)
