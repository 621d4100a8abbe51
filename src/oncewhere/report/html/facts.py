"""A run comes in; what the page says of the run itself goes out: the answer, the places, one row for each point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from oncewhere.drill import CRASH, SCENARIOS, TrialResult, Verdict, VersionResult
from oncewhere.drill.phases import PHASES
from oncewhere.explain.catalogue import CATALOGUE
from oncewhere.masking import masked
from oncewhere.report.advice import code_of, more_than, verdicts_of
from oncewhere.report.again import again
from oncewhere.report.heading import heading
from oncewhere.report.run_json import Run
from oncewhere.report.sentence import answer
from oncewhere.report.sweep_table import coverage_lines, spared_lines
from oncewhere.report.words import STYLE, conclusion, proof

from .excerpt import shown

ELSEWHERE = "Where the folder is not among the project's runs: name it by its path, and the project with --project DIR."


def run_facts(run: Run, name: str) -> dict[str, Any]:
    """What stands at the head of the page, and in its table of points.

    Args:
        run: what was found.
        name: of the run's folder.
    """
    result, head = run.result, heading(run)
    return {
        "name": name,
        "path": run.path,
        "heading": head,
        "duration_s": result.duration_s,
        "exit_code": result.exit_code,
        "made_with": run.made_with,
        "conclusion": [line for line in conclusion(result, run.provenance)[:-1] if line not in head],
        "verdicts": {
            verdict: {"mark": STYLE[verdict][0], "kind": kind_of(verdict), "meaning": verdict.meaning}
            for verdict in Verdict
        },
        "cures": _cures(result.versions),
        "phases": dict(PHASES),
        "scenarios": {name: scenario.words for name, scenario in SCENARIOS.items()},
        "versions": [_version(run, version) for version in result.versions],
        "points": [
            point_facts(number, trial) for number, version in enumerate(result.versions) for trial in version.trials
        ],
    }


def _cures(versions: Iterable[VersionResult]) -> dict[str, dict[str, str]]:
    """By code, why it is bad and what to do: whoever is handed the page need not have oncewhere to read that."""
    codes = {code_of(version, verdict) for version in versions for _, verdict in verdicts_of(version)} - {""}
    return {code: {"why": CATALOGUE[code].why, "remedy": CATALOGUE[code].remedy} for code in sorted(codes)}


def kind_of(verdict: Verdict) -> str:
    """`held`, `violated` or `open`: what a colour stands for."""
    return "violated" if verdict.violated else "open" if verdict.open else "held"


def point_facts(version: int, trial: TrialResult) -> dict[str, Any]:
    """One row of the table of points."""
    point = trial.point
    return {
        "version": version,
        "id": trial.plan.id,
        "label": "no crash" if trial.plan.is_clean else trial.plan.label,
        "clean": trial.plan.is_clean,
        "named": trial.plan.scenario == CRASH and bool(point and point.name),
        "scenario": trial.plan.scenario,
        "place": point.place if point else "",
        "kind": point.kind if point else "",
        "phase": point.phase if point else "",
        "reached": trial.reached,
        "verdict": trial.verdict,
        "at": {finding.place: finding.verdict for finding in trial.findings},
    }


def trial_facts(run: Run, version: VersionResult, trial: TrialResult) -> dict[str, Any]:
    """What is said of one trial beside its timeline.

    Args:
        run: the run that it belongs to.
        version: what was drilled.
        trial: the trial.
    """
    repeated = again(run.result, version, trial, run.provenance)
    return {
        "what": _what(trial),
        "findings": [
            {
                "place": finding.place,
                "verdict": finding.verdict,
                "cure": code_of(version, finding.verdict),
                "sentence": shown(finding.sentence),
                "check": finding.check,
                "examples": shown(finding.examples),
                "more": more_than(finding, len(finding.examples)),
                "chain": [masked(sentence) for sentence in finding.chain],
            }
            for finding in trial.findings
        ],
        "proofs": [shown(proof(crash)) for crash in trial.crashes],
        "observations": [shown(observation.sentence) for observation in trial.observations],
        "replay": repeated.command if repeated else "",
        "beside": repeated.beside if repeated else "",
        "elsewhere": ELSEWHERE if repeated and not run.provenance.repeat else "",
        "folder": trial.folder,
        "lives": trial.lives,
        "tries": trial.tries,
        "reached": trial.reached,
        "duration_s": trial.duration_s,
        "phases_s": dict(trial.phases_s),
    }


def _what(trial: TrialResult) -> str:
    """What was done to the processor, in a sentence."""
    if trial.plan.is_clean:
        return "Nothing was done to the processor: this is the clean run."
    at = "; then ".join(str(step.point) for step in trial.plan.steps)
    if trial.plan.scenario == CRASH:
        named = trial.point.name.words if trial.point and trial.point.name else ""
        done = "Killed" if trial.reached else "Was to be killed"
        return f"{done} {named + ': ' if named else ''}at {at}."
    scenario = SCENARIOS.get(trial.plan.scenario)
    words = scenario.words if scenario else trial.plan.scenario
    words = words if trial.reached else f"was to be: {words}"
    return f"{words[:1].upper()}{words[1:]}{f' (at {at})' if at else ''}."


def _version(run: Run, version: VersionResult) -> dict[str, Any]:
    result, lines = run.result, list[str]()
    if version.coverage is not None:
        crashes_only = all(trial.plan.scenario == CRASH for trial in version.crashes)
        lines = [
            *coverage_lines(version.coverage, run.provenance, crashes_only=crashes_only),
            *spared_lines(version, run.provenance),
        ]
    return {
        "name": version.version.name,
        "about": version.version.about,
        "verdict": version.verdict,
        "sentence": answer(result, version),
        "places": [_place(version, place) for place in version.version.places],
        "coverage": lines,
        "unvisited": sum(version.coverage.skipped.values()) if version.coverage is not None else 0,
        "control": version.version.name == result.control,
    }


def _place(version: VersionResult, place: str) -> Mapping[str, str]:
    effect = version.version.effects.get(place)
    return {"name": place, "system": effect.system if effect else "kafka", "policy": effect.policy if effect else ""}
