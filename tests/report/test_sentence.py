from __future__ import annotations

import dataclasses
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from oncewhere.drill import (
    Crash,
    CrashPoint,
    DrillEnded,
    DrillResult,
    NamedCrash,
    Phase,
    Plan,
    Step,
    TrialResult,
    Verdict,
    Version,
    VersionResult,
)
from oncewhere.drill.checks import Finding
from oncewhere.drill.declaration import Effect, Processor, Settings
from oncewhere.drill.observation import Kind, Observation
from oncewhere.report import RunFolder, ids_of, sentence, show_result
from oncewhere.report.sentence import answer
from oncewhere.report.words import proof

ONCE, DUPLICATE, LOST, UNKNOWN = Verdict.ONCE, Verdict.DUPLICATE, Verdict.LOST, Verdict.UNKNOWN


def version(name: str = "naive", expect: dict[NamedCrash, dict[str, Verdict]] | None = None) -> Version:
    return Version(
        name=name,
        about="",
        processor=Processor(command=["x"], input="in", output=["out"], group="g", identity="event_id"),
        effects={"bank": Effect(system="postgresql", observe="select", policy="offset-ledger")},
        settings=Settings(inputs="x", noun="payments"),
        expect=expect or {},
    )


def finding(place: str, verdict: Verdict) -> Finding:
    counts = {"a": 2 if verdict is DUPLICATE else 0 if verdict is LOST else 1, "b": 1}
    return Finding(
        place=place,
        system="kafka" if place == "out" else "postgresql",
        check=1,
        verdict=verdict,
        sentence=f"the sentence of {verdict}",
        duplicates=sum(n > 1 for n in counts.values()),
        missing=sum(n == 0 for n in counts.values()),
        most=max(counts.values()),
    )


def trial(name: NamedCrash | None, out: Verdict, bank: Verdict) -> TrialResult:
    nth = list(NamedCrash).index(name) + 1 if name else 0
    point = name and CrashPoint(
        name=name, place="kafka", system="kafka", kind="EndTxn", interval=1, nth=nth, phase=Phase.BEFORE
    )
    crash = name and Crash(message="EndTxn", outcome="dropped", effects_before=1)
    return TrialResult(
        plan=Plan(steps=(Step(point=point),) if point else ()),
        crashes=(crash,) if crash else (),
        reached=True,
        findings=(finding("out", out), finding("bank", bank)),
        lives=2,
        duration_s=1.0,
        folder=f"naive/{name}",
    )


def result(*crashes: tuple[Verdict, Verdict], of: Version | None = None) -> VersionResult:
    names = list(NamedCrash)
    trials = [trial(None, ONCE, ONCE), *(trial(n, *c) for n, c in zip(names, crashes, strict=False))]
    return VersionResult(version=of or version(), trials=tuple(trials))


def drill(*versions: VersionResult, demonstration: bool = False) -> DrillResult:
    return DrillResult(versions=versions, demonstration=demonstration, folder="runs/x", duration_s=2.0)


HELD = ((ONCE, ONCE), (ONCE, ONCE), (ONCE, ONCE))
TWICE = ((ONCE, ONCE), (ONCE, DUPLICATE), (ONCE, ONCE))
GONE = ((ONCE, ONCE), (LOST, ONCE), (ONCE, ONCE))
DARK = ((ONCE, ONCE), (UNKNOWN, ONCE), (ONCE, ONCE))


def test_the_sentence_answers_where() -> None:
    assert sentence(result(*HELD)) == "exactly once in Kafka and bank (by offset-ledger)"
    assert sentence(result(*TWICE)) == (
        "exactly once in Kafka; NOT in bank: 1 of the payments applied twice "
        "when the process died between the database commit and the Kafka commit"
    )
    assert sentence(result(*GONE)) == (
        "exactly once in bank (by offset-ledger); NOT in Kafka (out): 1 of the payments lost "
        "when the process died between the database commit and the Kafka commit"
    )


