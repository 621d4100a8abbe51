"""What a result is written as for machines (JUnit, JSON and its schema, annotations), and what two runs differ in."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import click
import msgspec
import pytest
from jsonschema import Draft202012Validator
from made_run import BANK, INPUT, OUTPUT, make_run, version
from rich.console import Console

from oncewhere.cli.entry import main
from oncewhere.cli.provenance import provenance
from oncewhere.cli.replay import find_trial, other_servers
from oncewhere.cli.servers import Wishes, server_options
from oncewhere.drill import DrillEnded, DrillResult, Finding, Verdict, VersionResult
from oncewhere.errors import ConfigurationError
from oncewhere.report import (
    Commit,
    Provenance,
    ReportKind,
    RunFolder,
    State,
    compare,
    default_kinds,
    doubts,
    github_annotations,
    parse_kinds,
    read_run,
    show_difference,
    show_run,
)
from oncewhere.report.again import again
from oncewhere.report.difference import Alone, Difference, known_as
from oncewhere.report.html.facts import trial_facts
from oncewhere.report.junit import as_junit
from oncewhere.report.run_schema import run_schema

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "reference" / "run.schema.json"

GROUPS = ((version().processor.group, "payments"), ("refunds", "refunds"))
"""Of two processors: the group, and the declaration as it was named."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("project"), points=4, names=("naive", "sound"))


def test_junit_has_one_case_for_each_point(run: Path) -> None:
    naive, sound = ET.parse(run / "junit.xml").getroot()
    assert (naive.get("tests"), naive.get("failures")) == ("5", "4")
    assert (sound.get("tests"), sound.get("failures")) == ("5", "0")
    failure = naive.find("testcase[@name='after-effect']/failure")
    assert failure is not None
    assert failure.get("type") == "duplicate"
    assert (failure.get("message") or "").startswith("bank duplicate: 4 inputs happened here more than once")
    lines = (failure.text or "").splitlines()
    assert f"again: oncewhere replay naive/after-effect {run.name}" in lines
    assert "bank duplicate: payment-0, payment-1, payment-2, payment-3" in lines
    assert "what to do: oncewhere explain duplicate" in lines
    assert lines[-1].startswith(f"evidence: {run.name}/naive/")
    assert naive.get("timestamp")
    assert naive.get("time") == "5.000"


def test_what_came_about_alike_at_two_places_is_told_once_in_junit(run: Path) -> None:
    found = read_run(run)
    version = found.result.versions[0]
    trial = version.trials[1]
    how = ("1 s  kafka EndTxn dropped", "2 s  the processor is started again (life 2)")
    out, bank = (
        dataclasses.replace(f, verdict=Verdict.STUCK, sentence="4 of 16", chain=(*how, f"so at {f.place}: 4 of 16"))
        for f in trial.findings
    )
    unlike = dataclasses.replace(bank, chain=("so at bank: 4 of 16",))

    def lines(*findings: Finding) -> list[str]:
        stuck = dataclasses.replace(trial, findings=findings)
        told = dataclasses.replace(found.result, versions=(dataclasses.replace(version, trials=(stuck,)),))
        failure = as_junit(dataclasses.replace(found, result=told)).find("testsuite/testcase/failure")
        assert failure is not None
        return [line for line in (failure.text or "").splitlines() if line[0].isdigit() or line[:2] in {"so", "as"}]

    first = [*how, f"so at {out.place}: 4 of 16"]
    assert lines(out, bank) == [*first, f"as at {out.place}, above", "so at bank: 4 of 16"]
    assert lines(out, unlike) == [*first, "so at bank: 4 of 16"]
    assert lines(unlike, dataclasses.replace(out, chain=())) == ["so at bank: 4 of 16"]


