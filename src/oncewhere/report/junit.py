"""A drill's result comes in; JUnit's XML goes out: one suite for each version, one case for each point."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from oncewhere.drill import DrillResult, Finding, TrialResult, Verdict, VersionResult

FILE_NAME = "junit.xml"


def as_junit(result: DrillResult) -> ET.Element:
    """The document; in a demonstration, only a surprise is a failure."""
    suites = ET.Element("testsuites", name="oncewhere drill")
    for version in result.versions:
        suite = ET.SubElement(suites, "testsuite", name=version.version.name)
        for trial in version.trials:
            _case(suite, version, trial, _wrong(result, version, trial))
        for why, number in (version.coverage.skipped if version.coverage else {}).items():
            case = ET.SubElement(suite, "testcase", classname=version.version.name, name=f"{number} points", time="0")
            ET.SubElement(case, "failure", type=Verdict.UNKNOWN, message=f"{number} points {why}")
        if version.version.name == result.control:
            _control(suite, result)
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    return suites


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


def _case(suite: ET.Element, version: VersionResult, trial: TrialResult, wrong: Sequence[Finding]) -> None:
    name = version.version.name
    time = f"{trial.duration_s:.3f}"
    case = ET.SubElement(suite, "testcase", classname=name, name=trial.plan.label, time=time)
    if not wrong:
        return
    told = "; ".join(f"{finding.place} {finding.verdict}: {finding.sentence}" for finding in wrong)
    problem = ET.SubElement(case, "failure", type=wrong[0].verdict, message=told)
    again = "" if trial.plan.is_clean else f"again: oncewhere replay {name}/{trial.plan.id}\n"
    chain = "".join(f"{sentence}\n" for finding in wrong for sentence in finding.chain)
    problem.text = f"{chain}{again}evidence: {trial.folder}/wire.jsonl"


def _control(suite: ET.Element, result: DrillResult) -> None:
    """The control is there to fail: it is a failure where it does not."""
    for problem in suite.findall("testcase/failure/.."):
        problem.remove(problem[0])
    if not result.control_turned_red:
        case = ET.SubElement(suite, "testcase", classname=suite.get("name", ""), name="control", time="0")
        ET.SubElement(case, "failure", type="control", message="nothing turned red: the drill proves nothing")