def test_unknown_is_never_told_as_held() -> None:
    text = sentence(result(*DARK))
    assert "exactly once in bank" in text
    assert "NOT PROVED in Kafka (out): the sentence of unknown" in text
    assert "exactly once in Kafka" not in text


def test_what_is_red_is_answered_before_what_is_open() -> None:
    parts = sentence(result((UNKNOWN, ONCE), (ONCE, DUPLICATE))).split("; ")
    assert [part.partition(":")[0] for part in parts[:2]] == ["NOT in bank", "NOT PROVED in Kafka (out)"]


@pytest.mark.parametrize(
    ("crashes", "demonstration", "expect", "code"),
    [
        (HELD, False, {}, 0),
        (TWICE, False, {}, 1),
        (GONE, False, {}, 1),
        (DARK, False, {}, 3),
        (HELD, True, {}, 0),
        (TWICE, True, {NamedCrash.AFTER_EFFECT: {"bank": DUPLICATE}}, 0),
        (TWICE, True, {NamedCrash.AFTER_EFFECT: {"bank": LOST}}, 1),
        (HELD, True, {NamedCrash.AFTER_EFFECT: {"bank": DUPLICATE}}, 1),
        (DARK, True, {}, 3),
        (TWICE, False, {NamedCrash.AFTER_EFFECT: {"bank": DUPLICATE}}, 1),
    ],
)
def test_exit_codes(
    crashes: tuple[tuple[Verdict, Verdict], ...],
    demonstration: bool,
    expect: dict[NamedCrash, dict[str, Verdict]],
    code: int,
) -> None:
    assert drill(result(*crashes, of=version(expect=expect)), demonstration=demonstration).exit_code == code


def test_nothing_ran_is_no_success() -> None:
    assert drill().exit_code == 5


def test_the_run_folder_holds_the_verdicts_for_machines(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / ".oncewhere", "payments")
    folder(DrillEnded(result=drill(result(*TWICE), result(*HELD, of=version("ledger")))))
    data = json.loads((folder.path / "run.json").read_text())
    assert data["exit_code"] == 1
    crashes = {t["crash"]: t for t in data["versions"][0]["trials"]}
    verdicts = {f["place"]: f["verdict"] for f in crashes["after-effect"]["findings"]}
    assert verdicts == {"out": "once", "bank": "duplicate"}
    assert crashes["after-effect"]["proof"]["outcome"] == "dropped"
    assert crashes["after-effect"]["id"] == "kafka.EndTxn.1.2.before"
    suites = ET.parse(folder.path / "junit.xml").getroot()
    assert [s.get("failures") for s in suites] == ["1", "0"]
    assert (tmp_path / ".oncewhere" / "runs" / "latest").resolve() == folder.path.resolve()


def test_a_demonstration_fails_junit_only_where_it_surprises(tmp_path: Path) -> None:
    shown = version(expect={NamedCrash.AFTER_EFFECT: {"bank": DUPLICATE}})
    folder = RunFolder(tmp_path, "payments")
    folder(DrillEnded(result=drill(result(*TWICE, of=shown), demonstration=True)))
    assert [s.get("failures") for s in ET.parse(folder.path / "junit.xml").getroot()] == ["0"]


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    assert len({RunFolder(tmp_path, "payments").path for _ in range(5)}) == 5


