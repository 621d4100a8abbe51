"""What a sweep prints, and what a replay says of it: built from results, without any server."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from oncewhere.cli.replay import find_trial, same_elsewhere
from oncewhere.drill import (
    OUT_OF_TIME,
    Coverage,
    Crash,
    DrillEnded,
    DrillResult,
    Finding,
    NamedCrash,
    Plan,
    PointSet,
    Step,
    TrialResult,
    Verdict,
    Version,
    VersionResult,
    parse_id,
)
from oncewhere.drill.declaration import Processor, Settings
from oncewhere.drill.effect import Effect
from oncewhere.errors import ConfigurationError
from oncewhere.report import Failures, RunFolder, github_annotations, read_run, show_result
from oncewhere.report.compared import compared
from oncewhere.report.html.facts import run_facts, trial_facts
from oncewhere.report.junit import as_junit
from oncewhere.report.provenance import Ending, Provenance
from oncewhere.report.run_json import Run
from oncewhere.report.sentence import swept
from oncewhere.report.words import conclusion

SYSTEMS = {"kafka": "kafka", "bank": "postgresql"}
ONCE, DUPLICATE, UNKNOWN = Verdict.ONCE, Verdict.DUPLICATE, Verdict.UNKNOWN


def version(name: str = "naive") -> Version:
    return Version(
        name=name,
        about="",
        processor=Processor(
            command=["x"], input="in", output=["out"], group="g", identity="id", environment={"PASSWORD": "hush"}
        ),
        effects={"bank": Effect(system="postgresql", observe="select", policy="none")},
        settings=Settings(inputs="x", noun="payments"),
        expect={},
    )


def trial(point: str | None, bank: Verdict, *, reached: bool = True) -> TrialResult:
    steps = (Step(point=parse_id(point, SYSTEMS)),) if point else ()
    chain = ("0.100 s  bank confirmed it", "so 2 payments happened twice at bank, and once was wanted")
    return TrialResult(
        plan=Plan(steps=steps),
        crashes=(Crash(message="EndTxn", outcome="dropped", effects_before=1),) if steps and reached else (),
        reached=reached,
        findings=(
            Finding(place="out", system="kafka", check=6, verdict=ONCE if reached else UNKNOWN, sentence="as judged"),
            Finding(
                place="bank",
                system="postgresql",
                check=3,
                verdict=bank if reached else UNKNOWN,
                sentence=f"the sentence of {bank}",
                chain=chain if bank.violated else (),
            ),
        ),
        lives=2,
        duration_s=1.0,
        folder=f"naive/{point}",
    )


def sweep(*trials: TrialResult, name: str = "naive", **coverage: object) -> VersionResult:
    chosen = len([t for t in trials if not t.plan.is_clean])
    given = {"chosen": chosen, "reached": sum(t.reached and not t.plan.is_clean for t in trials)} | coverage
    return VersionResult(
        version=version(name),
        trials=trials,
        coverage=Coverage(points=PointSet.BOUNDARIES, inputs=80, recorded=900, **given),
    )


def result(*versions: VersionResult) -> DrillResult:
    return DrillResult(versions=versions, demonstration=False, folder="runs/x", duration_s=2.0)


def printed(*versions: VersionResult, width: int = 80, told: Provenance | None = None) -> str:
    out = io.StringIO()
    show_result(result(*versions), Console(file=out, width=width), told)
    return out.getvalue()


POINTS = [f"kafka.EndTxn.{n}.1.before" for n in range(1, 4)] + ["bank.commit.1.1.replied", "bank.commit.2.1.before"]
BROKEN = sweep(
    trial(None, ONCE), *(trial(p, DUPLICATE) for p in POINTS[:4]), trial(POINTS[4], ONCE), left_out={"repeats": 7}
)


def test_a_violation_is_explained_once_with_its_chain_and_the_command_that_replays_it() -> None:
    text = printed(BROKEN)
    assert text.count("so 2 payments happened twice at bank") == 1
    assert "bank: duplicate in 4 of 5 trials" in text
    assert "again: oncewhere replay kafka.EndTxn.1.1.before x" in text, "the run is named, too"
    assert "What it means, and the cure: oncewhere explain duplicate" in text
    assert "kafka.EndTxn before; bank.commit replied" in " ".join(text.split())


def test_what_only_a_second_publication_shows_is_explained_by_its_scenario() -> None:
    twice = dataclasses.replace(trial(None, DUPLICATE), plan=Plan(scenario="upstream-duplicate"))
    upstream, both = sweep(trial(None, ONCE), twice), sweep(trial(POINTS[0], DUPLICATE), twice)
    for version_, cure in ((upstream, "oncewhere explain upstream-duplicate"), (both, "oncewhere explain duplicate")):
        drilled = result(version_)
        run = Run(path="x", result=drilled, made_with={}, provenance=Provenance(), ending=Ending())
        (page,) = {f["cure"] for f in trial_facts(run, version_, twice)["findings"] if f["cure"]}
        junit = [failure.text or "" for failure in as_junit(run).iter("failure")]
        (annotation,) = github_annotations(drilled, Provenance())
        assert f"What it means, and the cure: {cure}\n" in printed(version_, width=160)
        assert f"oncewhere explain {page}" == cure
        assert page in run_facts(run, "x")["cures"]
        assert all(f"what to do: {cure}\n" in text for text in junit)
        assert annotation.endswith(f"What to do: {cure}")


def test_a_version_that_is_there_to_break_says_so_and_nobody_is_to_be_told() -> None:
    expected = {NamedCrash.AFTER_EFFECT: {"bank": DUPLICATE}}
    meant = dataclasses.replace(BROKEN, version=msgspec.structs.replace(BROKEN.version, expect=expected))
    text = printed(meant, width=160)
    assert "naive is there to show duplicate in bank: its declaration expects it (versions.naive.expect)." in text
    assert "Tell the owner" not in text
    other = dataclasses.replace(meant, trials=(*meant.trials, trial(POINTS[4], Verdict.LOST)))
    assert "Tell the owner" in printed(other, width=160), "that it loses something is not what it is there to show"
    clean = dataclasses.replace(meant, trials=(trial(None, DUPLICATE), *meant.trials[1:]))
    assert "Tell the owner" in printed(clean, width=160), "nor that it does it twice without any crash"
    assert "there to show" not in printed(BROKEN, width=160)
    assert "Tell the owner" in printed(meant, BROKEN, width=160)


def test_whoever_ran_a_test_is_told_what_a_test_takes_and_once() -> None:
    by_test = Provenance(repeat="pytest test_it.py::test_once")
    typed, tested = printed(BROKEN, width=160), printed(BROKEN, width=160, told=by_test)
    for word in ("(--points all visits them)", "(--scenario all)", "oncewhere replay", "Tell the owner"):
        assert word in typed
        assert word not in tested
    assert "(--oncewhere-points all visits them)" in tested
    assert '(scenarios=["all"])' in tested
    assert tested.count("again: pytest test_it.py::test_once") == 1


def test_the_table_counts_by_place_and_phase_and_fits_eighty_columns() -> None:
    lines = printed(BROKEN).splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("Evidence"))
    cells = [line for line in lines if "│" in line]
    assert any("✗ 3 duplicate" in line for line in cells)
    assert any("✗ 1 duplicate" in line and "✓ 1 once" in line for line in cells)


def test_a_sweep_of_a_choice_says_which_named_crashes_it_did_not_visit() -> None:
    point = dataclasses.replace(trial(POINTS[0], ONCE).plan.steps[0].point, name=NamedCrash.AFTER_EFFECT)
    named = dataclasses.replace(trial(POINTS[0], ONCE), plan=Plan(steps=(Step(point=point),)))
    (told,) = [line for line in printed(sweep(trial(None, ONCE), named), width=300).splitlines() if "✓ naive" in line]
    assert told.rstrip().endswith(
        "in the one trial; the drill did not visit the crashes before-effect and after-commit"
    )
    every = [
        dataclasses.replace(named, plan=Plan(steps=(Step(point=dataclasses.replace(point, name=name)),)))
        for name in NamedCrash
    ]
    assert "did not visit" not in printed(sweep(trial(None, ONCE), *every))


def test_a_scenario_that_was_left_out_is_not_said_to_be_asked_for_again() -> None:
    text = printed(sweep(trial(POINTS[0], ONCE), scenarios={"slow-effect": "-k leaves none of them"}), width=300)
    assert "slow-effect left out: -k leaves none of them" in text
    assert "slow-effect" not in next(line for line in text.splitlines() if "not asked for" in line)


def test_what_a_drill_that_was_cut_off_did_not_come_to_is_not_said_to_be_unasked() -> None:
    text = printed(sweep(trial(None, ONCE), chosen=2, skipped={"not started within the limit": 2}), width=300)
    assert "not asked for, or not come to: crash, " in text


def test_what_was_not_covered_is_told() -> None:
    text = " ".join(
        printed(sweep(trial(None, ONCE), trial(POINTS[0], ONCE), trial(POINTS[3], ONCE, reached=False))).split()
    )
    assert "1 of 2 boundary points crashed; 1 not reached again: inconclusive" in text
    skipped = sweep(trial(None, ONCE), trial(POINTS[0], ONCE), chosen=3, skipped={"not started within the limit": 2})
    assert "2 points not started within the limit: inconclusive" in " ".join(printed(skipped).split())
    assert result(skipped).exit_code == 3
    assert "left out of the 900 of the clean run: 7 repeats" in " ".join(printed(BROKEN).split())


def test_what_there_was_no_time_for_is_told_with_how_long_it_takes() -> None:
    visited = [trial(POINTS[0], ONCE)] * 4
    told = dataclasses.replace(result(sweep(*visited, chosen=6, skipped={OUT_OF_TIME: 2})), duration_s=60)
    assert any("They would take some 30 s more" in line for line in conclusion(told, Provenance()))


def test_a_run_is_read_back_as_it_was_written_and_carries_no_variables(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "payments", declaration="here")
    folder(DrillEnded(result=result(BROKEN)))
    assert "hush" not in (folder.path / "run.json").read_text()
    run = read_run(folder.path)
    assert run.path == "here"
    assert run.result.versions[0].trials == BROKEN.trials
    assert run.result.versions[0].coverage == BROKEN.coverage
    assert run.result.exit_code == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 3}'])
def test_a_damaged_run_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"run\.json"):
        read_run(tmp_path)


def test_a_replay_finds_its_trial_by_id_by_version_or_as_the_first_violation(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "payments")
    sound = sweep(trial(None, ONCE), *(trial(p, ONCE) for p in POINTS), name="sound")
    folder(DrillEnded(result=result(sound, BROKEN)))
    run = read_run(folder.path)

    def found(asked: str) -> tuple[str, str]:
        in_version, at = find_trial(run, asked)
        return in_version.version.name, at.plan.id

    assert found("latest") == ("naive", POINTS[0])
    assert found(POINTS[1]) == ("naive", POINTS[1]), "the one that failed is meant"
    assert found(f"sound/{POINTS[1]}") == ("sound", POINTS[1])
    with pytest.raises(ConfigurationError, match="Several versions"):
        found(POINTS[4])
    with pytest.raises(ConfigurationError, match="no point"):
        found("kafka.EndTxn.77.1.before")


@pytest.mark.parametrize(
    ("before", "after", "says", "code"),
    [
        (trial(POINTS[0], DUPLICATE), trial(POINTS[0], DUPLICATE), "REPRODUCED: bank duplicate", 1),
        (trial(POINTS[0], DUPLICATE), trial(POINTS[0], ONCE), "NOT REPRODUCED: bank duplicate before", 3),
        (trial(POINTS[0], DUPLICATE), trial(POINTS[0], ONCE, reached=False), "was not reached again", 3),
        (trial(POINTS[0], ONCE), trial(POINTS[0], ONCE), "The same as before", 0),
        (trial(POINTS[0], ONCE), trial(POINTS[0], DUPLICATE), "NOT REPRODUCED: once at every place before", 1),
    ],
)
def test_a_replay_says_whether_it_shows_the_same(before: TrialResult, after: TrialResult, says: str, code: int) -> None:
    outcome = compared(before, result(sweep(after)))
    assert says in outcome.sentence
    assert outcome.exit_code == code
    assert outcome.reproduced != ("NOT REPRODUCED" in outcome.sentence)


def test_a_violation_that_came_again_is_reproduced_whatever_else_is_new() -> None:
    before = trial(POINTS[0], DUPLICATE)
    out = dataclasses.replace(before.findings[0], verdict=Verdict.STUCK)
    after = dataclasses.replace(before, findings=(out, *before.findings[1:]))
    assert compared(before, result(sweep(after))) == (
        True,
        "REPRODUCED: bank duplicate, as before. New: out stuck.",
        1,
    )
    assert compared(after, result(sweep(before))) == (
        True,
        "REPRODUCED: bank duplicate, as before. No longer: out stuck.",
        1,
    )


def test_what_is_not_reproduced_is_shown_by_a_named_crash_of_the_same_run() -> None:
    before, alike, held = trial(POINTS[0], DUPLICATE), trial(POINTS[1], DUPLICATE), trial(POINTS[2], ONCE)
    point = dataclasses.replace(alike.plan.steps[0].point, name=NamedCrash.AFTER_EFFECT)
    named = dataclasses.replace(alike, plan=Plan(steps=(Step(point=point),)))

    def told(*trials: TrialResult, of: TrialResult = before) -> str:
        drilled = sweep(trial(None, ONCE), *trials)
        drilled_both = result(drilled, sweep(name="sound"))
        run = Run(path=".", result=drilled_both, made_with={}, provenance=Provenance(), ending=Ending())
        return same_elsewhere(run, drilled, of, ["RUN", "--project", "/src/payments"])

    assert told(before, held, trial(POINTS[3], DUPLICATE, reached=False)) == ""
    assert told(before, held, alike, of=held) == "", "it violated nothing"
    assert told(before, alike) == (
        f"{POINTS[1]} showed the same in that run (bank duplicate); "
        f"again: oncewhere replay naive/{POINTS[1]} RUN --project /src/payments"
    )
    assert told(before, trial(POINTS[3], DUPLICATE), named).startswith("after-effect showed the same in that run")


def test_an_outcome_says_beside_it_that_something_else_was_drilled() -> None:
    broken, held = trial(POINTS[0], DUPLICATE), trial(POINTS[0], ONCE)
    beside = {"elsewhere": "Other servers.", "otherwise": "Another commit."}
    assert compared(broken, result(sweep(broken)), **beside).sentence.endswith("as before. Another commit.")
    told = compared(broken, result(sweep(held)), **beside).sentence
    assert told.endswith("once at every place now. Another commit. Other servers.")


def test_failures_are_kept_until_they_are_tried_again_and_hold(tmp_path: Path) -> None:
    failures = Failures(tmp_path, "here")
    assert failures.read() == frozenset()
    failures(DrillEnded(result=result(BROKEN)))
    assert failures.read() == {("naive", point) for point in POINTS[:4]}
    assert Failures(tmp_path, "elsewhere").read() == frozenset()
    failures(DrillEnded(result=result(sweep(trial(POINTS[0], ONCE)))))
    assert failures.read() == {("naive", point) for point in POINTS[1:4]}
    shown = dataclasses.replace(result(BROKEN), demonstration=True)
    failures(DrillEnded(result=shown))
    assert ("naive", POINTS[0]) not in failures.read(), "what is there to be broken is no failure"
    (tmp_path / "failures.json").write_text("{")
    assert failures.read() == frozenset()


def test_what_is_red_is_answered_before_what_is_open_and_behind_what_held() -> None:
    def dark(point: str) -> TrialResult:
        open_in_kafka = trial(point, ONCE)
        out, bank = open_in_kafka.findings
        return dataclasses.replace(open_in_kafka, findings=(dataclasses.replace(out, verdict=UNKNOWN), bank))

    told = swept(sweep(trial(None, ONCE), trial(POINTS[0], DUPLICATE), dark(POINTS[1])))
    assert told.startswith(
        "NOT in bank: duplicate at 1 of 2 trials; NOT PROVED in Kafka (out): unknown at 1 of 2 trials; "
    )


def test_the_annotation_counts_the_trials_as_the_screen_and_the_answer_do() -> None:
    clean = trial(None, DUPLICATE)
    for found, counted in (
        (
            sweep(trial(None, ONCE), trial(POINTS[0], DUPLICATE), trial(POINTS[1], ONCE)),
            "1 of 2 trials; for example kafka.EndTxn.1.1.before",
        ),
        (sweep(clean, trial(POINTS[0], DUPLICATE)), "1 of 1 trials and the clean run; for example the clean run"),
        (sweep(clean, trial(POINTS[0], ONCE)), "the clean run"),
    ):
        (annotation,) = github_annotations(result(found), Provenance())
        assert f"::In {counted}: " in annotation
        assert f"bank: duplicate in {counted}:" in printed(found, width=160)
