"""A run's folder in the hands of a stranger: what it says of itself, cut off or whole, and how its parts are found."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import msgspec
import pytest
from made_run import make_run, version

from oncewhere.cli.drilled_before import declaration_of
from oncewhere.cli.entry import main
from oncewhere.cli.provenance import commit_of, provenance
from oncewhere.cli.servers import Wishes
from oncewhere.drill import (
    DrillBegan,
    DrillEnded,
    Itinerary,
    PlansMade,
    PointSet,
    TrialJudged,
    TrialResult,
    Verdict,
)
from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.report import Provenance, RunFolder, State, find_run, read_run
from oncewhere.report.heading import heading
from oncewhere.report.html.facts import run_facts
from oncewhere.report.html.page import write_page


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("project"), points=3)


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a run, far from any project."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(made, tmp_path / "handed" / made.name))


def trials_of(run: Path) -> tuple[TrialResult, ...]:
    return read_run(run).result.versions[0].trials


def begun(root: Path, trials: tuple[TrialResult, ...], judged: int) -> RunFolder:
    """A run under way, of which so many trials are judged."""
    folder = RunFolder(root, "payments", versions=[version()], provenance=Provenance(command="oncewhere drill ."))
    folder(DrillBegan(versions=("naive",), points=PointSet.ALL))
    folder(TrialJudged(version="naive", trial=trials[0]))
    plans = tuple(trial.plan for trial in trials[1:])
    folder(PlansMade(version="naive", plans=plans, itinerary=Itinerary(points=(), recorded=9), inputs=16))
    for trial in trials[1 : 1 + judged]:
        folder(TrialJudged(version="naive", trial=trial))
    return folder


def test_a_run_that_was_cut_off_is_shown_as_far_as_it_came_and_never_as_held(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = tuple(
        dataclasses.replace(
            trial, findings=tuple(dataclasses.replace(f, verdict=Verdict.ONCE, chain=()) for f in trial.findings)
        )
        for trial in trials_of(run)
    )
    folder = begun(tmp_path / "project", held, judged=1)
    folder._write_json()  # it would have, a moment later
    for trial in held:
        shutil.copytree(run / trial.folder, folder.path / trial.folder)
    found = read_run(folder.path)
    assert found.ending.state is State.RUNNING
    assert found.exit_code == 3
    assert found.result.versions[0].coverage is not None
    assert found.result.versions[0].coverage.inputs == 16, "a replay needs it"
    assert main(["show", str(folder.path)]) == 3
    text = " ".join(capsys.readouterr().out.split())
    assert "This run has not ended: it goes on, or it was cut off." in text
    assert "no violation at the 1 of 3 points that were visited" in text
    assert "exactly once in" not in text
    assert (tmp_path / "project" / "runs" / "latest").resolve() == folder.path.resolve()


def test_the_logs_of_a_run_that_has_not_ended_are_named_as_not_masked(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = begun(tmp_path / "project", trials_of(run), judged=2)
    told = "was not masked in naive/2: this run has not ended, and passwords may stand there. Read it before you send"
    for name in ("1", "2"):
        shutil.copytree(run / "naive" / name, folder.path / "naive" / name)
        (folder.path / "naive" / name / "life-1.log").write_text("bank=postgresql://me:hush@db\n")
    with (folder.path / "naive" / "1" / "wire.jsonl").open("a") as history:
        history.write('{"event":"happened","t":9.0,"what":"judged","fields":{"verdicts":{"bank":"duplicate"}}}\n')
    for command in (["show", str(folder.path)], ["show", "--html", "--force", str(folder.path)],
                    ["check", str(folder.path)]):  # fmt: skip
        main(command)
        captured = capsys.readouterr()
        assert told in " ".join((captured.out + captured.err).split()), command
    folder(DrillEnded(result=read_run(run).result))
    main(["show", str(folder.path)])
    assert "not masked" not in capsys.readouterr().out


def test_what_was_violated_before_the_cut_is_told(run: Path, tmp_path: Path) -> None:
    folder = begun(tmp_path / "project", trials_of(run), judged=2)
    with pytest.raises(KeyboardInterrupt), folder:
        raise KeyboardInterrupt
    found = read_run(folder.path)
    assert (found.ending.state, found.exit_code) == (State.INTERRUPTED, 130)
    assert found.result.versions[0].verdict is Verdict.DUPLICATE
    assert (folder.path / "report.html").exists()
    assert "told to stop" in (folder.path / "junit.xml").read_text()


def test_what_goes_wrong_after_the_end_takes_nothing_from_a_run(run: Path, tmp_path: Path) -> None:
    folder = begun(tmp_path / "project", trials_of(run), judged=2)
    folder(DrillEnded(result=read_run(run).result))
    with pytest.raises(KeyboardInterrupt), folder:
        raise KeyboardInterrupt
    found = read_run(folder.path)
    assert (found.ending.state, found.ending.words) == (State.FINISHED, "")


def test_the_page_says_where_the_run_comes_from(run: Path) -> None:
    provenance = Provenance(command="oncewhere drill . --seed <7>", machine="builder")
    page = write_page({**run_facts(dataclasses.replace(read_run(run), provenance=provenance), run.name)}, [])
    assert f"<li>{provenance.began:%Y-%m-%d %H:%M:%S} UTC  oncewhere drill . --seed &lt;7&gt;</li>" in page
    assert "nothing of production was touched" in page


def test_the_reason_of_an_inconclusive_run_stays_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder(tmp_path, "payments", versions=[version()])
    with pytest.raises(InconclusiveError), folder:
        raise InconclusiveError("naive: the clean run finished 83 of 300 inputs.", detail="password=hush")
    assert main(["show", str(folder.path)]) == 3
    text = capsys.readouterr().out
    assert "did not come to its end (inconclusive): naive: the clean run finished 83 of 300 inputs." in text
    assert "hush" not in text
    assert "NOT PROVED: nothing was judged" in text
    page = run_facts(read_run(folder.path), "a run")
    assert any("did not come to its end" in line for line in page["heading"])
    assert not any("did not come to its end" in line for line in page["conclusion"]), "once is enough"


def test_run_json_is_never_half_written(run: Path, tmp_path: Path) -> None:
    begun(tmp_path / "project", trials_of(run), judged=2)
    (made,) = (tmp_path / "project" / "runs").glob("2*")
    assert [path.name for path in made.iterdir() if path.name.startswith(".")] == []
    assert json.loads((made / "run.json").read_text())["state"] == "running"


def test_a_run_is_found_by_anything_in_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path.cwd() / ".oncewhere"
    for inside in (run, run / "naive", run / "naive" / "1", run / "naive" / "1" / "wire.jsonl", run / "run.json"):
        assert find_run(root, str(inside)) == run
    monkeypatch.chdir(run / "naive")
    assert find_run(Path.cwd() / ".oncewhere") == run


def test_where_there_is_nothing_but_a_replay_it_is_named(tmp_path: Path) -> None:
    replay = RunFolder(tmp_path, "payments-replay", replay=True)
    with pytest.raises(ConfigurationError, match=r"No run in .* is marked as the newest one") as raised:
        find_run(tmp_path)
    assert raised.value.hint == f"The last one there is {replay.path.name}: name it."


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("/nowhere/at/all", "does not exist"),
        ("handed", "holds 1 run."),
        ("empty", "There is nothing of a run in it"),
        ("note.txt", "is a file, and no run is around it"),
        ("2026-nothing", "There is no run '2026-nothing' in"),
        ("run.tgz", "Unpack it, and name the folder"),
    ],
)
def test_what_is_no_run_is_told_as_what_it_is(
    run: Path, what: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    Path("note.txt").write_text("x")
    Path("run.tgz").write_text("x")
    assert main(["show", what]) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_page_is_never_replaced_by_a_poorer_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = run / "report.html"
    before = page.read_bytes()
    history = run / "naive" / "1" / "wire.jsonl"
    history.write_bytes(b"")
    assert main(["show", "--html", str(run)]) == 2
    assert "naive/1/wire.jsonl is empty" in capsys.readouterr().err
    history.unlink()
    assert main(["show", "--html", str(run)]) == 2
    assert page.read_bytes() == before
    assert "naive/1/wire.jsonl cannot be read" in capsys.readouterr().err
    assert main(["show", "--html", "--force", str(run)]) == 1
    assert page.read_bytes() != before
    assert "naive/1/wire.jsonl cannot be read" in capsys.readouterr().err


def test_runs_that_have_nothing_in_common_are_not_called_the_same(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_run(tmp_path / "other", points=2, names=("sound",))
    assert main(["show", "--diff", str(run), str(other)]) == 3
    assert "Nothing could be compared" in capsys.readouterr().err


def test_a_run_that_stands_elsewhere_is_named_by_its_path_in_the_command_that_shows_it_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(given: str) -> list[str]:
        assert main(["show", given]) == 1
        lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
        found = {line.removeprefix("again: ") for line in lines if line.startswith("again: ")}
        assert len(found) == 1
        return shlex.split(found.pop())

    point = ["oncewhere", "replay", "after-effect"]
    handed = tmp_path / "handed over"
    shutil.copytree(run, handed)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for given in (str(handed), "../handed over", str(run)):
        assert command(given) == [*point, given, "--project", "DIR"]
    (elsewhere / "payments").mkdir()
    (elsewhere / "payments" / "oncewhere.toml").touch()
    assert command(str(handed)) == [*point, str(handed)], "the declaration is at hand"
    own = make_run(tmp_path, points=3)
    monkeypatch.chdir(tmp_path)
    for given in (own.name, str(own)):
        assert command(given) == [*point, own.name]


def test_a_run_without_all_of_its_histories_is_not_shown_as_if_it_had_them(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(run)]) == 1
    assert "no whole history" not in capsys.readouterr().out
    (run / "naive" / "1" / "wire.jsonl").unlink()
    with (run / "naive" / "2" / "wire.jsonl").open("a") as history:
        history.write("{")
    assert main(["show", str(run)]) == 1
    text = " ".join(capsys.readouterr().out.split())
    gone = "naive/1/wire.jsonl cannot be read (No such file or directory), and 1 more."
    assert f"! Of 2 of 4 trials no whole history is there to judge: {gone}" in text


def test_check_judges_all_trials_of_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(run)]) == 1
    assert "4 trials judged again: 3 violated, 0 open, 1 held." in capsys.readouterr().out


def test_check_follows_a_try_that_did_not_come_by_its_point_to_the_one_that_is_judged(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, judged = run / "naive" / "1", run / "naive" / "1-2"
    shutil.copytree(first, judged)
    history = first / "wire.jsonl"
    assert '"reached":true' in history.read_text()
    history.write_text(history.read_text().replace('"reached":true', '"reached":false'))
    assert main(["check", str(first)]) == 1
    assert "1 did not come by its point; the run judges the next try: 1-2" in capsys.readouterr().out
    assert main(["check", str(history)]) != 0
    assert "1-2" not in capsys.readouterr().out, "a file that is named is the one that is shown"


def test_check_counts_each_point_once_and_never_a_run_with_a_gap_as_held(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean, first = run / "naive" / "0", run / "naive" / "1"
    shutil.copytree(clean, run / "naive" / "1-2")
    for folder in (first, run / "naive" / "2", run / "naive" / "3"):
        shutil.rmtree(folder)
    shutil.copytree(clean, first)
    history = first / "wire.jsonl"
    history.write_text(history.read_text().replace('"reached":true', '"reached":false'))
    assert main(["check", str(run)]) == 3
    text = " ".join(capsys.readouterr().out.split())
    assert "2 trials judged again: 0 violated, 0 open, 2 held. Not counted: 1 that did not come by their point" in text
    assert "naive/2/wire.jsonl is not there, so this trial is not judged again; the run says duplicate." in text


def test_check_of_a_part_of_a_run_names_the_histories_that_are_gone_from_that_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, names=("sound", "steady"))
    for folder in (run / "sound", run / "steady"):
        for trial in ("1", "2", "3"):
            shutil.copyfile(folder / "0" / "wire.jsonl", folder / trial / "wire.jsonl")
    assert main(["check", str(run / "sound")]) == 0
    (run / "sound" / "2" / "wire.jsonl").unlink()
    shutil.rmtree(run / "sound" / "3")
    monkeypatch.chdir(run)
    capsys.readouterr()
    for part in (str(run / "sound"), str(run.parent / "latest" / "sound"), "sound", str(run)):
        assert main(["check", part]) == 3, part
        text = " ".join(capsys.readouterr().out.split())
        for trial in ("2", "3"):
            assert f"sound/{trial}/wire.jsonl is not there, so this trial is not judged again; the run says" in text
    assert main(["check", str(run / "steady")]) == 0, "what is gone is not of this part"
    assert "not there" not in capsys.readouterr().out


def test_check_judges_no_folder_of_several_runs_as_if_it_were_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = make_run(tmp_path / "a", names=("sound",), points=1)
    shutil.rmtree(first / "sound" / "1")
    around, one = tmp_path / "runs", tmp_path / "one"
    shutil.copytree(first, around / "first")
    shutil.copytree(first, one / "first")
    for words in ([str(one)], [str(tmp_path / "a")]):
        assert main(["check", *words]) == 3, "one run is taken as that run"
        assert "sound/1/wire.jsonl is not there" in " ".join(capsys.readouterr().out.split())
    assert main(["check", str(one), "sound/nothing"]) == 2
    assert "That run has no point 'sound/nothing'" in capsys.readouterr().err
    shutil.copytree(first, around / "second")
    for words in ([str(around)], [str(around), "sound/1"]):
        assert main(["check", *words]) == 2
        text = " ".join(capsys.readouterr().err.split())
        assert "runs holds 2 runs." in text
        assert "Name one of them: first, second." in text
    (around / "second" / "run.json").unlink()
    assert main(["check", str(around)]) == 2, "histories that no run.json counts are of another run"
    assert "holds a run, first, and histories that are not of it" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("beside", ["nothing", "duplicate"])
def test_a_try_that_was_stuck_before_its_point_is_no_violation_of_a_run_that_held(
    tmp_path: Path, beside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    held = make_run(tmp_path / "held", points=1, names=("sound",))
    naive = make_run(tmp_path / "naive", points=1)
    judged = held / "sound" / "1-3"
    shutil.copytree(held / "sound" / "1", judged)
    shown = naive / "naive" / "1" if beside == "duplicate" else judged
    for name in ("1", "1-2"):
        shutil.copytree(shown, held / "sound" / name, dirs_exist_ok=True)
        history = held / "sound" / name / "wire.jsonl"
        text = (
            history.read_text().replace('"reached":true', '"reached":false').replace('"committed":16', '"committed":4')
        )
        history.write_text(text)
    violated = beside == "duplicate"
    for name in ("1", "1-2"):
        assert main(["check", str(held / "sound" / name / "wire.jsonl")]) == (1 if violated else 3)
        assert "stuck" in capsys.readouterr().out
    assert main(["check", str(held)]) == (1 if violated else 0), "what was doubled was doubled, whatever was tried"
    text = " ".join(capsys.readouterr().out.split())
    if violated:
        assert "4 trials judged again: 2 violated, 0 open, 2 held." in text
    else:
        assert "2 trials judged again: 0 violated, 0 open, 2 held. Not counted: 2 that did not come by" in text
    assert text.count("– │ a try; see 1-3") == (0 if violated else 2)
    shutil.rmtree(judged)
    assert main(["check", str(held)]) == 1, "the last try counts, whatever it showed"


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x00", None], ids=["empty", "no text", "not to be read"])
def test_a_history_that_says_nothing_is_open_and_the_others_are_judged(
    run: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    history = run / "naive" / "1" / "wire.jsonl"
    if content is None:
        history.unlink()
        history.mkdir()
    else:
        history.write_bytes(content)
    assert main(["check", str(run)]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "4 trials judged again: 2 violated, 1 open, 1 held." in text
    assert "What is not whole proves nothing. Ask for the run's folder once more" in text
    assert main(["check", str(history)]) == 2
    assert content is None or "oncewhere replay POINT RUN --project DIR" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("refused", ["read_bytes", "is_file"], ids=["the result", "the folder"])
def test_what_may_not_be_read_is_told_as_that(run: Path, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = getattr(Path, refused)

    def deny(path: Path) -> object:
        if run in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return allowed(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, refused, deny)
        with pytest.raises(ConfigurationError, match="Permission denied"):
            read_run(find_run(Path("nowhere"), str(run)))


def test_check_takes_a_point_of_a_run_however_it_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = trials_of(run)[1]
    for words in (
        [str(run), trial.plan.label],
        [str(run), f"naive/{trial.plan.id}"],
        [str(run / "naive" / trial.plan.label)],
        [str(run / "naive" / "1")],
        [trial.plan.label, str(run)],
        [f"naive/{trial.plan.id}", str(run)],
    ):
        assert main(["check", *words]) == 1, words
        text = " ".join(capsys.readouterr().out.split())
        assert text.startswith(f"naive {trial.plan.id}")
        assert "namely" in text
    for words in (["nowhere"], [str(run), "nothing"], ["nothing", str(run)], ["latest"]):
        assert main(["check", *words]) == 2, words


def test_check_takes_the_newest_run_and_a_point_of_it(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = tmp_path / "project" / ".oncewhere" / "runs"
    shutil.copytree(run, runs / "2026-11-25T18-25-25Z-payments")
    (runs / "latest").symlink_to("2026-11-25T18-25-25Z-payments")
    monkeypatch.chdir(tmp_path / "project")
    assert main(["check"]) == 1
    assert "4 trials judged again" in capsys.readouterr().out
    point = trials_of(run)[1].plan.id
    for named in (f"naive/{point}", point):
        assert main(["check", named]) == 1
        assert capsys.readouterr().out.startswith(f"naive {point}")
    for words in ([point, "latest"], [f"naive/{point}", "2026-11-25"], ["2026-11-25", point]):
        assert main(["check", *words]) == 1, "in the order of replay, too"
        assert capsys.readouterr().out.startswith(f"naive {point}")
    assert main(["check", "naive/nothing"]) == 2
    assert "naive/nothing does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("replayed", [False, True], ids=["no run", "only a replay"])
def test_check_of_a_point_says_that_there_is_no_run_where_there_is_none(
    replayed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if replayed:
        RunFolder(tmp_path / ".oncewhere", "payments-replay", replay=True)
    assert main(["check"]) == 2
    bare = " ".join(capsys.readouterr().err.split())
    assert ("is marked as the newest one" if replayed else "There is no run in") in bare
    assert "called latest" not in bare, "nobody said that word"
    for point in ("naive/after-effect", "after-effect"):
        assert main(["check", point]) == 2
        text = " ".join(capsys.readouterr().err.split())
        assert text.replace(f" Nor is there a file or a folder {point}.", "") == bare
        assert point in text
    for path in ("/nowhere/at/all", "./naive/after-effect", "../after-effect", "runs/2026/naive/after-effect"):
        assert main(["check", path]) == 2
        assert "does not exist. Name a run's folder" in " ".join(capsys.readouterr().err.split()), path


def test_no_run_is_committed_by_accident(tmp_path: Path) -> None:
    RunFolder(tmp_path / ".oncewhere", "payments")
    ignored = tmp_path / ".oncewhere" / ".gitignore"
    assert ignored.read_text() == "*\n"
    ignored.write_text("!runs\n")
    RunFolder(tmp_path / ".oncewhere", "payments")
    assert ignored.read_text() == "!runs\n"


def test_a_damaged_line_is_named_and_what_stands_before_it_is_not_thrown_away(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = run / "naive" / "1" / "wire.jsonl"
    lines = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(b"".join(lines[:40]) + b'{"event": "wi')
    assert main(["check", str(history)]) == 3
    text = " ".join(capsys.readouterr().out.split())
    assert "line 41 of wire.jsonl is damaged" in text
    assert "40 events, the last at" in text
    history.write_bytes(b"".join(lines) + b"{")
    assert main(["check", str(history)]) == 1, "what was violated stays violated"
    assert main(["check", str(run / "run.json")]) == 2
    assert "is the result of a run, and no history" in capsys.readouterr().err


def test_a_replay_says_how_to_come_to_what_it_needs(run: Path, tmp_path: Path) -> None:
    found = read_run(run)
    with pytest.raises(ConfigurationError, match="a run's folder holds no processor") as refused:
        declaration_of(found, None)
    assert "--project DIR" in str(refused.value.hint)
    project = tmp_path / "clone"
    (project / "payments").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="a run's folder holds no processor"):
        declaration_of(found, project)
    with pytest.raises(ConfigurationError, match="a run's folder holds no processor"):
        declaration_of(dataclasses.replace(found, path="."), project)
    (project / "payments" / "oncewhere.toml").touch()
    assert declaration_of(found, project) == project / "payments"


def test_the_project_that_is_named_counts_more_than_what_the_run_names(run: Path, tmp_path: Path) -> None:
    elsewhere, project = tmp_path / "elsewhere", tmp_path / "clone"
    for folder in (elsewhere, project):
        folder.mkdir()
        (folder / "oncewhere.toml").touch()
    found = read_run(run)
    written = dataclasses.replace(found, path=str(elsewhere))
    assert declaration_of(written, project) == project
    assert declaration_of(written, None) == elsewhere
    by_a_test = dataclasses.replace(found.provenance, repeat="pytest tests/test_it.py::test_once --oncewhere-seed 3")
    tested = dataclasses.replace(found, path="tests/test_it.py", provenance=by_a_test)
    with pytest.raises(ConfigurationError, match="made by a test") as refused:
        declaration_of(tested, None)
    assert "Run it again: pytest tests/test_it.py::test_once --oncewhere-seed 3." in str(refused.value.hint)
    assert declaration_of(tested, project) == project
    (project / "tests").mkdir()
    (project / "tests" / "test_it.py").write_text("def test_once(): ...")
    assert declaration_of(tested, project) == project, "and the test that is there is no declaration"
    (project / "oncewhere.toml").unlink()
    with pytest.raises(ConfigurationError, match="made by a test") as refused:
        declaration_of(tested, project)
    assert f"::test_once --oncewhere-seed 3, in {project}." in str(refused.value.hint)


def test_no_file_of_a_run_is_named_by_a_path_of_the_machine(tmp_path: Path) -> None:
    told = version()
    bank = msgspec.structs.replace(told.effects["bank"], schema=[str(tmp_path / "bank.sql"), "db/more.sql"])
    settings = msgspec.structs.replace(told.settings, inputs=str(tmp_path / "inputs.jsonl"))
    folder = RunFolder(
        tmp_path, "payments", versions=[msgspec.structs.replace(told, effects={"bank": bank}, settings=settings)]
    )
    folder(DrillBegan(versions=("naive",), points=PointSet.ALL))
    with pytest.raises(KeyboardInterrupt), folder:
        raise KeyboardInterrupt
    (written,) = read_run(folder.path).result.versions
    assert written.version.settings.inputs == "inputs.jsonl"
    assert written.version.effects["bank"].schema == ["bank.sql", "db/more.sql"]
    assert str(tmp_path) not in (folder.path / "run.json").read_text()


def test_project_and_commit_are_those_of_the_processor_and_not_of_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "processor"):
        (tmp_path / name).mkdir()
        for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", name]):
            who = ["-c", "user.name=a", "-c", "user.email=a@b"]
            subprocess.run(["git", "-C", tmp_path / name, *who, *words], check=True, capture_output=True)
    monkeypatch.chdir(tmp_path / "here")
    with click.Context(click.Command("drill")):
        told = provenance(Wishes(), {}, tmp_path / "processor")
    assert told.project == "processor"
    assert told.commit == commit_of(tmp_path / "processor") != commit_of(tmp_path / "here")


def test_git_is_asked_and_its_hooks_are_not(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    assert commit_of(tmp_path) is None
    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a")
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    monitor.chmod(0o755)
    git("config", "core.fsmonitor", str(monitor))
    (tmp_path / "ran").unlink(missing_ok=True)
    clean = commit_of(tmp_path)
    assert clean is not None
    assert clean.changed is False
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path) == dataclasses.replace(clean, changed=True)
    assert not (tmp_path / "ran").exists()


def test_what_held_is_no_longer_shown_as_held_where_a_history_of_it_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_run(tmp_path / "whole", names=("sound",))
    assert main(["show", str(whole)]) == 0
    assert "✓ sound: exactly once in Kafka and bank" in " ".join(capsys.readouterr().out.split())
    for lost in ("2", "0"):  # a crash, and then the clean run
        damaged = tmp_path / lost
        shutil.copytree(whole, damaged)
        (damaged / "sound" / lost / "wire.jsonl").unlink()
        assert main(["show", str(damaged)]) == 3
        text = " ".join(capsys.readouterr().out.split())
        where = "unknown in the clean run" if lost == "0" else "unknown at 1 of 3 trials"
        assert f"? sound: NOT PROVED in Kafka (payment-settled): {where}; NOT PROVED in bank: {where}" in text
        assert f"! Of 1 of 4 trials no whole history is there to judge: sound/{lost}/wire.jsonl" in text
        assert main(["show", "--html", "--force", str(damaged)]) == 3
        assert main(["show", "--diff", str(whole), str(damaged)]) == 3
        text = " ".join(capsys.readouterr().out.split())
        assert f"Of 1 of 4 trials of the second no whole history is there to judge: sound/{lost}/wire.jsonl" in text
        head = "Nothing changed where both can be compared: 6 verdicts are the same; 2 could not be compared."
        assert head in text
        assert text.endswith("2 held where a history is gone by now.")
    assert main(["show", "--diff", str(whole), str(whole)]) == 0
    assert "history" not in capsys.readouterr().out


def test_what_held_where_a_history_is_gone_is_compared_with_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held, broken = (make_run(tmp_path / name, names=(name,)) for name in ("sound", "naive"))
    text = (held / "run.json").read_text().replace('"name": "sound"', '"name": "naive"')
    (held / "run.json").write_text(text)
    assert main(["show", "--diff", str(held), str(broken)]) == 1
    capsys.readouterr()
    (held / "sound" / "2" / "wire.jsonl").unlink()
    assert main(["show", "--diff", str(broken), str(held)]) == 3, "one could be better, and is not known to be"
    named = "duplicate at bank (naive/kafka.EndTxn.2.1.before)."
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("2 better; 4 the same; 2 could not be compared.")
    assert f"2 held where a history is gone by now; 1 violated in the first: {named}" in text
    for number in ("1", "3"):
        (held / "sound" / number / "wire.jsonl").unlink()
    assert main(["show", "--diff", str(held), str(broken)]) == 3, "nothing is worse that can be compared"
    text = " ".join(capsys.readouterr().out.split())
    assert "Whether 3 violations of the second are new is not known" in text
    assert "3 violated in the second: duplicate at bank (naive/after-effect, " in text
    (held / "sound" / "0" / "wire.jsonl").unlink()
    assert main(["show", "--diff", str(held), str(broken)]) == 3
    text = " ".join(capsys.readouterr().err.split())
    assert "Nothing could be compared: no whole history is there of what" in text
    assert "Whether 3 violations of the second are new is not known" in text


@pytest.mark.parametrize("result", [None, "{", '{"format": 2}'], ids=["gone", "half", "of another format"])
def test_check_takes_a_trial_s_folder_as_its_point_where_the_result_cannot_be_read(
    run: Path, result: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "run.json").unlink()
    if result is not None:
        (run / "run.json").write_text(result)
    for words in ([str(run), "naive/1"], [str(run / "naive" / "1")]):
        assert main(["check", *words]) == 1, words
        assert "namely" in capsys.readouterr().out
    assert main(["check", str(run), "naive/9"]) == 2
    assert "run.json" in capsys.readouterr().err


def test_check_says_of_a_trial_whose_folder_is_gone_that_it_does_not_exist(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "naive" / "1")
    for words in ([str(run), "naive/after-effect"], [str(run / "naive" / "1")]):
        assert main(["check", *words]) == 2, words
        text = " ".join(capsys.readouterr().err.split())
        assert "naive/1 does not exist: the trial's history is gone. The run says duplicate." in text
        assert "oncewhere replay POINT RUN --project DIR" in text


@pytest.mark.parametrize(("batch", "more"), [(15, ""), (60, " and 10 more")])
def test_check_of_one_trial_names_fifty_identities_and_where_all_are(
    batch: int, more: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("made_run.BATCH", batch)
    run = make_run(tmp_path, points=1, batches=2)
    assert main(["check", str(run), "after-effect"]) == 1
    text = " ".join(capsys.readouterr().out.split())
    ids = ", ".join(f"payment-{n}" for n in range(min(batch, 50)))
    assert f"namely {ids}{more}" in text
    assert ('all of them: the events "inputs" and "found" of' in text) is bool(more)
    assert {len(finding.examples) for finding in trials_of(run)[1].findings} <= {0, 10}, "run.json stays as short"


def test_check_takes_a_version_in_the_place_of_a_point(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, names=("naive", "sound"))
    monkeypatch.chdir(tmp_path)
    tables = []
    for words in ([str(run / "naive")], [str(run), "naive"], [str(run), "naive/"], ["naive", "latest"], ["naive"]):
        assert main(["check", *words]) == 1, words
        tables.append(capsys.readouterr().out)
    assert "4 trials judged again" in tables[0]
    assert set(tables) == {tables[0]}
    (run / "naive" / "1" / "wire.jsonl").unlink()
    for words in ([str(run), "naive/after-effect"], [str(run / "naive" / "1")], [f"{run}/naive/1/wire.jsonl"]):
        assert main(["check", *words]) == 2, words
        text = " ".join(capsys.readouterr().err.split())
        assert "naive/1 holds no wire.jsonl: there is no history to judge. The run says duplicate." in text
    shutil.rmtree(run / "naive")
    for words in ([str(run), "naive"], [str(run / "naive")]):
        assert main(["check", *words]) == 2, words
        text = " ".join(capsys.readouterr().err.split())
        gone = "the version's histories are gone. The run says duplicate, at the worst of 4 trials."
        assert f"naive does not exist: {gone}" in text


def test_a_folder_of_many_runs_says_how_many_it_does_not_name(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"run-{number}").mkdir()
        (tmp_path / f"run-{number}" / "run.json").touch()
    with pytest.raises(ConfigurationError) as refused:
        find_run(tmp_path / "none", str(tmp_path))
    assert refused.value.hint == "Name one of them: run-2, run-3, run-4, run-5, run-6, and 2 more."


def test_the_heading_says_whose_service_was_drilled(run: Path) -> None:
    found = read_run(run)
    named = dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, project="shop"))
    assert heading(dataclasses.replace(named, path="."))[1].startswith("project shop, oncewhere ")
    assert heading(named)[1].startswith("project shop (payments), oncewhere ")
    assert "project" not in heading(dataclasses.replace(found, path="."))[1]
