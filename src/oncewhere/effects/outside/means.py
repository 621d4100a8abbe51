"""What a system's effects are done with: the terms of one attempt in, an effect's first argument out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from oncewhere.effects.place import Call


class Terms(NamedTuple):
    """On what terms one attempt is made.

    Attributes:
        key: of the call, the same on every attempt.
        keyed: whether the downstream is to be shown the key.
        call: which call it is, for errors.
    """

    key: str
    keyed: bool
    call: Call


class Means(Protocol):
    """What a system's effects are done with; open while the processor runs."""

    def given(self, terms: Terms) -> Any:
        """An effect's first argument, for one attempt."""

    def close(self) -> None:
        """Gives back what is open. Never raises."""
