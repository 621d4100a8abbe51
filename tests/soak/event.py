"""What goes in and what comes out: numbered events, so that a duplicate, a gap and a wrong order show by themselves."""

from __future__ import annotations

import msgspec

POISON = "poison"
"""The key of a record whose transaction is always aborted; nobody may ever read one."""


class Event(msgspec.Struct, frozen=True):
    """One input. Its key's events are numbered from 0 without a gap, all in one partition."""

    key: str
    number: int


class Answer(msgspec.Struct, frozen=True):
    """The output of one input, and who made it in which attempt, so that a duplicate can be explained."""

    key: str
    number: int
    life: str
    call: int

    def __str__(self) -> str:
        return f"{self.key}#{self.number} (made by {self.life}, call {self.call})"


def partition_of(key_index: int, partitions: int) -> int:
    """Where a key's events go, in the input and in the output."""
    return key_index % partitions
