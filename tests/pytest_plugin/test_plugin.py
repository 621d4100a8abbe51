"""The pytest plugin: what it costs where it is not used, and a drill on real servers where it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HEAVY = {"confluent_kafka", "kio", "psycopg", "rich", "click", "oncewhere.drill", "oncewhere.stack"}
DRILLS = """
import pytest
from settlement import app

SCHEMA = "create table settlement (event_id text, cents int);"
OBSERVE = "select event_id, count(*) from settlement group by event_id"
PAYMENTS = [{"event_id": f"e-{n}", "cents": n} for n in range(60)]


def test_the_ledger_holds(oncewhere_drill):
    found = oncewhere_drill(
        app, inputs=PAYMENTS, observe=OBSERVE, schema=SCHEMA, identity="event_id", keyword="after-effect"
    )
    found.assert_once()
    assert found.verdicts == {"payment-settled": "once", "bank": "once"}
    assert found.crashes == 1


def test_the_naive_one_does_not(oncewhere_drill):
    oncewhere_drill(
        "settlement:naive",
        inputs=[{"key": p["event_id"], "value": p} for p in PAYMENTS],
        observe={"bank": OBSERVE},
        schema=SCHEMA,
        identity="event_id",
        keyword="after-effect",
    ).assert_once()


def test_a_topic(kafka_topic, oncewhere_stack):
    assert kafka_topic.records() == []
    kafka_topic.produce([{"n": 1}, {"n": 2}], key="k")
    assert kafka_topic.values() == [{"n": 1}, {"n": 2}]
    assert oncewhere_stack.create_database("mine").endswith("/mine")
"""
PLAIN = """
def test_nothing():
    pass

def test_server(oncewhere_stack):
    raise AssertionError("not to be started")
"""


def test_importing_the_plugin_imports_neither_a_client_nor_a_drill() -> None:
    asked = f"import sys, oncewhere.pytest_plugin; print(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_header_says_the_versions_that_would_take_part(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PLAIN)
    done = pytester.runpytest_subprocess("-m", "not oncewhere")
    done.stdout.re_match_lines([r"oncewhere \d.*, Apache Kafka \d.*, PostgreSQL \d.*, confluent-kafka \d.*"])
    done.assert_outcomes(passed=1, deselected=1)


def test_what_a_person_can_mend_is_told_without_a_traceback(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCEWHERE_START_LIMIT", "soon")
    pytester.makepyfile("def test_server(oncewhere_stack): ...")
    found = pytester.runpytest_subprocess()
    found.assert_outcomes(errors=1)
    text = found.stdout.str()
    assert "oncewhere: ONCEWHERE_START_LIMIT=soon is no number of seconds." in text
    assert "Traceback" not in text
    assert "fixtures.py" not in text


def test_its_options_are_in_the_help_and_its_marker_is_known(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess("--help", "--strict-markers")
    for option in ("points", "seed", "report-dir", "kafka"):
        done.stdout.fnmatch_lines([f"*--oncewhere-{option}*"])
    pytester.runpytest_subprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.oncewhere(*"])


@pytest.mark.servers
def test_a_test_drills_a_processor_under_xdist_and_prints_what_the_command_line_prints(
    pytester: pytest.Pytester, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(DRILLS)
    shutil.copy(HERE / "settlement.py", pytester.path)
    pytester.makeini("[pytest]\npythonpath = .\n")
    monkeypatch.setenv("ONCEWHERE_CACHE", str(cache))
    done = pytester.runpytest_subprocess("-n", "1", "--oncewhere-report-dir", "evidence", "--oncewhere-seed", "3")
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(
        [
            "*AssertionError:*",
            "*Exactly once, where?*",
            "*bank*✓ once*✗ duplicate*",
            "*NOT in bank:*",
            "*applied twice*",
            "*FAILED *test_the_naive_one_does_not*",
        ]
    )
    runs = sorted((pytester.path / "evidence" / "runs").glob("*-test_*"))
    assert [(run / "run.json").is_file() for run in runs] == [True, True]
