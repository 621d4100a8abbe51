"""What was read, or why it could not be read: the value that keeps *unknown* apart from every answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unread:
    """Instead of a fact.

    Attributes:
        why: in words, such as `TOPIC_AUTHORIZATION_FAILED`.
    """

    why: str


Fact: TypeAlias = T | Unread
"""A value, or why there is none."""