def test_what_xml_forbids_is_written_out_and_a_reader_takes_the_whole_file(run: Path) -> None:
    forbidden, written = "\x00\x1b\x7f\ud800\uffff", "\\x00\\x1b\x7f\\ud800\\uffff"
    found = read_run(run)
    version = found.result.versions[0]
    trial = version.trials[2]
    step = trial.plan.steps[0]
    point = dataclasses.replace(step.point, kind=f"EndTxn{forbidden}")
    said = {"sentence": f"<{forbidden}>\n😀", "chain": (forbidden,), "examples": (forbidden,)}
    hostile = dataclasses.replace(
        trial,
        plan=dataclasses.replace(trial.plan, steps=(dataclasses.replace(step, point=point),)),
        findings=tuple(dataclasses.replace(finding, **said) for finding in trial.findings),
    )
    told = dataclasses.replace(found.result, versions=(dataclasses.replace(version, trials=(hostile,)),))
    document = ET.tostring(as_junit(dataclasses.replace(found, result=told)), encoding="utf-8")
    (case,) = ET.fromstring(document).iter("testcase")
    assert case.get("name") == f"kafka.EndTxn{written}.2.1.before"
    assert f"<{written}>\n😀" in case[0].get("message", "")
    assert written in (case[0].text or "").splitlines()


def test_run_json_is_what_its_published_schema_says(run: Path) -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    found = json.loads((run / "run.json").read_text())
    assert list(validator.iter_errors(found)) == []
    found["versions"][0]["trials"][1]["findings"][0]["verdict"] = "probably fine"
    assert list(validator.iter_errors(found))
    assert not validator.is_valid({**json.loads((run / "run.json").read_text()), "format": 0})
    assert schema["properties"]["format"] == run_schema()["properties"]["format"]


def test_annotations_tell_a_violation_once_with_what_it_takes_to_see_it_again(run: Path) -> None:
    (line,) = github_annotations(read_run(run).result, Provenance())
    assert line.startswith("::error title=naive%3A duplicate in bank::In 4 of 4 trials; for example after-effect: ")
    assert f"%0Aagain: oncewhere replay naive/after-effect {run.name}%0A" in line
    assert line.endswith("%0AWhat to do: oncewhere explain duplicate")
    assert "\n" not in line


def test_what_is_open_is_a_warning(run: Path) -> None:
    result = read_run(run).result
    version = result.versions[1]
    trial = version.trials[1]
    dark = dataclasses.replace(trial.findings[0], verdict=Verdict.UNKNOWN, sentence="100% dark")
    trials = (version.trials[0], dataclasses.replace(trial, findings=(dark, trial.findings[1])))
    (line,) = github_annotations(
        dataclasses.replace(result, versions=(dataclasses.replace(version, trials=trials, coverage=None),)),
        Provenance(),
    )
    assert line.startswith("::warning title=sound%3A unknown in payment-settled::")
    assert "100%25 dark" in line


def test_two_trials_that_came_to_one_point_are_two_cases_of_junit(run: Path) -> None:
    found = read_run(run)
    version = found.result.versions[0]
    moved = dataclasses.replace(version.trials[-1], folder="naive/elsewhere-2")
    both = dataclasses.replace(version, trials=(*version.trials, moved))
    told = dataclasses.replace(found, result=dataclasses.replace(found.result, versions=(both,)))
    names = [case.get("name") for case in as_junit(told).iter("testcase")]
    assert len(names) == len(set(names))
    assert f"{moved.plan.label} (elsewhere-2)" in names
    assert find_trial(told, "elsewhere-2")[1] is moved, "the folder's name tells them apart"


def test_kinds_are_named_and_a_wrong_name_is_told_apart() -> None:
    assert parse_kinds("junit, html") == {ReportKind.JUNIT, ReportKind.HTML}
    assert ReportKind.GITHUB in default_kinds({"GITHUB_ACTIONS": "true"})
    assert ReportKind.GITHUB not in default_kinds({})
    with pytest.raises(ConfigurationError, match="no report 'pdf'"):
        parse_kinds("pdf")


def test_only_what_was_asked_for_is_written_beside_run_json(run: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "payments", reports=frozenset({ReportKind.JUNIT}))
    folder(DrillEnded(result=read_run(run).result))
    assert sorted(path.name for path in folder.path.iterdir()) == ["README.txt", "junit.xml", "run.json"]
    told = (folder.path / "README.txt").read_text()
    assert "\njunit.xml  " in told
    assert "report.html" not in told, "it is not there"
    only_annotations = RunFolder(tmp_path, "payments", reports=frozenset({ReportKind.GITHUB}))
    assert "junit.xml" not in (only_annotations.path / "README.txt").read_text()