def test_the_table_fits_eighty_columns_and_names_every_place() -> None:
    out = io.StringIO()
    show_result(drill(result(*TWICE), result(*HELD, of=version("offset-ledger"))), Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    table = [line for line in lines if "bank" in line and "✗" in line]
    assert any("✗ duplicate" in line for line in table)
    assert all(len(line) <= 80 for line in lines if not line.startswith("Evidence"))


def test_a_choice_of_crashes_is_not_told_as_all_of_them() -> None:
    held = result(*HELD)
    one = dataclasses.replace(held, trials=(held.trials[0], held.trials[2]))
    assert sentence(one) == (
        "exactly once in Kafka and bank (by offset-ledger) at the crash that was tried: after-effect; "
        "the drill did not visit the crashes before-effect and after-commit"
    )
    two = dataclasses.replace(held, trials=held.trials[:3])
    assert sentence(two).endswith(
        "at the crashes that were tried: before-effect and after-effect; the drill did not visit the crash after-commit"
    )
    caught = result(*TWICE)
    assert sentence(dataclasses.replace(caught, trials=(caught.trials[0], caught.trials[2]))).startswith(
        "exactly once in Kafka at the crash that was tried: after-effect; NOT in bank: 1 of the payments applied twice"
    )
    assert sentence(dataclasses.replace(held, trials=held.trials[:1])).startswith("NOT PROVED in Kafka and bank")


def test_the_proof_names_effects_that_may_be_done_all_the_same() -> None:
    crash = Crash(message="Produce", outcome="withheld", effects_before=0, effects_on_their_way=1)
    assert proof(crash) == "Produce withheld; 0 effect commits confirmed before, 1 not yet answered; no transaction"


def test_a_screen_of_many_findings_names_a_few_records_of_each() -> None:
    found = dataclasses.replace(finding("bank", DUPLICATE), duplicates=20, examples=tuple("abcdefghij"))
    assert ids_of(found, 3) == "a, b, c and 17 more"
    assert ids_of(found) == "a, b, c, d, e, f, g, h, i, j and 10 more"
    assert ids_of(dataclasses.replace(found, duplicates=0), 3) == "a, b, c", "a verdict that counts none"


def test_what_a_scenario_does_is_no_crash_that_was_visited() -> None:
    held = result(*HELD)
    scenario = dataclasses.replace(
        held.trials[2], plan=Plan(steps=held.trials[2].plan.steps, scenario="zombie"), crashes=()
    )
    told = answer(drill(only := dataclasses.replace(held, trials=(held.trials[0], scenario))), only)
    assert told.endswith("the drill did not visit the crashes before-effect, after-effect and after-commit")


def test_what_is_the_same_at_every_crash_is_said_once() -> None:
    everywhere = result(*[(ONCE, UNKNOWN)] * 3)
    assert sentence(everywhere).endswith("; NOT PROVED in bank: the sentence of unknown, at every crash")
    clean = trial(None, ONCE, UNKNOWN)
    dark = dataclasses.replace(everywhere, trials=(clean, *everywhere.crashes))
    told = "NOT PROVED in bank: the sentence of unknown, in the clean run and at every crash"
    assert sentence(dark).endswith(f"; {told}")
    some = dataclasses.replace(dark, trials=dark.trials[:3])
    assert f"{told} that was tried; the drill did not visit" in sentence(some)
    two = sentence(result((ONCE, DUPLICATE), (ONCE, DUPLICATE), (ONCE, ONCE)))
    assert two.count("1 of the payments applied twice") == 1
    assert two.endswith(
        "when the process died before the external effect, and when the process died between the database commit and "
        "the Kafka commit"
    )


def test_a_count_that_cannot_be_above_one_is_not_to_be_replayed() -> None:
    seen = Observation(kind=Kind.BLIND_COUNT, place="bank", sentence="observe counts the rows of t", count=1)
    open_ = result(*[(ONCE, UNKNOWN)] * 3)
    blind = dataclasses.replace(
        open_, trials=(dataclasses.replace(open_.trials[0], observations=(seen,)), *open_.crashes)
    )
    lost = dataclasses.replace(blind, trials=(blind.trials[0], trial(NamedCrash.AFTER_EFFECT, LOST, UNKNOWN)))
    for of, replays in ((open_, 3), (blind, 0), (lost, 1)):
        out = io.StringIO()
        show_result(drill(of), Console(file=out, width=80))
        assert out.getvalue().count("again: oncewhere replay") == replays
