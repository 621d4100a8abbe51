"""The command as a user types it: its exit codes, its sentences, and what it leaves running, which is nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from typed_command import command, none_left, run

from chromium import running_chromium

pytestmark = pytest.mark.servers

END_LIMIT_S = 150.0


def start(folder: Path, cache: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "ONCEWHERE_CACHE": str(cache), "MARK": str(folder)}
    with (folder / "progress.log").open("wb") as log:
        return subprocess.Popen(
            command("drill", "payments", *arguments),
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )


def wait_for(folder: Path, text: str) -> None:
    deadline = time.monotonic() + END_LIMIT_S
    while text not in (folder / "progress.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_whole_demonstration_shows_what_it_must(example: Path, cache: Path) -> None:
    done = run(example, cache, "drill", "payments")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((example / ".oncewhere" / "runs" / "latest" / "run.json").read_text())
    broken = {
        (version["name"], trial["crash"], finding["place"]): finding["verdict"]
        for version in found["versions"]
        for trial in version["trials"]
        for finding in trial["findings"]
        if finding["verdict"] != "once"
    }
    assert broken == {
        ("naive", "after-effect", "bank"): "duplicate",
        ("skip", "after-effect", "payment-settled"): "lost",
        ("plain", "after-effect", "bank"): "duplicate",
    }
    assert [v["name"] for v in found["versions"]] == ["naive", "skip", "dedupe-table", "offset-ledger", "plain"]
    assert "NOT in bank: 20 payments applied twice when the process died" in " ".join(done.stdout.split())
    for version in found["versions"]:
        proofs = {t["crash"]: t["proof"] for t in version["trials"] if t["crash"]}
        assert {name: (p["message"], p["outcome"]) for name, p in proofs.items()} == {
            "before-effect": ("commit", "dropped"),
            "after-effect": ("EndTxn", "dropped"),
            "after-commit": ("EndTxn", "withheld"),
        }
        assert proofs["after-effect"]["transactions"] == {"settlement-0": "Ongoing"}
        assert proofs["after-effect"]["effects_before"] >= 1
        assert not proofs["after-effect"]["offsets_stable"]
        assert proofs["before-effect"]["effects_before"] == 0
        assert proofs["after-commit"]["transactions"]["settlement-0"] in {"CompleteCommit", "PrepareCommit"}
    the_page_says_the_same(example / ".oncewhere" / "runs" / "latest" / "report.html", broken)


def the_page_says_the_same(page_file: Path, broken: dict[tuple[str, str, str], str]) -> None:
    """In a real browser: the cells of the matrix, and at each violation the messages and records that show it."""
    found = json.loads(page_file.with_name("run.json").read_text())
    affected = [
        (f"{version['name']} / {trial['crash']}", finding["duplicates"] or finding["missing"])
        for version in found["versions"]
        for trial in version["trials"]
        for finding in trial["findings"]
        if finding["verdict"] != "once"
    ]
    with running_chromium() as chromium, chromium.open(page_file) as opened:
        page = opened.page
        cells = page.locator("tr.point td.violated .word").all_inner_texts()
        assert [cell.split()[-1] for cell in cells] == list(broken.values())
        rows = page.locator("tr.point:has(td.violated)").all()
        for row, (title, records) in zip(rows, affected, strict=True):
            page.locator("#trial-body").evaluate("body => body.replaceChildren()")
            row.click()
            page.wait_for_selector(".strip .mark.chosen.not-done")
            assert page.locator("#trial-title").inner_text() == title
            assert page.locator(".strip .crash-label", has_text="SIGKILL").count() == 1
            assert page.locator(".strip .span:not(.open):not(.aborted)").count() > 0
            assert f"The records: {records} " in page.locator("#trial-body details summary").first.inner_text()
            page.locator("#trial-body details button").first.click()
            assert page.locator(".strip .mark.joined").count() > 0
        assert opened.complaints == []


def test_a_broken_version_alone_ends_in_one(example: Path, cache: Path) -> None:
    done = run(example, cache, "drill", "payments", "naive", "-k", "after-effect", "-j", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "oncewhere replay after-effect " in done.stdout


@pytest.mark.parametrize("seed", range(4))
def test_sigkill_of_the_drill_leaves_nothing_running_and_the_next_drill_works(
    example: Path, cache: Path, seed: int
) -> None:
    drill = start(example, cache, "plain", "-j", "1")
    wait_for(example, ("starting", "ready", "1 processor", "clean run")[seed])
    time.sleep(random.Random(seed).uniform(0, 1.5))
    drill.send_signal(signal.SIGKILL)
    drill.wait()
    none_left(str(example))
    if seed == 3:
        assert run(example, cache, "drill", "payments", "offset-ledger", "-k", "after-effect").returncode == 0
        left = [p.name for p in (example / ".oncewhere" / "stack").glob("run-*")]
        assert left == [], "the next run sweeps what the killed one left"


@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, "clean run"), (signal.SIGTERM, "starting")])
def test_an_interrupt_stops_everything_and_says_so(
    example: Path, cache: Path, number: signal.Signals, after: str
) -> None:
    drill = start(example, cache, "plain")
    wait_for(example, after)
    drill.send_signal(number)
    assert drill.wait(END_LIMIT_S) == 130
    told = (example / "progress.log").read_text()
    assert "Interrupted; everything that was started is stopped." in told
    assert "What was judged until then: oncewhere show .oncewhere/runs/" in told or after == "starting"
    assert "Traceback" not in told
    none_left(str(example))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["drill", "payments", "plain", "-b", "127.0.0.1:9"], 5, "127.0.0.1:9"),
        (["drill", "payments", "plain", "-b", "127.0.0.1:9", "-j", "2"], 2, "Leave -j out"),
        (["drill", "payments", "--dsn", "bank=postgresql://nobody:x@127.0.0.1:9/x", "plain"], 2, "127.0.0.1:9"),
        (["drill", "payments", "--dsn", "bank=postgresql://127.0.0.1:port/x", "plain"], 2, "bank"),
        (["drill", "payments", "--dsn", "banc=postgresql://127.0.0.1/x", "plain"], 2, "bank"),
        (["drill", "payments", "nave"], 2, "naive"),
        (["drill", "payments", "naive", "-k", "midnight"], 2, "after-effect"),
        (["drill", "nowhere"], 2, "nowhere does not exist"),
        (["drill", "payments", "plain", "--java", "/no/such/java"], 2, "/no/such/java"),
        (["run", "nothing:app"], 2, "no module nothing"),
        (["run", "nothing"], 2, "MODULE:APP"),
        (["dril"], 2, "dril"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_no_traceback(
    example: Path, cache: Path, arguments: list[str], code: int, says: str
) -> None:
    done = run(example, cache, *arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_password_is_told_as_such(example: Path, cache: Path, postgres) -> None:
    wrong = postgres.dsn("postgres").replace("postgres:", "postgres:wrong", 1)
    done = run(example, cache, "drill", "payments", "plain", "--dsn", f"bank={wrong}")
    assert done.returncode == 2
    assert done.stderr.count("cannot be used") == 1, "what remains there for the same reason is not told again"
    assert "wrong" not in done.stderr, "a password must never be printed"


def test_a_drill_takes_servers_that_are_there_already(example: Path, cache: Path, kafka, postgres) -> None:
    done = run(
        example,
        cache,
        *("drill", "payments", "plain", "-k", "after-effect"),
        *("-b", kafka.bootstrap_servers, "--dsn", postgres.dsn("postgres")),
    )
    assert done.returncode == 1, done.stderr
    assert "starting" not in done.stderr
    with psycopg.connect(postgres.dsn("postgres")) as server:
        left = server.execute("select datname from pg_database where datname like 'oncewhere%'").fetchall()
    assert left == []
    assert (
        "payment-authorized"
        not in AdminClient({"bootstrap.servers": kafka.bootstrap_servers}).list_topics(timeout=10).topics
    )


def test_a_processor_that_exits_at_once_is_told_in_its_own_words(example: Path, cache: Path) -> None:
    (example / "payments" / "plain.py").write_text("raise SystemExit('payments: no licence found')")
    done = run(example, cache, "drill", "payments", "plain")
    assert done.returncode == 2
    assert "ended by itself (exit code 1)" in done.stderr
    assert "| payments: no licence found" in done.stderr
    assert "inputs.jsonl" not in done.stderr, "its own inputs have the fields that it reads"
