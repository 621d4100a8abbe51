"""A drill's result comes in; JUnit's XML goes out: one suite for each version, one case for each point and place."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from oncewhere.drill import DrillResult, Verdict


def as_junit(result: DrillResult) -> ET.Element:
    """The document; in a demonstration, only a surprise is a failure."""
    suites = ET.Element("testsuites", name="oncewhere drill")
    for version in result.versions:
        cases = [(t, f) for t in version.trials for f in t.findings]
        surprising = {(name, f.place) for name, f, _ in version.surprises}
        suite = ET.SubElement(suites, "testsuite", name=version.version.name, tests=str(len(cases)))
        for trial, finding in cases:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{version.version.name}.{finding.place}",
                name=trial.plan.label,
                time=f"{trial.duration_s:.3f}",
            )
            broken = finding.verdict is not Verdict.ONCE
            surprise = (trial.point.name if trial.point else None, finding.place) in surprising
            if surprise if result.demonstration else broken:
                problem = ET.SubElement(case, "failure", type=finding.verdict, message=finding.sentence)
                problem.text = f"evidence: {trial.folder}/wire.jsonl"
        for why, number in (version.coverage.skipped if version.coverage else {}).items():
            case = ET.SubElement(suite, "testcase", classname=version.version.name, name=f"{number} points", time="0")
            ET.SubElement(case, "failure", type=Verdict.UNKNOWN, message=f"{number} points {why}")
        if version.version.name == result.control:
            for problem in suite.findall("testcase/failure/.."):
                problem.remove(problem[0])
            if not result.control_turned_red:
                case = ET.SubElement(suite, "testcase", classname=version.version.name, name="control", time="0")
                ET.SubElement(case, "failure", type="control", message="nothing turned red: the drill proves nothing")
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    return suites
