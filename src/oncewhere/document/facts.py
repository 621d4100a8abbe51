"""What a document is made of, and nothing else: facts come in and go out as JSON, to be committed beside it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from oncewhere.errors import ConfigurationError

from .declared import Declared
from .drilled import Drilled
from .observed import Observed

FORMAT = 1
"""Version of the evidence file; raised when a field changes its meaning or goes away."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of one processor.

    Attributes:
        declared: what the declaration and the code say.
        observed: what the wire showed; None where nothing was run.
        drilled: what crashes proved; None likewise.
    """

    declared: Declared
    observed: Observed | None = None
    drilled: Drilled | None = None

    @property
    def outputs(self) -> list[str]:
        """The topics that it produces: as declared, or else as seen."""
        if self.declared.outputs or self.observed is None:
            return self.declared.outputs
        return sorted({*self.observed.records_inside, *self.observed.records_outside})


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside a committed document.

    Attributes:
        facts: what it was made of.
        digest: SHA-256 of the document's text; by it an edit is told from another version's words. None in a document
            that is JSON itself.
        format: see `FORMAT`.
    """

    facts: Facts
    digest: str | None = None
    format: int = FORMAT


def digest_of(text: str) -> str:
    """The digest of a document's text, however its lines end."""
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()


def encode(facts: Facts, text: str) -> bytes:
    """The text of the evidence file: the same facts always give the same bytes.

    Args:
        facts: what the document is made of.
        text: the document.
    """
    data = {"format": FORMAT, "digest": digest_of(text), "facts": facts}
    return msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n"


def decode(text: bytes, name: str) -> Committed:
    """Reads an evidence file, or the JSON form of a document, which holds the same facts.

    Args:
        text: the file's content.
        name: of the file, for errors.

    Raises:
        ConfigurationError: it is damaged, or of another version of oncewhere.
    """
    try:
        data: Any = msgspec.json.decode(text)
        written = data.get("format") if isinstance(data, dict) else None
        if written == FORMAT:
            return msgspec.convert(data, Committed)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{name} is damaged: {error}.", hint="Write it again: oncewhere document") from None
    raise ConfigurationError(
        f"{name} was written by another version of oncewhere (format {written or 'unknown'}, not {FORMAT}).",
        hint="Write it again: oncewhere document",
    )