def test_two_runs_differ_where_a_verdict_changed(run: Path, tmp_path: Path) -> None:
    other = read_run(make_run(tmp_path, points=3, names=("sound",))).result
    before = read_run(run).result
    renamed = dataclasses.replace(
        other,
        versions=tuple(
            dataclasses.replace(v, version=type(v.version)(**{**as_fields(v.version), "name": "naive"}))
            for v in other.versions
        ),
    )
    found = compare(before, renamed)
    assert [(c.place, c.before, c.after, c.direction) for c in found.changed] == [
        (BANK, Verdict.DUPLICATE, Verdict.ONCE, "better")
    ] * 3
    assert found.same == 5
    assert (found.only_before.number, found.only_after.number) == (2 + 10, 0)
    assert [one.point for one in found.only_before.violated] == ["kafka.EndTxn.1.2.before"]
    assert (len(found.still_violated), len(compare(before, before).still_violated)) == (0, 4)
    assert {c.direction for c in compare(renamed, before).changed} == {"worse"}
    out = io.StringIO()
    show_difference(compare(renamed, before), Console(file=out, width=60), names=("a", "b"))
    assert "3 worse; 5 the same; 12 could not be compared." in out.getvalue()
    assert all(len(line) <= 60 for line in out.getvalue().splitlines())
    assert OUTPUT not in out.getvalue()


def test_a_difference_says_what_it_rests_on(run: Path) -> None:
    whole = read_run(run)
    cut = dataclasses.replace(
        whole,
        ending=dataclasses.replace(whole.ending, state=State.INTERRUPTED, reason="told to stop."),
        result=dataclasses.replace(
            whole.result, versions=tuple(map(of_another_group, whole.result.versions)), folder="/handed"
        ),
        path="refunds",
    )
    handed = dataclasses.replace(whole, result=dataclasses.replace(whole.result, folder="/handed"), path="elsewhere")
    assert doubts(whole, whole) == doubts(whole, handed) == [], "no folder's name makes another processor"
    first, second = doubts(whole, cut)
    assert first == "The second: this run did not come to its end (interrupted): told to stop."
    of_first, of_second = (f"group {g} from {INPUT} to {OUTPUT} ({p})" for g, p in GROUPS)
    assert second == f"The first is of {of_first}, the second of {of_second}: is that the same processor?"
    assert len(doubts(whole, dataclasses.replace(cut, path=""))) == 2
    assert "()" not in doubts(whole, dataclasses.replace(cut, path=""))[1]
    out = io.StringIO()
    part = Difference(changed=(), only_before=Alone(number=3), only_after=Alone(), same=2)
    show_difference(part, Console(file=out, width=120), names=("a", "b"), doubts=[second])
    head, *names, below = out.getvalue().splitlines()[:4]
    assert head == "Nothing changed where both can be compared: 2 verdicts are the same; 3 could not be compared."
    assert names == ["  first   a", "  second  b"]
    assert below.startswith("The first is of")


