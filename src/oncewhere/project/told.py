"""Something that a project's file says comes in with the file's name; they stay together until a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
GUESS = "a guess"
"""How the source of a value begins that nobody has said."""
FROM = "from "
"""How it begins where a file says it."""


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """A value, and where it is from.

    Attributes:
        value: what stands there.
        by: the file, and in parentheses the name in it: `compose.yaml (INPUT_TOPIC)`; for a guess, what led to it.
        sure: False where the file does not say it, but something that it may follow from.
    """

    value: T
    by: str
    sure: bool = True

    @property
    def source(self) -> str:
        """Where it is from, in words that stand beside the value."""
        return f"{FROM}{self.by}" if self.sure else f"{GUESS}: {self.by}"


def first(values: Sequence[str], by: str, *, sure: bool = True) -> Told[str] | None:
    """The first of several values; a guess, where there are others.

    Args:
        values: as they were found; one that comes again counts once.
        by: where the first one is from.
        sure: False where it is a guess in any case.
    """
    several = list(dict.fromkeys(values))
    if not several:
        return None
    others = f"; there is {', '.join(several[1:])} as well" if several[1:] else ""
    return Told(several[0], f"{by}{others}", sure and not others)
