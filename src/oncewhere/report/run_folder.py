"""A drill's events come in; a folder that can be carried to another machine goes out.

.oncewhere/runs/<UTC time>-<name>/
    run.json               everything that was found, with versions
    junit.xml              one case for each point
    report.html            the page for people
    <version>/<crash>/     wire.jsonl (the wire log), life-N.log (the processor's output)
.oncewhere/runs/latest     the newest run
"""

from __future__ import annotations

import contextlib
import glob
import os
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

from oncewhere.drill import DrillEnded, DrillEvent, DrillResult
from oncewhere.errors import ConfigurationError, StackError

from .html import write_report
from .junit import FILE_NAME as JUNIT_NAME
from .junit import as_junit
from .kinds import DEFAULT, ReportKind
from .run_json import FILE_NAME, encode

LATEST = "latest"
SAME_SECOND_LIMIT = 1000
RUNS_SHOWN = 5


class RunFolder:
    """The evidence of one run.

    Args:
        root: the project's `.oncewhere` folder; made if missing.
        name: what was drilled, as part of the folder's name.
        declaration: where the declaration is, seen from the folder that `root` stands in.
        reports: what is written beside run.json.
        replay: True for a point of another run: that one stays `latest`, so that its other points are at hand.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        *,
        declaration: str = "",
        reports: frozenset[ReportKind] = DEFAULT,
        replay: bool = False,
    ) -> None:
        self._runs = root / "runs"
        self._declaration = declaration
        self._reports = reports
        self._replay = replay
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        try:
            self._runs.mkdir(parents=True, exist_ok=True)
            self.path = self._fresh(f"{stamp}-{name}")
        except OSError as error:
            raise StackError(
                f"No folder for the evidence can be made in {self._runs}: {error.strerror}.",
                hint="Free some space or run in a folder that you may write to.",
            ) from None

    def __call__(self, event: DrillEvent) -> None:
        """Listens; writes the results when the drill has ended."""
        if isinstance(event, DrillEnded):
            self._write(event.result)
            if not self._replay:
                self._point_latest()

    def _fresh(self, name: str) -> Path:
        for number in range(1, SAME_SECOND_LIMIT):
            path = self._runs / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
        raise FileExistsError(17, "too many runs began in this second")

    def _write(self, result: DrillResult) -> None:
        (self.path / FILE_NAME).write_bytes(encode(result, self._declaration))
        if ReportKind.JUNIT in self._reports:
            ET.ElementTree(as_junit(result)).write(self.path / JUNIT_NAME, encoding="utf-8", xml_declaration=True)
        if ReportKind.HTML in self._reports:
            write_report(self.path)

    def _point_latest(self) -> None:
        link = self._runs / LATEST
        fresh = self._runs / f".latest-{os.getpid()}"
        with contextlib.suppress(OSError):  # a file system without links loses a convenience, not evidence
            fresh.symlink_to(self.path.name)
            fresh.replace(link)


def find_run(root: Path, name: str = LATEST) -> Path:
    """The folder of a run.

    Args:
        root: the project's `.oncewhere` folder.
        name: the run's name, the beginning of one, or a path; `latest` is the newest.

    Raises:
        ConfigurationError: there is none.
    """
    runs = root / "runs"
    for path in (runs / name, Path(name)):
        if path.is_dir():
            return path.resolve()
    matching = sorted(runs.glob(f"{glob.escape(name)}*"))
    if len(matching) == 1:
        return matching[0].resolve()
    if name == LATEST or not runs.is_dir():
        raise ConfigurationError(f"There is no run in {runs} yet.", hint="Make one with: oncewhere drill PATH")
    known = ", ".join(path.name for path in sorted(runs.iterdir())[-RUNS_SHOWN:] if path.name != LATEST)
    raise ConfigurationError(f"There is no run {name!r}.", hint=f"The newest are {known}.")
