"""Sweeps as a user types them: the points that there are, what was covered, what failed first, and one point again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typed_command import run

pytestmark = pytest.mark.servers


def latest(example: Path) -> dict:
    return json.loads((example / ".oncewhere" / "runs" / "latest" / "run.json").read_text())


def test_a_listing_names_every_point_and_crashes_none(example: Path, cache: Path) -> None:
    done = run(example, cache, "drill", "payments", "plain", "--points", "boundaries", "--list", "-j", "1")
    assert done.returncode == 0, done.stderr
    ids = re.findall(r"^ {2}([a-z]+\.[A-Za-z-]+\.\d+\.\d+\.(?:before|delivered|replied))", done.stdout, re.MULTILINE)
    assert len(ids) == len(set(ids)) > 30
    assert {"kafka.InitProducerId.1.1.before", "bank.commit.1.1.replied"} <= set(ids)
    assert re.search(r"left out: \d+ repeats of a message", done.stdout)
    assert not list((example / ".oncewhere" / "runs").rglob("life-2.log")), "nothing was killed"


def test_a_sweep_tells_what_it_covered_and_its_failures_come_first_and_can_be_replayed(
    example: Path, cache: Path
) -> None:
    chosen = ("--points", "boundaries", "-k", "kafka and EndTxn and not replied", "--inputs", "60")
    done = run(example, cache, "drill", "payments", "naive", *chosen)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"(\d+) of \1 boundary points crashed", done.stdout)
    found = latest(example)
    (version,) = found["versions"]
    verdicts = {t["id"]: {f["place"]: f["verdict"] for f in t["findings"]} for t in version["trials"]}
    assert {v["bank"] for id_, v in verdicts.items() if id_.endswith("before")} == {"duplicate"}
    assert {v["bank"] for id_, v in verdicts.items() if id_.endswith("delivered")} == {"once"}
    assert {v["payment-settled"] for v in verdicts.values()} == {"once"}
    told = re.findall(r"again: oncewhere (replay \S+ \S+)", done.stdout)
    assert len(told) == 1, "a violation that shows at several points is explained once"
    assert found["state"] == "finished"
    assert found["command"].startswith("oncewhere drill payments naive --points boundaries")

    again = run(example, cache, *told[0].split())
    assert again.returncode == 1, again.stdout + again.stderr
    assert "REPRODUCED: bank duplicate" in again.stdout
    assert latest(example) == found, "a replay does not take the place of the run"
    (made,) = (example / ".oncewhere" / "runs").glob("*-replay")
    kept = json.loads((made / "run.json").read_text())
    assert kept["replayed"]["reproduced"] is True
    assert kept["replayed"]["outcome"].startswith("REPRODUCED: bank duplicate")
    assert kept["exit_code"] == 1

    first = run(example, cache, "drill", "payments", "naive", *chosen, "-x", "-j", "1")
    assert first.returncode == 1
    tried = [t["id"] for t in latest(example)["versions"][0]["trials"] if t["id"] != "clean"]
    assert len(tried) == 1, "-x stops at the first violation"
    assert verdicts[tried[0]]["bank"] == "duplicate", "and what failed before came first"
    assert "not started after the first violation: inconclusive" in " ".join(first.stdout.split())

    shown = run(example, cache, "show")
    assert shown.returncode == 1
    assert first.stdout.partition("Report:")[0].strip() in shown.stdout, "what the drill printed is printed again"
    assert "nothing of production was touched" in shown.stdout
    assert "\nReport:   .oncewhere/runs/" in shown.stdout


def test_a_replay_that_shows_something_else_says_so_and_ends_in_three(example: Path, cache: Path) -> None:
    chosen = ("-k", "after-effect", "--inputs", "60", "-j", "1")
    assert run(example, cache, "drill", "payments", "naive", *chosen).returncode == 1
    declared = example / "payments" / "oncewhere.toml"
    repaired = declared.read_text().replace('"naive.py"', '"offset_ledger.py"').replace("unprotected.sql", "ledger.sql")
    declared.write_text(repaired.replace("processed_event group", "settlement group"))
    done = run(example, cache, "replay", "latest")
    assert done.returncode == 3, done.stdout + done.stderr
    outcome = "NOT REPRODUCED: bank duplicate before; once at every place now. This is not what that run drilled: "
    differs = "the declaration differs: processor.command, effects.bank.schema, effects.bank.observe."
    assert outcome in done.stdout
    assert differs in done.stdout
    assert differs in done.stderr, "before the start, too"


def test_what_was_not_visited_in_time_is_inconclusive_and_never_a_pass(example: Path, cache: Path) -> None:
    done = run(example, cache, "drill", "payments", "offset-ledger", "--inputs", "60", "--time-limit", "0.1", "-j", "1")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "3 points not started within the time limit: inconclusive" in " ".join(done.stdout.split())


def test_a_run_from_another_machine_is_shown_from_its_folder_alone(example: Path, cache: Path, tmp_path: Path) -> None:
    assert run(example, cache, "drill", "payments", "naive", "-k", "after-effect", "-j", "1").returncode == 1
    elsewhere = tmp_path / "elsewhere"
    (example / ".oncewhere" / "runs" / "latest").resolve().rename(elsewhere)
    for file in elsewhere.rglob("*.json*"):
        assert str(example) not in file.read_text(), "no path of the machine that made it"
    (tmp_path / "nothing-here").mkdir()
    done = run(tmp_path / "nothing-here", cache, "show", str(elsewhere))
    assert done.returncode == 1, done.stderr
    assert "NOT in bank: 20 payments applied twice" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["drill", "payments", "-k", "naive and"], "is no expression"),
        (["drill", "payments", "--points", "some"], "mission"),
        (["replay", "latest"], "There is no run"),
        (["show", "yesterday"], "There is no run"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_started(
    example: Path, cache: Path, arguments: list[str], says: str
) -> None:
    done = run(example, cache, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "starting" not in done.stderr
