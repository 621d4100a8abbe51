"""A processor and what a test says of it come in; a real drill is done, and what it found goes out."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from oncewhere.cli.servers import choose_versions
from oncewhere.drill import CRASH, Choice, Drill, DrillResult, Keyword, PointSet, Verdict, scenarios_named, worst
from oncewhere.errors import OncewhereError
from oncewhere.report import REPORT_NAME, RunFolder, show_result

from .summary import summary
from .telling import with_all_words
from .wanted import Wanted, declaration, stands_in_a_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oncewhere.drill import Declaration

    from .origin import Origin
    from .servers import SessionServers
    from .wanted import App

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill found.

    Attributes:
        result: all of it, as data.
        screen: what the command line prints of it.
    """

    result: DrillResult
    screen: str

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """By place, the worst verdict of all trials."""
        found: dict[str, list[Verdict]] = {}
        for version in self.result.versions:
            for trial in version.trials:
                for finding in trial.findings:
                    found.setdefault(finding.place, []).append(finding.verdict)
        return {place: worst(verdicts) for place, verdicts in found.items()}

    @property
    def crashes(self) -> int:
        """How often the processor was killed."""
        return sum(len(trial.crashes) for version in self.result.versions for trial in version.trials)

    def assert_once(self) -> None:
        """Fails unless the work happened once at every place, at every crash; what is unknown is no pass.

        Raises:
            AssertionError: with what the command line prints.
        """
        __tracebackhide__ = True
        if self.result.exit_code or not self.crashes:
            raise AssertionError(f"{summary(self.result)}\n\n{self.screen}")


class Driller:
    """What the fixture `oncewhere_drill` gives: call it.

    Args:
        servers: of the session.
        origin: the test.
        folder: the test's.
        scratch: where files may be written.
        root: where evidence is kept.
        name: the test's, for the run's folder.
        points: which crash points are visited.
        seed: shuffles their order.
    """

    def __init__(  # what the fixture knows, each once
        self,
        servers: SessionServers,
        *,
        origin: Origin,
        folder: Path,
        scratch: Path,
        root: Path,
        name: str,
        points: str,
        seed: int | None,
    ) -> None:
        self._servers = servers
        self._origin = origin
        self._folder = folder
        self._scratch = scratch
        self._root = root
        self._name = name
        self._points = points
        self._seed = seed

    def __call__(
        self,
        app: App,
        *,
        versions: Sequence[str] = (),
        keyword: str = "",
        scenarios: Sequence[str] = (CRASH,),
        dsns: Mapping[str, str] | None = None,
        **wanted: Any,
    ) -> Drilled:
        """Drills a processor at its crash points.

        Args:
            app: a `Processor` at the top of a module, `"module:app"`, the path of a declaration, or a command.
            versions: of a declaration, those that are drilled; all where none is named.
            keyword: only points whose name or id matches, as `-k` of the command line.
            scenarios: what is done at the points, by name; `["all"]` for every one.
            dsns: by effect, a server of yours instead of one that is started.
            wanted: see `Wanted`: inputs, observe, schema, identity, output, effects, processor, drill.

        Raises:
            ConfigurationError: something is missing or contradicts itself; the sentence says what to write.
            InconclusiveError: the processor does not finish its clean run.

        Each of them is shown at the test's own line, with its hint and the processor's last words.
        """
        __tracebackhide__ = True
        said = _wanted(wanted)
        try:
            declared = declaration(app, said, folder=self._folder, scratch=self._scratch)
            path = self._origin.path_of(declared.folder if stands_in_a_file(app) else None)
            choice = Choice(
                points=PointSet(self._points),
                scenarios=scenarios_named(scenarios),
                keyword=Keyword(keyword),
                seed=self._seed,
            )
            return self._drilled(declared, versions, choice, dict(dsns or {}), path)
        except OncewhereError as error:
            told = with_all_words(error)
        raise told

    def _drilled(
        self, declared: Declaration, versions: Sequence[str], choice: Choice, dsns: dict[str, str], path: str
    ) -> Drilled:
        chosen = choose_versions(declared, versions)
        if choice.points is not PointSet.MISSION:
            choice = dataclasses.replace(choice, inputs_limit=chosen[0].settings.sweep_inputs)
        systems = {name: str(effect.system) for version in chosen for name, effect in version.effects.items()}
        told = self._origin.provenance(dsns, declared.folder)
        folder = RunFolder(self._root, _plain(self._name), declaration=path, versions=chosen, provenance=told)
        drill = Drill(
            declared,
            versions=chosen,
            choice=choice,
            servers=[self._servers.for_drill(systems, dsns)],
            folder=folder.path,
            recreate_topics=self._servers.is_ours,
            demonstration=False,
            listener=folder,
        )
        with folder:
            result = asyncio.run(drill.run())
        text = io.StringIO()
        show_result(result, Console(file=text, width=WIDTH, no_color=True, highlight=False), told)
        text.write(f"Report:   {os.path.relpath(folder.path / REPORT_NAME)}\n")
        return Drilled(result, text.getvalue())


def _wanted(given: Mapping[str, Any]) -> Wanted:
    unknown = given.keys() - Wanted.__dataclass_fields__.keys()
    if unknown:
        raise TypeError(f"oncewhere_drill has no argument {', '.join(sorted(unknown))}")
    return Wanted(**given)


def _plain(name: str) -> str:
    """The test's name as part of a folder's."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:80]
