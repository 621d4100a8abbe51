"""What a processor does past the proxies: no verdict covers it, and so every screen says it beside the verdict."""

from __future__ import annotations

import dataclasses
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from made_run import make_run
from rich.console import Console

from oncewhere.cli.entry import main
from oncewhere.drill import DrillEnded, DrillResult, PointSet
from oncewhere.drill.history import Happened, Wire
from oncewhere.drill.observations import Kind, Observation, connections
from oncewhere.report import RunFolder, read_run, show_result, show_run
from oncewhere.report.heading import heading
from oncewhere.report.junit import as_junit
from oncewhere.report.run_json import Run
from oncewhere.report.screen import show_trial

ELSEWHERE = "127.0.0.1:15432"
CONNECTED = Happened(t=9.0, what="elsewhere", fields={"address": ELSEWHERE})
CLOSED_TO_US = Wire(
    t=9.0,
    life=1,
    link="bank#7",
    interval=1,
    system="postgresql",
    kind="opaque",
    direction="request",
    sequence=1,
    boundary=False,
    outcome="forwarded",
    fields={"reason": "compressed"},
)
(CONNECTION,) = connections([CONNECTED])
TOLD = f"! the processor was connected to {ELSEWHERE}, which is no declared effect: what it does there is neither seen"
HARMLESS = Observation(kind=Kind.NEVER_USED, place="bank", sentence="nothing was written to bank", count=0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path, points=3, names=("sound",))


def with_observations(run: Run, *seen: Observation) -> Run:
    """The same run, whose trials showed something beside their verdicts."""
    (version,) = run.result.versions
    trials = tuple(dataclasses.replace(trial, observations=seen) for trial in version.trials)
    versions = (dataclasses.replace(version, trials=trials),)
    return dataclasses.replace(run, result=dataclasses.replace(run.result, versions=versions))


def of_points(result: DrillResult, points: PointSet) -> DrillResult:
    """The same result, of a drill that was asked for these points."""
    (version,) = result.versions
    assert version.coverage is not None
    coverage = dataclasses.replace(version.coverage, points=points)
    return dataclasses.replace(result, versions=(dataclasses.replace(version, coverage=coverage),))


def one_trial(result: DrillResult) -> DrillResult:
    """What a replay of one point found."""
    (version,) = result.versions
    return dataclasses.replace(result, versions=(dataclasses.replace(version, trials=version.trials[-1:]),))


def screen() -> Console:
    return Console(file=io.StringIO(), width=300)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("points", [PointSet.MISSION, PointSet.ALL])
def test_a_green_verdict_has_below_it_what_it_does_not_cover_once(run: Path, points: PointSet) -> None:
    found = with_observations(read_run(run), CONNECTION, HARMLESS)
    console = screen()
    show_result(of_points(found.result, points), console)
    lines = text_of(console).splitlines()
    (at,) = [number for number, line in enumerate(lines) if TOLD in line]
    assert lines[at - 1].startswith("✓ sound: exactly once in ")
    assert "nothing was written" not in text_of(console), "that limits no verdict"


def test_a_replay_says_it_too(run: Path) -> None:
    console = screen()
    show_trial(one_trial(with_observations(read_run(run), CONNECTION).result), console)
    assert text_of(console).count(TOLD) == 1


def test_nothing_is_said_where_nothing_was_seen(run: Path) -> None:
    console = screen()
    show_run(read_run(run), console)
    assert "!" not in text_of(console)
    assert "nothing of production was touched" in text_of(console)


@pytest.mark.parametrize("servers", [(), ("kafka",)])
def test_a_run_that_was_connected_elsewhere_does_not_say_that_production_was_not_touched(
    run: Path, servers: tuple[str, ...]
) -> None:
    found = with_observations(read_run(run), CONNECTION)
    told = "\n".join(
        heading(dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, servers=servers)))
    )
    assert "nothing of production" not in told
    assert f"The processor was also connected to {ELSEWHERE}: whose that is, a drill cannot know." in told
    assert ("Servers of yours were used" in told) is bool(servers)


def test_junit_has_it_as_the_last_words_of_its_suite_and_of_no_other(run: Path) -> None:
    (suite,) = as_junit(with_observations(read_run(run), CONNECTION, HARMLESS))
    assert [element.tag for element in suite][-1] == "system-out"
    assert suite.findtext("system-out", "").splitlines() == [f"! {CONNECTION.sentence}."]
    assert suite.get("failures") == "0"
    assert ET.parse(run / "junit.xml").find(".//system-out") is None


def test_the_written_run_keeps_it(run: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "again", "payments")
    folder(DrillEnded(result=with_observations(read_run(run), CONNECTION).result))
    assert read_run(folder.path).result.elsewhere == (ELSEWHERE,)


def test_check_says_it_from_the_history_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = next(run.glob("sound/0"))
    history = trial / "wire.jsonl"
    begun, rest = history.read_bytes().split(b"\n", 1)
    assert main(["check", str(run)]) == 0
    assert "!" not in capsys.readouterr().out
    history.write_bytes(b"\n".join((begun, msgspec.json.encode(CONNECTED), msgspec.json.encode(CLOSED_TO_US), rest)))
    for named in (run, trial):
        assert main(["check", str(named)]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert f"! the processor was connected to {ELSEWHERE}," in told
        assert "! 1 connection to bank could not be read to the end: no crash is placed behind that" in told
