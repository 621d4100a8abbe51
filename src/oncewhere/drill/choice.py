"""What the user asked for goes in; which points of a version are visited, and in which order, comes out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oncewhere.errors import ConfigurationError
from oncewhere.spelling import nearest

from .declaration import Version
from .itinerary import PointSet
from .keyword import Keyword
from .points import CrashPoint, NamedCrash
from .scenario import CRASH, Plan
from .scenarios import SCENARIOS, SECOND_CRASH, Clean

NEARLY = 0.8
"""How alike a word must be to a crash's name to be one that is misspelt."""
ELSEWHERE = "none of the points that were chosen is one that it goes to"
DESELECTED = "-k leaves none of the points that it goes to"
Failed = frozenset[tuple[str, str]]
"""Version and plan id of what failed in an earlier run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of a drill is to be done.

    Attributes:
        points: the set of crash points.
        keyword: which of them.
        scenarios: what is done, by name.
        exactly: by version, the plans to carry out instead of those of the set (`replay`).
        failed_before: what failed in an earlier run; it comes first.
        seed: shuffles the points; None visits them in the order of the wire.
        stop_at_first: True starts no further trial once a violation is found.
        inputs_limit: sends only so many of the inputs, from the first on; None sends all.
        time_limit_s: starts no further trial after so many seconds; None for no limit.
    """

    points: PointSet = PointSet.MISSION
    keyword: Keyword = field(default_factory=lambda: Keyword(""))
    scenarios: tuple[str, ...] = (CRASH,)
    exactly: Mapping[str, tuple[Plan, ...]] = field(default_factory=dict)
    failed_before: Failed = frozenset()
    seed: int | None = None
    stop_at_first: bool = False
    inputs_limit: int | None = None
    time_limit_s: float | None = None

    def takes(self, version: str, point: CrashPoint) -> bool:
        """True for a point that the keyword selects."""
        return self.keyword.matches(words_of(version, point))

    def refuse_misspelt(self, versions: Sequence[Version]) -> None:
        """Refuses a keyword in which the name of a crash is misspelt, before anything is started for it.

        Raises:
            ConfigurationError: a word is part of no name here, and nearly that of a crash.
        """
        crashes = [str(name) for name in NamedCrash]
        names = [name.lower() for version in versions for name in (version.name, *version.places)]
        for word in self.keyword.words:
            near = nearest(word.lower(), crashes, like=NEARLY)
            if near and not any(word.lower() in name for name in (*crashes, *names)):
                raise ConfigurationError(
                    f"-k {self.keyword.text!r}: no crash is called {word!r}. Did you mean {near}?",
                    hint=f"The named crashes: {', '.join(crashes)}.",
                )

    def most_at_once(self, versions: Sequence[Version]) -> int | None:
        """How many trials there may be at a time, where the versions' names and the named crashes decide it alone.

        Args:
            versions: that are drilled, each with a clean run before its crashes.

        Returns:
            None where only a clean run shows which points there are.
        """
        known = {str(name) for name in NamedCrash} | {version.name.lower() for version in versions}
        decided = all(word.lower() in known for word in self.keyword.words)
        if self.points is not PointSet.MISSION or self.scenarios != (CRASH,) or self.exactly or not decided:
            return None
        crashes = sum(self.keyword.matches((version.name, name)) for version in versions for name in NamedCrash)
        return max(len(versions), crashes)

    def plans(self, version: Version, clean: Clean) -> tuple[tuple[Plan, ...], dict[str, str]]:
        """The trials of a version: failures of an earlier run first.

        Args:
            version: what is drilled.
            clean: what its clean run has shown; its points are those that the keyword selects.

        Returns:
            The plans, in the order in which they are carried out; and by name, why a scenario is left out.
        """
        plans: list[Plan] = []
        left_out: dict[str, str] = {}
        for name in self.scenarios:
            scenario = SCENARIOS[name]
            if reason := scenario.left_out(version, clean):
                left_out[name] = reason
            elif found := scenario.plans(clean):
                plans += found
            elif name != SECOND_CRASH:  # whose points only a recovery shows
                left_out[name] = self._without_points
        if self.seed is not None:
            random.Random(f"{self.seed} {version.name}").shuffle(plans)  # noqa: S311  # an order, no secret
        return tuple(sorted(plans, key=lambda plan: (version.name, plan.id) not in self.failed_before)), left_out

    @property
    def _without_points(self) -> str:
        return DESELECTED if self.keyword else ELSEWHERE

    def why_no_trial(self, version: Version, left_out: Mapping[str, str]) -> str:
        """Why nothing was crashed of a version, in words: a drill without a trial proves nothing, and must say so.

        Args:
            version: what was to be drilled.
            left_out: by name, why a scenario is left out; any other found no point to go to.
        """
        reasons = {**dict.fromkeys(self.scenarios, self._without_points), **left_out}
        told = "; ".join(f"{name} is left out: {why}" for name, why in reasons.items())
        return f"no trial was made of {version.name}, since {told}"


def words_of(version: str, point: CrashPoint) -> tuple[str, ...]:
    """What a keyword may name: the version, the point's name, its id and its system."""
    return (version, point.name or "", point.id, point.system)
