"""The sightings of a clean run come in; the crash points that a drill visits go out, with what it leaves out.

What recurs is visited where it can differ. The commit intervals of a processor that loops look alike: the middle one is
visited in detail, the first, the last, and one of each other shape at the first message of each kind. Within an
interval, of a message that repeats (one write for each record, say) the first, the middle and the last are visited.
`--points all` leaves nothing out.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from oncewhere.errors import InconclusiveError
from oncewhere.wire.message import Direction, Message

from .intervals import Address, Addresses, is_effect_commit, is_refusable
from .points import CrashPoint, NamedCrash, Phase
from .role import Cast, Role

PLENTY: Final = 4
"""So many messages of a kind in a commit interval that another run will have two of them there."""


class PointSet(StrEnum):
    """Which crash points a drill visits; each set holds the one before it."""

    MISSION = "mission"
    BOUNDARIES = "boundaries"
    ALL = "all"

    @property
    def words(self) -> str:
        """What the set holds."""
        return _SETS[self]


_SETS = {
    PointSet.MISSION: "the three named crashes",
    PointSet.BOUNDARIES: "every kind of boundary message, in every commit interval that differs",
    PointSet.ALL: "every boundary message of every commit interval",
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A message of the clean run, and where it was seen."""

    place: str
    link: str
    message: Message


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary request of the clean run.

    Attributes:
        address: its address.
        system: the protocol.
        commits: True for the request that ends its commit interval.
        effect: True for a request that makes an effect outside Kafka durable.
        answered: True when its reply was seen.
        refusable: True for a request that the proxy can refuse in its server's place.
    """

    address: Address
    system: str
    commits: bool
    effect: bool
    answered: bool
    refusable: bool

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in which a processor can die at it; without an answer there is no third."""
        return tuple(Phase) if self.answered else (Phase.BEFORE, Phase.DELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Itinerary:
    """The points that are visited.

    Attributes:
        points: in the order in which they are visited; named ones first.
        roles: by a point's id, its part in the run that was recorded, where it plays one.
        recorded: how many boundary points the clean run had.
        left_out: why, and how many of them are not visited.
    """

    points: tuple[CrashPoint, ...]
    recorded: int
    roles: Mapping[str, Role] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


def boundaries(sightings: Iterable[Sighting]) -> tuple[Boundary, ...]:
    """Every boundary request of a clean run, in the order of the wire, with its address."""
    seen = list(sightings)
    answered = {(s.link, s.message.sequence) for s in seen if s.message.direction is Direction.REPLY}
    addresses = Addresses()
    found = []
    for sighting in seen:
        message = sighting.message
        address = addresses.advance(sighting.place, message)
        if address is not None:
            found.append(
                Boundary(
                    address=address,
                    system=message.system,
                    commits=addresses.committing,
                    effect=is_effect_commit(message),
                    answered=(sighting.link, message.sequence) in answered,
                    refusable=is_refusable(message),
                )
            )
    return tuple(found)


def first_produce(sightings: Iterable[Sighting]) -> CrashPoint | None:
    """The first Produce of a clean run that can be refused, before it reaches its broker; None where there is none."""
    found = (b for b in boundaries(sightings) if b.refusable)
    first = next(found, None)
    return None if first is None else CrashPoint.at(first.address, first.system, Phase.BEFORE)


def plan_itinerary(sightings: Sequence[Sighting], points: PointSet, *, has_effects: bool) -> Itinerary:
    """Chooses the points of a set.

    Args:
        sightings: every message of the clean run, in the order of the wire.
        points: which set.
        has_effects: True where the declaration names places outside Kafka.

    Raises:
        InconclusiveError: the clean run holds no Kafka commit, or no effect although one is declared.
    """
    crossed = boundaries(sightings)
    mission = mission_points(crossed, has_effects=has_effects)
    chosen = list(mission)
    left_out: dict[str, int] = {}
    visited = {point.id for point in mission}
    for boundary, why_not in _with_reasons(crossed, points):
        new = [p for p in _points_at(boundary) if p.id not in visited]
        if why_not is None:
            chosen += new
            visited.update(p.id for p in new)
        else:
            left_out[why_not] = left_out.get(why_not, 0) + len(new)
    recorded = sum(len(boundary.phases) for boundary in crossed)
    return Itinerary(points=tuple(chosen), recorded=recorded, roles=_roles(crossed), left_out=left_out)


def point_again(role: Role, point: CrashPoint, sightings: Iterable[Sighting]) -> CrashPoint | None:
    """The point that plays a part in another run of the processor.

    Args:
        role: the part.
        point: that plays it in the run in which it was chosen.
        sightings: every message of the other run, in the order of the wire.

    Returns:
        The point; None where no request of that run plays the part.
    """
    crossed = boundaries(sightings)
    address = cast_of(crossed).find(role) if crossed else None
    return None if address is None else CrashPoint.at(address, point.system, point.phase)


def early_repeat(point: CrashPoint, sightings: Iterable[Sighting]) -> CrashPoint | None:
    """The second message of a point's kind in the first commit interval of a run that has plenty of them.

    Nearly every run comes by it, however it batches. None where no interval has plenty.

    Args:
        point: whose kind and phase are wanted.
        sightings: every message of the run, in the order of the wire.
    """
    addresses = [boundary.address for boundary in boundaries(sightings)]
    counted = Counter(a.interval for a in addresses if (a.place, a.kind) == (point.place, point.kind))
    interval = next((number for number in sorted(counted) if counted[number] >= PLENTY), None)
    return None if interval is None else dataclasses.replace(point, interval=interval, nth=2)


def _roles(crossed: Sequence[Boundary]) -> dict[str, Role]:
    cast = cast_of(crossed)
    played = {boundary: cast.role(boundary.address) for boundary in crossed}
    return {point.id: role for boundary, role in played.items() if role for point in _points_at(boundary)}


def mission_points(crossed: Sequence[Boundary], *, has_effects: bool) -> tuple[CrashPoint, ...]:
    """The three named crashes, placed in the middle of a clean run.

    Raises:
        InconclusiveError: the clean run holds no Kafka commit, or no effect although one is declared.
    """
    commits = {b.address.interval: b for b in crossed if b.commits}
    effects: dict[int, Boundary] = {}
    for boundary in crossed:
        if boundary.effect:
            effects.setdefault(boundary.address.interval, boundary)
    if not commits:
        raise InconclusiveError(
            "The clean run committed no consumed position through the drill's Kafka address.",
            hint="Does the processor take its broker's address from the environment that the declaration gives it?",
        )
    candidates = [n for n in commits if n in effects] if has_effects else list(commits)
    if not candidates:
        raise InconclusiveError(
            "The clean run wrote to no place outside Kafka through the drill's addresses, but an effect is declared.",
            hint="Does the processor take its database's address from the environment that the declaration gives it?",
        )
    interval = candidates[len(candidates) // 2]
    commit = commits[interval]
    first = Address(commit.address.place, commit.address.kind, interval, commit.address.nth)
    points = [
        CrashPoint.at(first, commit.system, Phase.BEFORE, NamedCrash.AFTER_EFFECT),
        CrashPoint.at(first, commit.system, Phase.REPLIED, NamedCrash.AFTER_COMMIT),
    ]
    if has_effects:
        effect = effects[interval]
        points.insert(0, CrashPoint.at(effect.address, effect.system, Phase.BEFORE, NamedCrash.BEFORE_EFFECT))
    return tuple(points)


def _points_at(boundary: Boundary) -> list[CrashPoint]:
    return [CrashPoint.at(boundary.address, boundary.system, phase) for phase in boundary.phases]


REST = "not among the named crashes"
ALIKE = "in commit intervals of a shape that is visited elsewhere"
REPEATS = "repeats of a message within its commit interval"


def _with_reasons(crossed: Sequence[Boundary], points: PointSet) -> Iterable[tuple[Boundary, str | None]]:
    """Each boundary request, and why it is not visited; None where it is."""
    match points:
        case PointSet.ALL:
            return ((boundary, None) for boundary in crossed)
        case PointSet.MISSION:
            return ((boundary, REST) for boundary in crossed)
        case PointSet.BOUNDARIES:
            cast = cast_of(crossed)
            return ((boundary, _why_not(boundary, cast)) for boundary in crossed)


def cast_of(crossed: Sequence[Boundary]) -> Cast:
    """The parts of a recorded run."""
    return Cast([b.address for b in crossed], [b.address.interval for b in crossed if b.commits])


def _why_not(boundary: Boundary, cast: Cast) -> str | None:
    if cast.alike(boundary.address):
        return ALIKE
    return REPEATS if cast.role(boundary.address) is None else None
