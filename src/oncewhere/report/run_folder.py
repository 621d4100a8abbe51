"""A drill's events come in; a folder that can be carried to another machine goes out, readable from its first second.

.oncewhere/.gitignore      everything: no run is committed by accident
.oncewhere/runs/<UTC time>-<name>/
    README.txt             which file is what
    run.json               everything that was found, with versions; how far the run came
    junit.xml              one case for each point
    report.html            the page for people
    <version>/<crash>/     wire.jsonl (the wire log), life-N.log (the processor's output)
.oncewhere/runs/latest     the newest run
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from oncewhere.drill import DrillBegan, DrillEnded, DrillEvent, TrialJudged, Version, VersionJudged
from oncewhere.errors import InconclusiveError, OncewhereError, StackError
from oncewhere.masking import masked

from .html import write_report
from .junit import FILE_NAME as JUNIT_NAME
from .junit import as_junit
from .kinds import DEFAULT, ReportKind
from .made_with import made_with
from .provenance import Ending, Provenance, Replayed, State
from .readme import README_NAME, readme
from .run_json import FILE_NAME, Run, encode
from .so_far import SoFar

LATEST = "latest"
IGNORED = ".gitignore"
"""Keeps evidence and servers' data out of a repository, itself included."""
SAME_SECOND_LIMIT = 1000
WRITING_SHARE = 0.05
"""How much of a drill's time may go into writing down what was found so far."""
INTERRUPTED_CODE = 130
INTERNAL_CODE = 4


class RunFolder:
    """The evidence of one run. As a context, it also keeps why a run did not come to its end.

    Args:
        root: the project's `.oncewhere` folder; made if missing.
        name: what was drilled, as part of the folder's name.
        declaration: where the declaration is, seen from the folder that `root` stands in.
        versions: what is drilled; without them, nothing is told of a run that does not come to its end.
        provenance: where the run comes from.
        demonstration: as the drill's.
        control: as the drill's.
        reports: what is written beside run.json.
        replay: True for a point of another run: that one stays `latest`, so that its other points are at hand.
        replayed: which point of which run it is, where that is known.
    """

    def __init__(  # noqa: PLR0913  # each is said once
        self,
        root: Path,
        name: str,
        *,
        declaration: str = "",
        versions: Sequence[Version] = (),
        provenance: Provenance | None = None,
        demonstration: bool = False,
        control: str | None = None,
        reports: frozenset[ReportKind] = DEFAULT,
        replay: bool = False,
        replayed: Replayed | None = None,
    ) -> None:
        self._runs = root / "runs"
        self._declaration = declaration
        self._reports = reports
        self._replay = replay
        self._replayed = replayed
        self._provenance = provenance or Provenance()
        self._so_far = SoFar(versions, demonstration=demonstration, control=control)
        self._ending = Ending()
        self._made_with = made_with(own_kafka="kafka" not in self._provenance.servers)
        self._rests_until_s = 0.0
        stamp = self._provenance.began.strftime("%Y-%m-%dT%H-%M-%SZ")
        try:
            self._runs.mkdir(parents=True, exist_ok=True)
            if not (root / IGNORED).exists():
                (root / IGNORED).write_text("*\n", encoding="utf-8")
            self.path = self._fresh(f"{stamp}-{name}")
            (self.path / README_NAME).write_text(readme(reports), encoding="utf-8")
            self._write_json()
        except OSError as error:
            raise StackError(
                f"No folder for the evidence can be made in {self._runs}: {error.strerror}.",
                hint="Free some space or run in a folder that you may write to.",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._ending.state is State.RUNNING:  # what comes after the end takes nothing from it
            with contextlib.suppress(Exception):  # an error while writing never hides the one that ended the run
                self._ended(_ending_of(error))

    def __call__(self, event: DrillEvent) -> None:
        """Listens; what was judged is written down at once, and all of it when the drill has ended."""
        self._so_far(event)
        match event:
            case DrillBegan():
                self._point_latest()
            case TrialJudged() | VersionJudged() if time.monotonic() > self._rests_until_s:
                began_s = time.monotonic()
                self._write_json()
                now_s = time.monotonic()
                self._rests_until_s = now_s + (now_s - began_s) / WRITING_SHARE
            case DrillEnded(result=result):
                self._ended(Ending(state=State.FINISHED, exit_code=result.exit_code))
            case _:
                pass

    def listed(self) -> None:
        """The points were printed, and that was all."""
        self._ending = Ending(state=State.LISTED, exit_code=0)
        self._write_json()

    def compared(self, outcome: str, *, reproduced: bool, exit_code: int) -> None:
        """Whether a replay has shown the same as the run that it repeats."""
        if self._replayed is not None:
            self._replayed = dataclasses.replace(self._replayed, outcome=outcome, reproduced=reproduced)
        self._ended(dataclasses.replace(self._ending, exit_code=exit_code))

    def _ended(self, ending: Ending) -> None:
        self._ending = ending
        self._write_json()
        self._point_latest()
        run = self._run()
        if ReportKind.JUNIT in self._reports:
            ET.ElementTree(as_junit(run)).write(self.path / JUNIT_NAME, encoding="utf-8", xml_declaration=True)
        if ReportKind.HTML in self._reports:
            write_report(self.path)

    def _run(self) -> Run:
        return Run(
            path=self._declaration,
            result=self._so_far.result(str(self.path), self._ending.words),
            made_with=self._made_with,
            provenance=self._provenance,
            ending=self._ending,
            replayed=self._replayed,
        )

    def _write_json(self) -> None:
        fresh = self.path / f".{FILE_NAME}-{os.getpid()}"
        fresh.write_bytes(encode(self._run()))
        fresh.replace(self.path / FILE_NAME)

    def _fresh(self, name: str) -> Path:
        for number in range(1, SAME_SECOND_LIMIT):
            path = self._runs / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
        raise FileExistsError(17, "too many runs began in this second")

    def _point_latest(self) -> None:
        if self._replay:
            return
        link = self._runs / LATEST
        fresh = self._runs / f".latest-{os.getpid()}"
        with contextlib.suppress(OSError):  # a file system without links loses a convenience, not evidence
            fresh.symlink_to(self.path.name)
            fresh.replace(link)


def _ending_of(error: BaseException) -> Ending:
    """What an exception says of how a run ended."""
    if isinstance(error, OncewhereError):
        state = State.INCONCLUSIVE if isinstance(error, InconclusiveError) else State.FAILED
        told = "\n".join(part for part in (error.message, error.hint, error.detail) if part)
        return Ending(state=state, reason=masked(told), exit_code=error.exit_code)
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return Ending(state=State.INTERRUPTED, reason="told to stop (Ctrl-C or SIGTERM)", exit_code=INTERRUPTED_CODE)
    return Ending(state=State.FAILED, reason=masked(f"{type(error).__name__}: {error}"), exit_code=INTERNAL_CODE)
