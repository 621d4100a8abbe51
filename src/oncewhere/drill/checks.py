"""Observations of one trial come in; one finding per place goes out. Pure: no server is asked here.

The checks are numbered; a finding names the check that decided it (0: the crash itself did not come about as named).
  1. Reach. A topic whose last stable offset has not passed its high watermark hides records: unknown.
  2. Identity. A record or row without a business identity, or with one that was never an input, cannot be judged:
     unknown.
  3. Duplicate. An identity that happened more than once at a place is a duplicate there, whatever else is open.
  4. Progress. Inputs that the group has not committed before the deadline: stuck, unless a worse thing is already
     proved.
  5. Loss. All inputs are committed, the evidence reaches, and an identity is missing: lost.
  6. Otherwise every identity happened exactly once: once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .verdict import Verdict

EXAMPLES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSeen:
    """What was found at one place after a trial.

    Attributes:
        place: the output topic's or effect's name.
        system: `kafka` or the effect's system.
        counts: how often each identity was found.
        unidentified: records or rows without an identity.
        hidden: why the evidence does not reach, where it does not; one sentence.
    """

    place: str
    system: str
    counts: Mapping[str, int]
    unidentified: int = 0
    hidden: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressSeen:
    """How far the group's committed positions came.

    Attributes:
        committed: records of the input that lie below the committed positions.
        total: records of the input.
        why: what stood in the way, where something is known to have; one sentence.
    """

    committed: int
    total: int
    why: str | None = None

    @property
    def complete(self) -> bool:
        """True when every input is committed."""
        return self.committed == self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict about one place, and what it rests on.

    Attributes:
        check: the number of the check that decided.
        verdict: the answer.
        sentence: the answer in words, complete by itself.
        examples: some identities that show it, at most `EXAMPLES_SHOWN`.
        duplicates: identities found more than once.
        missing: identities found never.
        most: how often the identity was found that was found most often.
    """

    place: str
    system: str
    check: int
    verdict: Verdict
    sentence: str
    examples: tuple[str, ...] = ()
    duplicates: int = 0
    missing: int = 0
    most: int = 0


def judge(inputs: Sequence[str], seen: PlaceSeen, progress: ProgressSeen) -> Finding:
    """Judges one place.

    Args:
        inputs: the identity of every input record, in order; an identity that stands twice is expected once.
        seen: what was found at the place.
        progress: how far the group came.
    """
    expected = dict.fromkeys(inputs)
    duplicates = [i for i in expected if seen.counts.get(i, 0) > 1]
    missing = [i for i in expected if not seen.counts.get(i, 0)]
    strangers = [i for i in seen.counts if i not in expected]

    def found(check: int, verdict: Verdict, sentence: str, examples: Sequence[str] = ()) -> Finding:
        return Finding(
            place=seen.place,
            system=seen.system,
            check=check,
            verdict=verdict,
            sentence=sentence,
            examples=tuple(examples[:EXAMPLES_SHOWN]),
            duplicates=len(duplicates),
            missing=len(missing),
            most=max(seen.counts.values(), default=0),
        )

    if not expected:
        return found(2, Verdict.UNKNOWN, "no input was sent, so nothing can be said")
    if duplicates:
        return found(3, Verdict.DUPLICATE, f"{_inputs(len(duplicates))} happened here more than once", duplicates)
    if seen.hidden:
        return found(1, Verdict.UNKNOWN, seen.hidden)
    if seen.unidentified:
        return found(2, Verdict.UNKNOWN, f"{seen.unidentified} found here carry no business identity")
    if strangers:
        return found(2, Verdict.UNKNOWN, f"{len(strangers)} identities found here were never an input", strangers)
    if not progress.complete:
        why = f": {progress.why}" if progress.why else ""
        return found(
            4,
            Verdict.STUCK,
            f"{progress.committed} of {progress.total} inputs were committed before the deadline{why}",
        )
    if missing:
        return found(
            5,
            Verdict.LOST,
            f"{_inputs(len(missing))} never happened here, and nothing will bring them",
            missing,
        )
    return found(6, Verdict.ONCE, f"all {_inputs(len(expected))} happened here exactly once")


def _inputs(number: int) -> str:
    return f"{number} input" if number == 1 else f"{number} inputs"
