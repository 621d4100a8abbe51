"""Finds the end of a mail's content: bytes split anywhere go in; what may pass, and where the content ends, come out.

Source: RFC 5321, section 4.1.1.4. The end is CRLF, a dot, CRLF, and nothing else: where a server would also take bare
line feeds for an end, it and we might disagree on what is content, so such content is not read on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_HEADER_BYTES: Final = 64 * 1024
"""Bytes of a mail in which its header is looked for."""

MAX_HEADERS: Final = 256
"""Header fields of one mail that are read."""

_END: Final = re.compile(rb"(\r?)\n\.(\r?)\n")
_BEGINNING_OF_END: Final = re.compile(rb"(?:\r|\r?\n(?:\.\r?)?)\Z")
_LINE_BEFORE: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of some bytes.

    Attributes:
        data: the bytes that may pass.
        rest: what stands behind the end, or None where the content goes on.
        ambiguous: True where bare line feeds stand around a dot; `rest` is empty then.
    """

    data: bytes
    rest: bytes | None = None
    ambiguous: bool = False


class DotEnded:
    """The content behind DATA. The few bytes that may begin its end are held."""

    def __init__(self) -> None:
        self._held = _LINE_BEFORE  # of the command: a dot may stand on the first line
        self._not_ours = len(_LINE_BEFORE)

    def feed(self, data: bytes) -> Taken:
        """Takes bytes; returns what may pass of them."""
        data, self._held = self._held + data, b""
        if end := _END.search(data):
            if not (end[1] and end[2]):
                return Taken(self._ours(data), b"", ambiguous=True)
            return Taken(self._ours(data[: end.end()]), data[end.end() :])
        if beginning := _BEGINNING_OF_END.search(data, max(0, len(data) - 4)):
            self._held = data[beginning.start() :]
            data = data[: beginning.start()]
        return Taken(self._ours(data))

    def drain(self) -> bytes:
        """Returns and forgets what is held."""
        held, self._held = self._held, b""
        return self._ours(held)

    def _ours(self, data: bytes) -> bytes:
        skipped = min(self._not_ours, len(data))
        self._not_ours -= skipped
        return data[skipped:]


class Header:
    """Keeps a mail's header while its content passes.

    Args:
        stuffed: True where dots that begin a line are doubled (behind DATA, not behind BDAT).
    """

    def __init__(self, *, stuffed: bool) -> None:
        self.size = 0
        self._stuffed = stuffed
        self._kept = b""
        self._ended = False

    def take(self, data: bytes) -> None:
        """Takes content in order."""
        self.size += len(data)
        if self._ended:
            return
        self._kept += data[: MAX_HEADER_BYTES - len(self._kept)]
        end = 0 if self._kept.startswith(b"\r\n") else self._kept.find(b"\r\n\r\n")
        if end >= 0 or len(self._kept) >= MAX_HEADER_BYTES:
            self._ended = True
            self._kept = self._kept[: max(end, 0)] if end >= 0 else self._kept

    def fields(self) -> list[tuple[str, bytes]]:
        """Returns the header fields in order, names in lower case, unfolded."""
        fields: list[tuple[str, bytes]] = []
        for line in self._kept.split(b"\r\n"):
            text = line[1:] if self._stuffed and line.startswith(b"..") else line
            if text[:1] in {b" ", b"\t"} and fields:
                name, value = fields[-1]
                fields[-1] = (name, (value + b" " + text.strip()).strip())
                continue
            name_bytes, colon, value = text.partition(b":")
            if colon and len(fields) < MAX_HEADERS:
                fields.append((name_bytes.decode("ascii", "replace").strip().lower(), value.strip()))
        return fields
