"""What an SMTP client's lines say: a command line goes in, its verb, address and sizes come out.

Sources: RFC 5321; RFC 3030 (BDAT), RFC 4468 (BURL), RFC 4954 (AUTH), RFC 3207 (STARTTLS).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from oncewhere.wire.opacity import shown

MAX_LINE_BYTES: Final = 64 * 1024
"""A line without an end after this many bytes is none; RFC 4954 allows 12,288 for AUTH."""

_ADDRESS: Final = re.compile(rb"(?:FROM|TO)\s*:\s*(?:<((?:\"(?:[^\"\\]|\\.)*\"|[^>\"])*)>|(\S+))", re.IGNORECASE)
_CHUNK: Final = re.compile(rb"(\d{1,12})(?:\s+(LAST))?\s*\Z", re.IGNORECASE)
_VERB: Final = re.compile(rb"[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One command line.

    Attributes:
        verb: in upper case.
        address: of MAIL and RCPT, without a source route.
        options: behind that address, in upper case: `BODY=8BITMIME`, `SMTPUTF8`.
        chunk: bytes that follow a BDAT; None for every other verb.
        last: True for a BDAT or BURL that ends the mail.
    """

    verb: str
    address: str | None = None
    options: tuple[str, ...] = ()
    chunk: int | None = None
    last: bool = False


def read(line: bytes) -> Line | None:
    """Reads a command line; None where it is none that can be relied upon."""
    found = _VERB.match(line)
    verb = found.group().decode().upper() if found else ""
    rest = line[len(verb) :].strip()
    match verb:
        case "MAIL" | "RCPT":
            address = _ADDRESS.match(rest)
            text = (address[1] or address[2] or b"") if address else b""
            options = rest[address.end() :].upper().split() if address else []
            return Line(verb, shown(text.rpartition(b":")[2] if text.startswith(b"@") else text), _plain(options))
        case "BDAT":
            chunk = _CHUNK.match(rest)
            return Line(verb, chunk=int(chunk[1]), last=bool(chunk[2])) if chunk else None
        case "BURL":
            return Line(verb, last=rest.upper().endswith(b"LAST"))
        case _:
            return Line(verb)


def _plain(options: list[bytes]) -> tuple[str, ...]:
    """Returns those that say how the mail is encoded; others (AUTH=, ENVID=) name people."""
    said = (option for option in options if option == b"SMTPUTF8" or option.startswith(b"BODY="))
    return tuple(option.decode("ascii", "replace") for option in said)[:4]
