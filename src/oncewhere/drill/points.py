"""What a crash point is: its address, its id that a person can type, and the three that have names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from oncewhere.errors import ConfigurationError
from oncewhere.wire.message import Direction

from .intervals import Address


class NamedCrash(StrEnum):
    """The three crashes that everybody must feel, in the order in which they are shown."""

    BEFORE_EFFECT = "before-effect"
    AFTER_EFFECT = "after-effect"
    AFTER_COMMIT = "after-commit"

    @property
    def words(self) -> str:
        """The crash in words, as a column's head or a part of a sentence."""
        return _TITLES[self]

    @classmethod
    def wanted(cls, *, effects: bool) -> tuple[NamedCrash, ...]:
        """All that there are for a processor; one without effects has none before the effect."""
        return tuple(name for name in cls if effects or name is not cls.BEFORE_EFFECT)


_TITLES = {
    NamedCrash.BEFORE_EFFECT: "before the external effect",
    NamedCrash.AFTER_EFFECT: "after the effect, before the Kafka commit",
    NamedCrash.AFTER_COMMIT: "after the Kafka commit",
}


class Phase(StrEnum):
    """What becomes of the message at which the processor dies."""

    BEFORE = "before"
    """The request is dropped: the server never sees it."""
    DELIVERED = "delivered"
    """The request is forwarded; the processor is dead before the server answers."""
    REPLIED = "replied"
    """The server answered; the processor is dead before it sees the answer."""

    @property
    def direction(self) -> Direction:
        """The direction of the message that springs the trap."""
        return Direction.REPLY if self is Phase.REPLIED else Direction.REQUEST

    @property
    def words(self) -> str:
        """The phase in words, behind the message's name."""
        return _PHASES[self]


_PHASES = {
    Phase.BEFORE: "dropped",
    Phase.DELIVERED: "delivered, the processor dead before the answer",
    Phase.REPLIED: "answered, the answer never seen",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPoint:
    """Where the processor is killed.

    Attributes:
        place: the place whose link the message crosses: `kafka`, or an effect's name.
        system: the protocol of the message.
        kind: the message's kind.
        interval: commit interval, from 1: the span that ends with the interval's EndTxn (or OffsetCommit) request.
        nth: the nth such message at that place within that interval, from 1.
        phase: what becomes of the message.
        name: the crash's own name, where it has one.
    """

    place: str
    system: str
    kind: str
    interval: int
    nth: int
    phase: Phase
    name: NamedCrash | None = None

    @classmethod
    def at(cls, address: Address, system: str, phase: Phase, name: NamedCrash | None = None) -> Self:
        """The point at an address."""
        return cls(
            place=address.place,
            system=system,
            kind=address.kind,
            interval=address.interval,
            nth=address.nth,
            phase=phase,
            name=name,
        )

    @property
    def address(self) -> Address:
        """The address of the request that it is about."""
        return Address(self.place, self.kind, self.interval, self.nth)

    @property
    def id(self) -> str:
        """What a person types: `kafka.EndTxn.2.1.before` is place, kind, commit interval, nth and phase."""
        return f"{self.place}.{self.kind}.{self.interval}.{self.nth}.{self.phase}"

    @property
    def label(self) -> str:
        """Its name, where it has one; else its id."""
        return self.name or self.id

    def __str__(self) -> str:
        return f"{self.place} {self.kind} {self.nth} of commit interval {self.interval}, {self.phase}"


def parse_id(text: str, systems: dict[str, str]) -> CrashPoint:
    """Reads an id.

    Args:
        text: the id.
        systems: by place, its system.

    Raises:
        ConfigurationError: it is none.
    """
    place, _, rest = text.partition(".")
    kind, *numbers = rest.rsplit(".", 3)
    try:
        interval, nth, phase = int(numbers[0]), int(numbers[1]), Phase(numbers[2])
    except (ValueError, IndexError):
        interval = nth = 0
        phase = Phase.BEFORE
    if not kind or interval < 1 or nth < 1 or place not in systems:
        raise ConfigurationError(
            f"{text!r} is no crash point.",
            hint="One looks like kafka.EndTxn.2.1.before: place, message, commit interval, which of them, phase "
            f"({', '.join(Phase)}). Places here: {', '.join(systems)}.",
        )
    return CrashPoint(place=place, system=systems[place], kind=kind, interval=interval, nth=nth, phase=phase)