def test_what_is_violated_in_one_run_alone_is_named_and_is_not_called_unchanged(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = make_run(tmp_path, points=1)
    assert main(["show", "--diff", str(few), str(run)]) == 3, "whether it is new, nobody knows"
    text = " ".join(capsys.readouterr().out.split())
    same = "4 verdicts are the same, 1 still violated; 16 could not be compared"
    whether = "Whether 3 violations of the second are new is not known: the first says nothing of these points."
    assert text.startswith(f"Nothing changed where both can be compared: {same}. {whether} first {few.name} ")
    assert "Still violated: duplicate at bank (naive/after-effect)." in text
    points = ", ".join(f"naive/kafka.EndTxn.{point}.before" for point in ("2.1", "3.1", "1.2"))
    assert f"16 in the second alone, 3 of them violated: duplicate at bank ({points})." in text
    assert main(["show", "--diff", str(run), str(few)]) == 0, "the second is no worse wherever it came by"
    text = " ".join(capsys.readouterr().out.split())
    assert f"16 in the first alone, 3 of them violated: duplicate at bank ({points})." in text
    assert "Whether" not in text


def test_of_many_points_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    few, many = (read_run(make_run(tmp_path / str(n), points=n)).result for n in (1, 14))
    out = io.StringIO()
    show_difference(compare(few, many), Console(file=out, width=200), names=("a", "b"))
    assert "26 in the second alone, 13 of them violated: duplicate at bank (naive/kafka" in out.getvalue()
    assert " and 10 more)." in out.getvalue()
    show_difference(compare(many, many), Console(file=out, width=200), names=("a", "b"))
    assert "Still violated: duplicate at bank (naive/after-effect, " in out.getvalue()
    assert " and 4 more)." in " ".join(out.getvalue().split())


def test_what_a_control_shows_is_no_violation_to_ask_about(tmp_path: Path) -> None:
    few, many = (read_run(make_run(tmp_path / str(n), points=n)).result for n in (1, 3))
    found = compare(*(dataclasses.replace(result, control="naive") for result in (few, many)))
    assert (found.same, found.still_violated, found.only_after) == (4, (), Alone(number=4))


def test_a_run_is_known_by_its_name_its_date_and_its_commit(run: Path) -> None:
    told = read_run(run)
    began = f"{told.provenance.began:%Y-%m-%d %H:%M:%S} UTC"
    bare = dataclasses.replace(told, provenance=dataclasses.replace(told.provenance, commit=None))
    assert known_as("R", bare) == f"R  {began}, no commit known"
    commit = Commit(id="0123456789abcdef", changed=True)
    changed = dataclasses.replace(told, provenance=dataclasses.replace(told.provenance, commit=commit))
    assert known_as("R", changed) == f"R  {began}, commit 0123456789 with changes that are in no commit"


def of_another_group(result: VersionResult) -> VersionResult:
    """The same result, of a processor that consumes for another group."""
    told = result.version
    processor = msgspec.structs.replace(told.processor, group=GROUPS[1][0])
    return dataclasses.replace(result, version=msgspec.structs.replace(told, processor=processor))


def as_fields(struct: object) -> dict[str, object]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}  # type: ignore[attr-defined]


