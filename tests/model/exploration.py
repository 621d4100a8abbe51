"""Every way in which a run can go, up to a number of faults: a run that asks for choices in, each combination once.

A run is a function of a `Chooser`. At each choice point it offers what may happen there, what ordinarily happens
first. The exploration runs it once without a fault, and once for each fault at each point, for each pair, …: no
state is kept between runs; a list of numbers repeats any of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass
class Chooser:
    """The choices of one run: those that are given, then what ordinarily happens.

    Attributes:
        given: numbers of options, one for each choice point.
        offered: how many options each point had.
        trace: what was chosen, where it was no ordinary thing.
    """

    given: Sequence[int] = ()
    offered: list[int] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)

    def choose(self, point: str, options: Sequence[str]) -> str:
        """What happens at this point.

        Args:
            point: its name, for the trace.
            options: what may happen; the ordinary first.
        """
        nth = len(self.offered)
        self.offered.append(len(options))
        number = self.given[nth] if nth < len(self.given) else 0
        if number:
            self.trace.append(f"{nth} {point}: {options[number]}")
        return options[number]


def runs(run: Callable[[Chooser], None], *, faults: int, seed: int = 0) -> Iterator[Chooser]:
    """Runs all combinations of at most so many faults; yields the choices of each.

    Args:
        run: takes its choices from the chooser, and raises where something is violated.
        faults: how many of the choices may be other than the ordinary one.
        seed: of their order, which is thrown: in any fixed one there are mistakes that only the last runs show.
    """
    open_: list[tuple[list[int], int]] = [([], 0)]
    dice = random.Random(seed)
    while open_:
        thrown = dice.randrange(len(open_))
        open_[thrown], open_[-1] = open_[-1], open_[thrown]
        given, used = open_.pop()
        chooser = Chooser(given)
        run(chooser)
        yield chooser
        if used < faults:
            for nth in range(len(given), len(chooser.offered)):
                before = [*given, *([0] * (nth - len(given)))]
                open_.extend(([*before, option], used + 1) for option in range(1, chooser.offered[nth]))


def random_runs(run: Callable[[Chooser], None], *, count: int, chance: float, seed: int) -> Iterator[Chooser]:
    """Runs with faults at random points: deeper than all combinations can go.

    Args:
        run: see `runs`.
        count: how many runs.
        chance: of a fault, at each choice point.
        seed: repeats them all.
    """
    dice = random.Random(seed)
    for _ in range(count):
        chooser = Dicing(dice=dice, chance=chance)
        run(chooser)
        yield chooser


@dataclass
class Dicing(Chooser):
    """Choices of one run, thrown.

    Attributes:
        dice: where they come from.
        chance: of another than the ordinary one.
    """

    dice: random.Random = field(default_factory=random.Random)
    chance: float = 0.0
    thrown: list[int] = field(default_factory=list)

    def choose(self, point: str, options: Sequence[str]) -> str:
        """See `Chooser.choose`."""
        number = self.dice.randrange(len(options)) if self.dice.random() < self.chance else 0
        self.given = self.thrown
        self.thrown.append(number)
        return super().choose(point, options)
