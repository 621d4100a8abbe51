"""Something that a project's file says comes in with the file's name; they stay together until a person reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
GUESS = "a guess"
"""How the source of a value begins that nobody has said."""


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
        return f"from {self.by}" if self.sure else f"{GUESS}: {self.by}"