def test_show_writes_the_page_and_compares(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (run / "report.html").unlink()
    assert main(["show", "--html", str(run)]) == 1
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert (run / "report.html").exists()
    assert main(["show", "--diff", str(run), str(run)]) == 0
    assert "Nothing changed: 20 verdicts are the same, 4 still violated." in capsys.readouterr().out
    assert main(["show", str(run), str(run)]) == 2
    assert "show --diff RUN1 RUN2" in capsys.readouterr().err
    assert main(["show", "--diff"]) == 2


def test_the_page_knows_how_many_more_an_example_stands_for(run: Path) -> None:
    found = read_run(run)
    version = found.result.versions[0]
    trial = version.trials[1]
    many = [dataclasses.replace(f, examples=("a", "b"), duplicates=20, missing=7) for f in trial.findings]
    lost = dataclasses.replace(many[0], verdict=Verdict.LOST)
    told = trial_facts(found, version, dataclasses.replace(trial, findings=(many[1], lost)))["findings"]
    assert [finding["more"] for finding in told] == [18, 5]


def test_a_point_that_was_not_reached_is_not_told_as_a_kill(run: Path) -> None:
    found = read_run(run)
    version = found.result.versions[0]
    trial = version.trials[1]
    assert trial_facts(found, version, trial)["what"].startswith("Killed after the effect")
    missed = dataclasses.replace(trial, reached=False)
    assert trial_facts(found, version, missed)["what"].startswith("Was to be killed after the effect")


SECRET = "hunter2&tail7;end7 rest7@last7"
PARTS = "hunter2|tail7|end7|rest7|last7"
OPTIONS = ("-b", "kafka:9092", "-X", f"ssl.key.password={SECRET}", "-X", "security.protocol=ssl")
DSNS = ("--dsn", f"bank=postgresql://me:{SECRET}@db/bank", "--dsn", "redis://cache")


def of_command(*words: str) -> Provenance:
    """Where a run comes from that was made with these options."""
    seen: list[Provenance] = []

    @click.command(context_settings={"ignore_unknown_options": False})
    @server_options
    def ask(*, wishes: Wishes) -> None:
        seen.append(provenance(wishes, {"bank": "x"} if wishes.dsns else {}, Path.cwd()))

    ask.main([*words], standalone_mode=False, obj=words)
    return seen[0]


@pytest.fixture
def on_our_servers(run: Path, tmp_path: Path) -> Path:
    """The same run, as made with servers of the user's."""
    folder = RunFolder(tmp_path, "payments", provenance=of_command(*OPTIONS, *DSNS))
    folder(DrillEnded(result=read_run(run).result))
    return folder.path


def test_the_command_that_shows_a_trial_again_leads_to_the_same_servers(on_our_servers: Path) -> None:
    run = read_run(on_our_servers)
    version = run.result.versions[0]
    repeated = again(run.result, version, version.trials[2], run.provenance)
    assert repeated is not None
    assert repeated.command.endswith(
        f"{on_our_servers.name} -b kafka:9092 -X security.protocol=ssl --dsn redis://cache"
    )
    assert repeated.beside == "with the same -X ssl.key.password=…, --dsn bank=… as before"
    parsed = of_command(*shlex.split(repeated.command)[4:])
    assert parsed.servers == ("kafka", "bank")


def test_no_secret_of_an_option_is_written_anywhere_and_every_screen_says_what_to_add(on_our_servers: Path) -> None:
    run = read_run(on_our_servers)
    out = io.StringIO()
    show_run(run, Console(file=out, width=300))
    told = out.getvalue()
    annotations = "\n".join(github_annotations(run.result, run.provenance))
    junit = (on_our_servers / "junit.xml").read_text()
    for text in (told, annotations, junit):
        assert "-b kafka:9092" in text
        assert "with the same -X ssl.key.password=…, --dsn bank=… as before" in text
    facts = trial_facts(run, run.result.versions[0], run.result.versions[0].trials[2])
    assert "-b kafka:9092" in facts["replay"]
    assert facts["beside"] == "with the same -X ssl.key.password=…, --dsn bank=… as before"
    for file in on_our_servers.rglob("*"):
        assert not file.is_file() or not re.search(PARTS.encode(), file.read_bytes()), file
    assert not re.search(PARTS, told + annotations)


def test_a_secret_among_the_words_of_the_processor_s_command_stays_at_home(tmp_path: Path) -> None:
    words = ["java", "-jar", "s.jar", "--db-password", SECRET, f"-Dsasl.password={SECRET}"]
    told = version()
    told = msgspec.structs.replace(
        told,
        processor=msgspec.structs.replace(told.processor, command=words),
        settings=msgspec.structs.replace(told.settings, control=[*words, "--no-dedupe"]),
    )
    folder = RunFolder(tmp_path, "payments", versions=[told])
    folder(
        DrillEnded(
            result=DrillResult(
                versions=(VersionResult(version=told, trials=()),),
                demonstration=False,
                folder=str(folder.path),
                duration_s=1,
            )
        )
    )
    (written,) = read_run(folder.path).result.versions
    assert written.version.processor.command == ["java", "-jar", "s.jar", "--db-password", "***", "-Dsasl.password=***"]
    assert written.version.settings.control == [*written.version.processor.command, "--no-dedupe"]
    for file in folder.path.rglob("*"):
        assert not file.is_file() or not re.search(PARTS.encode(), file.read_bytes()), file


def test_a_run_that_was_written_before_options_were_still_says_what_is_missing(on_our_servers: Path) -> None:
    file = on_our_servers / "run.json"
    data = json.loads(file.read_text())
    del data["options"]
    file.write_text(json.dumps(data))
    run = read_run(on_our_servers)
    version = run.result.versions[0]
    repeated = again(run.result, version, version.trials[2], run.provenance)
    assert repeated is not None
    assert repeated.beside == "with the same -b, --dsn bank=… as before"


def test_a_replay_on_other_servers_says_so(on_our_servers: Path) -> None:
    run = read_run(on_our_servers)
    version = run.result.versions[0].version
    told = other_servers(run.provenance, Provenance(servers=("bank",)), version)
    assert told.startswith("That run used servers of yours (Kafka); this replay starts its own.")
    assert "the same options: -b, -X ssl.key.password=…" in told
    assert other_servers(run.provenance, run.provenance, version) == ""
    tested = dataclasses.replace(run.provenance, repeat="pytest test_it.py::test_once")
    assert other_servers(tested, Provenance(), version).endswith("the same options: -b HOST:PORT, --dsn bank=….")
    assert other_servers(Provenance(servers=("cache",)), Provenance(), version) == "", "no effect of this version"
