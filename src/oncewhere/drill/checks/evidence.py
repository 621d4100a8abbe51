"""What one trial left to judge by: the inputs, what was found at each place, and how far the group came. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSeen:
    """One input record as it was written.

    Attributes:
        identity: its business identity.
        partition: of the input topic.
        offset: in that partition.
        key: its key, as text; None where it has none.
        settled: True where others were published since, once it was committed; or where nobody will see it again, in a
            topic that was made anew.
    """

    identity: str
    partition: int
    offset: int
    key: str | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSeen:
    """One record of an output topic.

    Attributes:
        identity: its business identity.
        partition: of the output topic.
        offset: in that partition.
        key: its key, as text.
    """

    identity: str
    partition: int
    offset: int
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSeen:
    """What was found at one place after a trial.

    Attributes:
        place: the output topic's or effect's name.
        system: `kafka` or the effect's system.
        counts: how often each identity was found.
        unidentified: records or rows without an identity.
        hidden: why the evidence does not reach, where it does not; one sentence.
        in_doubt: requests to the place whose outcome nobody knows.
        records: an output topic's records, in the order of each partition.
        values: by identity, what is to agree between output and effect, where the declaration says `compare`.
    """

    place: str
    system: str
    counts: Mapping[str, int]
    unidentified: int = 0
    hidden: str | None = None
    in_doubt: int = 0
    records: tuple[OutputSeen, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressSeen:
    """How far the group's committed positions came.

    Attributes:
        committed: records of the input that lie below the committed positions.
        total: records of the input.
        why: what stood in the way, where something is known to have; one sentence.
        positions: by partition of the input, the committed offset; a partition without one is not in it.
        going_on: how it still went on when its time was over, such as `12 in the last 5 s`; None where nothing moved.
    """

    committed: int
    total: int
    why: str | None = None
    positions: Mapping[int, int] = field(default_factory=dict)
    going_on: str | None = None

    @property
    def complete(self) -> bool:
        """True when every input is committed."""
        return self.committed == self.total


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the checks may look at.

    Attributes:
        inputs: every input record, in the order of writing; an identity that stands twice is expected once.
        places: what was found, one for each place.
        progress: how far the group came.
        aborted: identities of records of the input topic whose transaction was aborted: nobody may ever act on them.
        zombies: by place, writes that a life did which had a successor, and that the place confirmed.
        compared: pairs of an effect and an output topic whose values are to agree.
    """

    inputs: tuple[InputSeen, ...]
    places: tuple[PlaceSeen, ...]
    progress: ProgressSeen
    aborted: frozenset[str] = frozenset()
    zombies: Mapping[str, int] = field(default_factory=dict)
    compared: tuple[tuple[str, str], ...] = ()

    @cached_property
    def expected(self) -> Mapping[str, InputSeen]:
        """By identity, its first input, in order."""
        found: dict[str, InputSeen] = {}
        for entry in self.inputs:
            found.setdefault(entry.identity, entry)
        return found

    def passed(self, entry: InputSeen) -> bool:
        """True for an input that the group has committed as done: it is not delivered again."""
        return self.progress.complete or entry.settled or entry.offset < self.progress.positions.get(entry.partition, 0)

    def at(self, place: str) -> PlaceSeen | None:
        """What was found at a place."""
        return next((seen for seen in self.places if seen.place == place), None)
