"""A drill's result comes in; JUnit's XML goes out: one suite for each version, one case for each point."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from oncewhere.drill import DrillResult, Finding, TrialResult, Verdict, VersionResult

from .advice import cure, ids_of, whom
from .again import again
from .chains import told_once
from .run_json import Run

FILE_NAME = "junit.xml"
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, even escaped (its production 2): most control characters, lone surrogates."""


def as_junit(run: Run) -> ET.Element:
    """The document; in a demonstration, only a surprise is a failure. A run that was cut off has one of its own."""
    result, told = run.result, run.provenance
    suites = ET.Element("testsuites", name="oncewhere drill", time=f"{result.duration_s:.3f}")
    for version in result.versions:
        suite = ET.SubElement(suites, "testsuite", name=version.version.name)
        suite.set("timestamp", told.began.strftime("%Y-%m-%dT%H:%M:%S"))
        suite.set("hostname", told.machine or "unknown")
        suite.set("time", f"{sum(trial.duration_s for trial in version.trials):.3f}")
        names: set[str] = set()
        for trial in version.trials:
            name = trial.plan.label
            if name in names:  # a point that was not reached may have moved to one that has a trial of its own
                name = f"{name} ({Path(trial.folder).name})"
            names.add(name)
            _case(suite, run, version, trial, name)
        for why, number in (version.coverage.skipped if version.coverage else {}).items():
            _failed(suite, f"{number} points", f"{number} points {why}")
        if version.cut_off:
            _failed(suite, "the run", version.cut_off)
        if version.version.name == result.control:
            _control(suite, result)
        if version.unjudged:
            ET.SubElement(suite, "system-out").text = "\n".join(f"! {seen.sentence}." for seen in version.unjudged)
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    if run.ending.words and not result.versions:
        _failed(ET.SubElement(suites, "testsuite", name="drill", tests="1", failures="1"), "the run", run.ending.words)
    _make_writable(suites)
    return suites


def _make_writable(document: ET.Element) -> None:
    """Writes out what XML forbids: an identity may be any bytes, and for one of these no reader takes the file."""
    for element in document.iter():
        element.text = element.text and _writable(element.text)
        for name, value in element.attrib.items():
            element.set(name, _writable(value))


def _writable(text: str) -> str:
    """The text in which each character that XML forbids is written as its number."""
    return _NOT_IN_XML.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _failed(suite: ET.Element, name: str, message: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=suite.get("name", ""), name=name, time="0")
    ET.SubElement(case, "failure", type=Verdict.UNKNOWN, message=message)


def _wrong(result: DrillResult, version: VersionResult, trial: TrialResult) -> list[Finding]:
    """The findings that make a point fail, the worst first."""
    name = trial.point.name if trial.point else None
    surprising = {(at, f.place) for at, f, _ in version.surprises}
    found = [
        finding
        for finding in trial.findings
        if ((name, finding.place) in surprising if result.demonstration else finding.verdict is not Verdict.ONCE)
    ]
    return sorted(found, key=lambda finding: list(Verdict).index(finding.verdict))


def _case(suite: ET.Element, run: Run, version: VersionResult, trial: TrialResult, name: str) -> None:
    time = f"{trial.duration_s:.3f}"
    case = ET.SubElement(suite, "testcase", classname=version.version.name, name=name, time=time)
    wrong = _wrong(run.result, version, trial)
    if not wrong:
        return
    told = "; ".join(f"{finding.place} {finding.verdict}: {finding.sentence}" for finding in wrong)
    problem = ET.SubElement(case, "failure", type=wrong[0].verdict, message=told)
    problem.text = "\n".join(_lines(run, version, trial, wrong))


def _lines(run: Run, version: VersionResult, trial: TrialResult, wrong: Sequence[Finding]) -> Iterator[str]:
    """How it came about, what it is about, what to do, and where the evidence is."""
    for finding, sentences in told_once(wrong):
        yield from sentences
        if ids := ids_of(finding):
            yield f"{finding.place} {finding.verdict}: {ids}"
    if repeated := again(run.result, version, trial, run.provenance):
        yield from repeated.lines
    for command in dict.fromkeys(cure(version, finding.verdict) for finding in wrong):
        yield f"what to do: {command}"
    if not run.provenance.repeat:
        yield whom(run.result)
    yield f"evidence: {Path(run.result.folder).resolve().name}/{trial.folder}/wire.jsonl"


def _control(suite: ET.Element, result: DrillResult) -> None:
    """The control is there to fail: it is a failure where it does not."""
    for problem in suite.findall("testcase/failure/.."):
        problem.remove(problem[0])
    if result.control_failed:
        case = ET.SubElement(suite, "testcase", classname=suite.get("name", ""), name="control", time="0")
        ET.SubElement(case, "failure", type="control", message="nothing turned red: the drill proves nothing")
