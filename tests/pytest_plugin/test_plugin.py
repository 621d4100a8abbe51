"""The pytest plugin: what it costs where it is not used, and a drill on real servers where it is."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oncewhere import ConfigurationError
from oncewhere.cli.drilled_before import declaration_of
from oncewhere.report import read_run

HERE = Path(__file__).parent
HEAVY = {"confluent_kafka", "kio", "psycopg", "rich", "click", "oncewhere.drill", "oncewhere.stack"}
DRILLS = """
import sys

import pytest
from settlement import app

from oncewhere import ConfigurationError

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


def test_one_that_ends_at_once(oncewhere_drill):
    oncewhere_drill(
        [sys.executable, "-c", "raise SystemExit('no licence; token=hush')", "--db-password", "hush"],
        inputs=PAYMENTS,
        identity="event_id",
        processor={"input": "payment-authorized", "output": ["payment-settled"], "group": "settlement"},
    )


def test_one_without_inputs(oncewhere_drill):
    with pytest.raises(ConfigurationError, match="inputs"):
        oncewhere_drill("settlement:naive", observe={"bank": OBSERVE}, schema=SCHEMA, identity="event_id")


def test_a_topic(kafka_topic, oncewhere_stack):
    assert kafka_topic.records() == []
    kafka_topic.produce([{"n": 1}, {"n": 2}], key="k")
    assert kafka_topic.values() == [{"n": 1}, {"n": 2}]
    assert oncewhere_stack.create_database("mine").endswith("/mine")
"""
REACHES = """
import pytest


@pytest.fixture(scope="session")
def oncewhere_stack(request):
    from oncewhere.pytest_plugin.servers import SessionServers
    class Nothing(SessionServers):  # what starts servers is not what is tried here
        def __init__(self, kafka): self._theirs = kafka
    return Nothing(request.config.getoption("--oncewhere-kafka"))


def said(driller):
    origin = driller._origin
    return driller._points, driller._seed, driller._servers.is_ours, origin.provenance([], origin.rootdir).command


@pytest.mark.oncewhere(points="all", seed=7)
def test_marked(oncewhere_drill):
    print("marked", *said(oncewhere_drill), sep="|")


def test_bare(oncewhere_drill):
    print("bare", *said(oncewhere_drill), sep="|")
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


def what_reaches(pytester: pytest.Pytester, *options: str) -> dict[str, list[str]]:
    """By test, what its driller was given: points, seed, whether Kafka is ours, the command that repeats the test."""
    pytester.makepyfile(test_it=REACHES)
    found = pytester.runpytest_inprocess("-s", "-q", *options)
    found.assert_outcomes(passed=2)
    rows = [line.lstrip(".").split("|") for line in found.outlines if "|" in line]
    return {name: rest for name, *rest in rows}


def test_the_marker_says_what_a_drill_does_and_an_option_counts_more(pytester: pytest.Pytester) -> None:
    marked, bare = "pytest test_it.py::test_marked", "pytest test_it.py::test_bare"
    assert what_reaches(pytester) == {
        "marked": ["all", "7", "True", marked],
        "bare": ["mission", "None", "True", bare],
    }
    given = "--oncewhere-kafka k:9092 --oncewhere-points boundaries --oncewhere-seed 0"
    assert what_reaches(pytester, *given.split()) == {
        "marked": ["boundaries", "0", "False", f"{marked} {given}"],
        "bare": ["boundaries", "0", "False", f"{bare} {given}"],
    }


@pytest.mark.servers
def test_a_test_drills_a_processor_under_xdist_and_prints_what_the_command_line_prints(
    pytester: pytest.Pytester, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_drills=DRILLS)
    shutil.copy(HERE / "settlement.py", pytester.path)
    pytester.makeini("[pytest]\npythonpath = .\n")
    monkeypatch.setenv("ONCEWHERE_CACHE", str(cache))
    done = pytester.runpytest_subprocess("-n", "1", "--oncewhere-report-dir", "evidence", "--oncewhere-seed", "3")
    done.assert_outcomes(passed=3, failed=2)
    done.stdout.fnmatch_lines(
        [
            "*AssertionError: bank duplicate: *",
            "*Exactly once, where?*",
            "*bank*✓ once*✗ duplicate*",
            "*NOT in bank:*",
            "*applied twice*",
            "*again: pytest *::test_the_naive_one_does_not --oncewhere-seed 3*",
            "*Report:   evidence/runs/*-test_the_naive_one_does_not*/report.html*",
        ]
    )
    done.stdout.fnmatch_lines(
        [
            ">*oncewhere_drill(",
            "E*ConfigurationError: *the processor ended by itself (exit code 1)*--db-password*",
            "E*| no licence; token=[*][*][*]",
        ]
    )
    text = done.stdout.str()
    assert "hush" not in text.replace("token=hush", "").replace('"--db-password", "hush"', ""), "but in its own source"
    assert "drilling.py" not in text, "no way through our code"
    done.stdout.fnmatch_lines(["*FAILED *test_the_naive_one_does_not*"])
    runs = sorted((pytester.path / "evidence" / "runs").glob("*-test_*"))
    assert [(run / "run.json").is_file() for run in runs] == [True, True, True]
    (naive,) = [run for run in runs if "naive" in run.name]
    told = json.loads((naive / "run.json").read_text())
    assert told["path"] == "test_drills.py"
    assert told["command"] == "pytest test_drills.py::test_the_naive_one_does_not --oncewhere-seed 3"
    assert (told["project"], told["machine"]) == (pytester.path.name, platform.node())
    assert str(pytester.path) not in (naive / "run.json").read_text(), "nothing in it names a path of this machine"
    assert f'hostname="{platform.node()}"' in (naive / "junit.xml").read_text()
    assert "again: pytest" in (naive / "junit.xml").read_text()
    monkeypatch.chdir(pytester.path)
    with pytest.raises(ConfigurationError, match="made by a test") as refused:
        declaration_of(read_run(naive), None)
    assert told["command"] in str(refused.value)
