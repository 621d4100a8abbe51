"""What the stack tells while it works: a few events in, whatever the listener draws out.

The library prints nothing; the command line draws a live block or writes plain lines from these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Step(msgspec.Struct, frozen=True, tag=True):
    """Something that takes a moment begins, such as "starting Apache Kafka 4.3.1"."""

    text: str


class Fetching(msgspec.Struct, frozen=True, tag=True):
    """A download moves on; `done_bytes` equals `total_bytes` in the last event."""

    name: str
    done_bytes: int
    total_bytes: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A server answers; `address` is what a client is given."""

    name: str
    address: str
    took_s: float


Event: TypeAlias = Step | Fetching | Ready
Progress: TypeAlias = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Listen to nothing."""
