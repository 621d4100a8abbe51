"""Versions, servers and a folder for evidence come in; a stream of events and one `DrillResult` go out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from oncewhere.errors import ConfigurationError, InconclusiveError, OncewhereError

from . import inputs
from .choice import Choice
from .declaration import Declaration, Version
from .events import DrillBegan, DrillEnded, Listener, PlansMade, TrialBegan, TrialJudged, VersionJudged
from .inputs import Input
from .intervals import Address, is_effect_commit
from .itinerary import Boundary, Itinerary, PointSet, Sighting, boundaries, first_produce, plan_itinerary
from .judging import unjudged
from .lane import AT_ONCE, Lanes, Servers, Turn
from .next_try import TRIES, next_plan
from .points import CrashPoint, NamedCrash
from .result import OUT_OF_TIME, Coverage, DrillResult, TrialResult, VersionResult
from .role import Role
from .scenario import CLEAN, Plan, Step
from .scenarios import SCENARIOS, SECOND_CRASH, Clean
from .trial import Trial

STOPPED = "not started after the first violation"
LABELS_SHOWN = 5

_T = TypeVar("_T")


class Drill:
    """One drill; `run` it or `survey` it, once.

    Args:
        declaration: what is drilled.
        versions: the versions to drill, in order.
        choice: which points, in which order, and when to stop.
        servers: one entry per lane.
        folder: an existing, empty folder for the evidence.
        recreate_topics: True allows deleting topics that existed before.
        demonstration: True measures versions against what the declaration says they show.
        control: the name of the version that must turn red, if there is one.
        listener: hears every event.
    """

    def __init__(  # noqa: PLR0913  # what is drilled, where, and how it is told: each once
        self,
        declaration: Declaration,
        *,
        versions: Sequence[Version],
        choice: Choice,
        servers: Sequence[Servers],
        folder: Path,
        recreate_topics: bool,
        demonstration: bool,
        listener: Listener,
        control: str | None = None,
    ) -> None:
        self._declaration = declaration
        self._versions = tuple(versions)
        self._choice = choice
        self._folder = folder
        self._demonstration = demonstration
        self._tell = listener
        self._control = control
        self._lanes = Lanes(servers, declaration.folder, recreate_topics=recreate_topics)
        self._inputs: dict[str, tuple[Input, ...]] = {}
        self._roles: dict[tuple[str, str], Role] = {}
        self._began_s = time.monotonic()
        self._violated = False

    async def run(self) -> DrillResult:
        """Runs every trial and judges it.

        Raises:
            ConfigurationError: a declaration, an address or the processor's command is wrong, or no point is chosen.
            InconclusiveError: a version does not finish its clean run, or crosses no boundary that the drill can see.
        """
        results = await self._each(self._version)
        result = DrillResult(
            versions=tuple(result for result in results if result is not None),
            demonstration=self._demonstration,
            folder=str(self._folder),
            duration_s=round(time.monotonic() - self._began_s, 3),
            control=self._control,
        )
        self._tell(DrillEnded(result=result))
        return result

    async def survey(self) -> dict[str, Itinerary]:
        """Runs each version cleanly, and says which points would be visited; nothing is crashed.

        Raises:
            ConfigurationError: as `run`.
            InconclusiveError: as `run`.
        """
        found = await self._each(self._clean)
        return {v.name: clean[1] for v, clean in zip(self._versions, found, strict=True) if clean[1].points}

    async def observe(self) -> DrillResult:
        """Runs each version cleanly and crashes nothing; what was seen is told, and kept, like a drill's results.

        Raises:
            ConfigurationError: as `run`.
            InconclusiveError: a version does not finish its input.
        """
        found = await self._each(self._seen)
        result = DrillResult(
            versions=tuple(found),
            demonstration=False,
            folder=str(self._folder),
            duration_s=round(time.monotonic() - self._began_s, 3),
        )
        self._tell(DrillEnded(result=result))
        return result

    async def _seen(self, version: Version) -> VersionResult:
        trial, _ = await self._trial(version, CLEAN, CLEAN.label)
        result = VersionResult(version=version, trials=(trial,))
        self._tell(VersionJudged(result=result))
        return result

    async def _each(self, work: Callable[[Version], Coroutine[Any, Any, _T]]) -> list[_T]:
        """Does it for every version at once, and leaves nothing on the servers, however it ends."""
        limit = self._choice.inputs_limit
        self._inputs = {v.name: inputs.load(v, self._declaration.folder)[:limit] for v in self._versions}
        self._began_s = time.monotonic()
        self._tell(DrillBegan(versions=tuple(v.name for v in self._versions), points=self._choice.points))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(version)) for version in self._versions]
        except BaseException as failure:
            first = _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
            await self._leave_nothing_after(first)
            if first is failure:
                raise
            raise first from None
        await asyncio.to_thread(self._lanes.remove)
        return [task.result() for task in tasks]

    async def _leave_nothing_after(self, failure: BaseException) -> None:
        """Cleans up; an error in it never hides the one that ended the drill, and what remains is told with that."""
        with contextlib.suppress(Exception):
            try:
                await asyncio.to_thread(self._lanes.remove)
            except InconclusiveError as remains:
                if isinstance(failure, OncewhereError) and failure.message not in remains.message:
                    failure.hint = f"{failure.hint} {remains}" if failure.hint else str(remains)

    async def _version(self, version: Version) -> VersionResult | None:
        """The version's result; None where the keyword takes no point of it."""
        clean: list[TrialResult] = []
        left_out: dict[str, str] = {}
        if self._choice.exactly:
            plans = self._choice.exactly.get(version.name, ())
            itinerary = Itinerary(points=(), recorded=len(plans))
        else:
            first, itinerary, shown = await self._clean(version)
            clean.append(first)
            plans, left_out = self._choice.plans(version, shown)
            if SECOND_CRASH in self._choice.scenarios:
                pairs = await self._pairs(version, shown)
                plans = (*plans, *pairs)
                if not pairs:
                    left_out[SECOND_CRASH] = _no_second(shown)
            sent = len(self._inputs[version.name])
            self._tell(PlansMade(version=version.name, plans=plans, itinerary=itinerary, inputs=sent))
        if not plans and not itinerary.points:
            return None
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._crash(version, plan, place)) for place, plan in enumerate(plans)]
        done = [task.result() for task in tasks]
        trials = [trial for trial in done if isinstance(trial, TrialResult)]
        coverage = Coverage(
            points=self._choice.points,
            inputs=len(self._inputs[version.name]),
            chosen=len(plans),
            reached=sum(trial.reached for trial in trials),
            recorded=itinerary.recorded,
            left_out=itinerary.left_out,
            skipped=Counter(why for why in done if isinstance(why, str)),
            scenarios=left_out,
        )
        why = "" if plans else self._choice.why_no_trial(version, left_out)
        result = VersionResult(version=version, trials=(*clean, *trials), coverage=coverage, cut_off=why)
        self._tell(VersionJudged(result=result))
        return result

    async def _clean(self, version: Version) -> tuple[TrialResult, Itinerary, Clean]:
        result, trial = await self._trial(version, CLEAN, CLEAN.label)
        found = plan_itinerary(trial.sightings, self._choice.points, has_effects=_are_seen(version, trial))
        self._roles |= {(version.name, id_): role for id_, role in found.roles.items()}
        points = tuple(p for p in found.points if self._choice.takes(version.name, p))
        if not points and len(self._versions) == 1:
            raise self._nothing_chosen(version, trial, found)
        chosen = dataclasses.replace(found, points=points)
        return (
            result,
            chosen,
            Clean(
                points=points,
                first_produce=first_produce(trial.sightings),
                transaction_timeout_s=trial.transaction_timeout_s,
                spare_brokers=self._lanes.spare_brokers,
            ),
        )

    async def _pairs(self, version: Version, clean: Clean) -> tuple[Plan, ...]:
        """Kills once between effect and commit, and looks at what the recovery sends: there it will be killed again."""
        first = clean.named(NamedCrash.AFTER_EFFECT)
        if first is None:
            return ()
        scouting = Plan(steps=(Step(point=first),), scenario=SECOND_CRASH)
        _, trial = await self._trial(version, scouting, scouting.label)
        # A message that repeats is killed at its first: the pairs are about which kind of step recovery had come to.
        firsts: dict[Address, Boundary] = {}
        for boundary in boundaries(trial.recovery):
            firsts.setdefault(dataclasses.replace(boundary.address, interval=1, nth=1), boundary)
        points = [CrashPoint.at(address, b.system, phase) for address, b in firsts.items() for phase in b.phases]
        return tuple(SCENARIOS[SECOND_CRASH].plan(first, second) for second in points)

    def _nothing_chosen(self, version: Version, trial: Trial, found: Itinerary) -> ConfigurationError:
        everything = plan_itinerary(trial.sightings, PointSet.ALL, has_effects=_are_seen(version, trial)).points
        wider = sum(self._choice.takes(version.name, point) for point in everything)
        shown = ", ".join(point.label for point in found.points[:LABELS_SHOWN])
        return ConfigurationError(
            f"{version.name}: none of the {len(found.points)} points ({self._choice.points}) goes by "
            f"{self._choice.keyword.text!r}.",
            hint=f"Of all {len(everything)} points {wider} do (--points all; in pytest --oncewhere-points all)."
            if wider
            else f"They are {shown}{' …' if len(found.points) > LABELS_SHOWN else ''}; --list prints them.",
        )

    async def _crash(self, version: Version, plan: Plan, place: int) -> TrialResult | str:
        """Tries a plan until its point is reached, a few times at most; or says why it was not started.

        Args:
            version: what is drilled.
            plan: of the first try.
            place: among the plans of its version. The first of each version come before the second of any: the named
                crashes of all before the rest of one. What is tried again waits for the others, but for a named crash.
        """
        result: TrialResult | None = None
        first = plan
        shown: tuple[Sighting, ...] = ()
        for number in range(1, TRIES + 1):
            name = first.label if number == 1 else f"{first.label}-{number}"
            try:
                turn = (0 if first.is_named_crash else number - 1, place)
                result, trial = await self._trial(version, plan, name, turn)
                shown = tuple(trial.sightings)
            except _NotStartedError as reason:
                if result is None:
                    return str(reason)
                break
            except InconclusiveError as error:
                result = unjudged(version, plan, error, folder=f"{version.name}/{name}")
            result = dataclasses.replace(result, tries=number)
            if result.reached:
                break
            if not result.crashes:  # else it is the recovery that went another way; the first crash stays where it was
                role = self._roles.get((version.name, first.steps[0].point.id)) if first.steps else None
                plan = next_plan(first, plan, role, shown, number)
        assert result is not None  # noqa: S101  # TRIES is at least 1
        self._tell(TrialJudged(version=version.name, trial=result))
        return result

    async def _trial(self, version: Version, plan: Plan, name: str, turn: Turn = AT_ONCE) -> tuple[TrialResult, Trial]:
        async with self._lanes.take(version, turn) as lane:
            if not plan.is_clean and (reason := self._why_not()):
                raise _NotStartedError(reason)
            self._tell(TrialBegan(version=version.name, plan=plan))
            folder = f"{version.name}/{name.replace('/', '_')}"
            logs = self._folder / folder
            logs.mkdir(parents=True)
            trial = Trial(
                version=version,
                folder=self._declaration.folder,
                inputs=self._inputs[version.name],
                lane=lane,
                plan=plan,
                logs=logs,
                name=folder,
            )
            result = await trial.run()
        if version.name != self._control:
            self._violated = self._violated or result.verdict.violated
        if plan.is_clean:
            self._tell(TrialJudged(version=version.name, trial=result))
        return result, trial

    def _why_not(self) -> str | None:
        if self._violated and self._choice.stop_at_first:
            return STOPPED
        limit_s = self._choice.time_limit_s
        return OUT_OF_TIME if limit_s is not None and time.monotonic() - self._began_s > limit_s else None


class _NotStartedError(Exception):
    """A trial was not started; never leaves this module."""


def _are_seen(version: Version, trial: Trial) -> bool:
    """True where effects can be seen on the wire; those in SQLite only if the processor announces its steps."""
    silent = all(effect.system == "sqlite" for effect in version.effects.values())
    return not silent or any(is_effect_commit(sighting.message) for sighting in trial.sightings)


def _no_second(clean: Clean) -> str:
    if clean.named(NamedCrash.AFTER_EFFECT) is None:
        return f"it kills what recovers from {NamedCrash.AFTER_EFFECT}, and that is not among the chosen points"
    return "its recovery showed no point for a second crash"


def _first(failures: BaseExceptionGroup) -> BaseException:
    """The first single exception of a group; the others are its consequence or say the same."""
    found: BaseException = failures
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
