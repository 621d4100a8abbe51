"""Whole trials on real servers: every bait must be judged exactly, and the sound processors never accused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from oncewhere.drill import Choice, Drill, DrillResult, Keyword, NamedCrash, PointSet, Servers, Verdict, load
from oncewhere.drill.history import Happened, Wire, read
from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.project.writing import sample_inputs

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer, PostgresServer

pytestmark = pytest.mark.servers

BAIT = Path(__file__).parents[1] / "bait" / "processor.py"
ONCE, DUPLICATE, LOST, STUCK, UNKNOWN = Verdict.ONCE, Verdict.DUPLICATE, Verdict.LOST, Verdict.STUCK, Verdict.UNKNOWN
BEFORE, GAP, AFTER = NamedCrash


def declare(folder: Path, bug: str, **environment: str) -> Path:
    inputs = folder / "inputs.jsonl"
    inputs.write_text("".join(json.dumps({"key": str(n), "value": {"event_id": f"e{n}"}}) + "\n" for n in range(60)))
    (folder / "schema.sql").write_text(
        "create table done (event_id text not null); create table starts (number serial);"
    )
    variables = {"KAFKA_BOOTSTRAP_SERVERS": "{kafka}", "DATABASE_URL": "{bank}", **environment}
    lines = "\n".join(f"{name} = {json.dumps(text)}" for name, text in variables.items())
    (folder / "oncewhere.toml").write_text(
        f"""
        [processor]
        command = ["{{python}}", {json.dumps(str(BAIT))}, "{bug}"]
        input = "bait-in"
        output = ["bait-out"]
        group = "bait"
        identity = "event_id"
        [processor.environment]
        {lines}
        [effects.bank]
        system = "postgresql"
        schema = "schema.sql"
        observe = "select event_id, count(*) from done group by event_id"
        [drill]
        inputs = "inputs.jsonl"
        partitions = 2
        deadline_s = 12
        restart_limit = 1
        """
    )
    return folder


def drill(folder: Path, kafka: KafkaServer, postgres: PostgresServer, keyword: str = "", **choice: Any) -> DrillResult:
    declaration = load(folder)
    evidence = folder / "evidence"
    evidence.mkdir()
    return asyncio.run(
        Drill(
            declaration,
            versions=list(declaration.versions.values()),
            choice=Choice(keyword=Keyword(keyword), **choice),
            servers=[Servers(bootstrap_servers=kafka.bootstrap_servers, dsns={"bank": postgres.dsn("postgres")})],
            folder=evidence,
            recreate_topics=False,
            demonstration=False,
            listener=lambda _event: None,
        ).run()
    )


def verdicts(result: DrillResult) -> dict[tuple[NamedCrash, str], Verdict]:
    (version,) = result.versions
    return {(t.point.name, f.place): f.verdict for t in version.crashes for f in t.findings if t.point}


ALL_ONCE = {(crash, place): ONCE for crash in NamedCrash for place in ("bait-out", "bank")}


@pytest.mark.parametrize(
    ("bug", "differs"),
    [
        ("unprotected", {(GAP, "bank"): DUPLICATE}),
        ("ends-by-itself", {(GAP, "bank"): DUPLICATE}),
        ("kafka-before-database", {(BEFORE, "bank"): LOST, (AFTER, "bank"): LOST}),
        ("plain-producer", {(BEFORE, "bait-out"): DUPLICATE, (GAP, "bait-out"): DUPLICATE, (GAP, "bank"): DUPLICATE}),
        (
            "commits-offsets-first",
            {
                (BEFORE, "bait-out"): LOST,
                (BEFORE, "bank"): LOST,
                (AFTER, "bait-out"): LOST,
                (AFTER, "bank"): LOST,
            },
        ),
    ],
)
def test_each_planted_bug_is_judged_exactly_where_it_shows(
    tmp_path: Path,
    kafka: KafkaServer,
    postgres: PostgresServer,
    bug: str,
    differs: dict[tuple[NamedCrash, str], Verdict],
) -> None:
    result = drill(declare(tmp_path, bug), kafka, postgres)
    assert verdicts(result) == ALL_ONCE | differs
    assert result.exit_code == 1


def test_where_there_are_fewer_commits_than_in_the_clean_run_an_earlier_one_is_crashed(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    result = drill(declare(tmp_path, "commits-more-rarely"), kafka, postgres, GAP)
    (trial,) = result.versions[0].crashes
    assert verdicts(result) == {(GAP, "bait-out"): ONCE, (GAP, "bank"): DUPLICATE}
    assert trial.folder.endswith("/after-effect-2")
    assert trial.point is not None
    assert trial.point.interval == 2


def test_a_point_that_a_run_did_not_come_by_is_crashed_where_that_run_shows_its_part(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    result = drill(
        declare(tmp_path, "commits-more-rarely"), kafka, postgres, "EndTxn and before", points=PointSet.BOUNDARIES
    )
    (version,) = result.versions
    assert version.coverage is not None
    assert version.coverage.not_reached == 0
    again = [trial for trial in version.crashes if trial.tries > 1]
    assert again, "the clean run had twice as many intervals: its last cannot be found at its address"
    for trial in version.crashes:
        assert {f.place: f.verdict for f in trial.findings} == {"bait-out": ONCE, "bank": DUPLICATE}


@pytest.mark.parametrize("bug", ["hangs-after-restart", "dies-after-restart"])
def test_a_processor_that_never_comes_back_is_stuck(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer, bug: str
) -> None:
    result = drill(declare(tmp_path, bug), kafka, postgres, BEFORE)
    assert verdicts(result) == {(BEFORE, "bait-out"): STUCK, (BEFORE, "bank"): STUCK}
    assert result.exit_code == 1


def test_output_behind_an_open_transaction_is_unknown_and_never_a_pass(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    result = drill(declare(tmp_path, "open-transaction-hides-output"), kafka, postgres, GAP)
    (trial,) = result.versions[0].crashes
    assert trial.at("bait-out").verdict is UNKNOWN
    assert "open transaction hides records" in trial.at("bait-out").sentence
    assert result.exit_code != 0


def test_a_transaction_that_soon_times_out_is_outwaited_and_shows_what_it_hid(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    result = drill(declare(tmp_path, "open-transaction-times-out"), kafka, postgres, GAP)
    assert verdicts(result) == {(GAP, "bait-out"): ONCE, (GAP, "bank"): DUPLICATE}


def test_the_wire_log_proves_each_crash(tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer) -> None:
    result = drill(declare(tmp_path, "unprotected"), kafka, postgres)
    expected = {BEFORE: ("commit", "dropped"), GAP: ("EndTxn", "dropped"), AFTER: ("EndTxn", "withheld")}
    states = {}
    for trial in result.versions[0].crashes:
        assert trial.point is not None
        assert trial.crash is not None
        events = list(read(tmp_path / "evidence" / trial.folder / "wire.jsonl"))
        stopped = [(e.kind, e.outcome) for e in events if isinstance(e, Wire) and e.outcome != "forwarded"]
        assert stopped == [expected[trial.point.name]]
        told = [e.what for e in events if isinstance(e, Happened)]
        assert [w for w in told if w in {"started", "killed", "transactions", "committed"}] == [
            "started",
            "killed",
            "transactions",
            "committed",
            "started",
        ]
        states[trial.point.name] = (trial.crash.transactions["bait-0"], trial.crash.offsets_stable)
        assert trial.lives == 2
    assert states[GAP] == ("Ongoing", False)
    assert states[AFTER][0] in {"CompleteCommit", "PrepareCommit"}
    assert states[BEFORE][0] in {"CompleteCommit", "PrepareCommit"}, "the previous transaction; none is open"


def test_a_processor_that_exits_at_once_is_told_in_its_own_words(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    with pytest.raises(ConfigurationError, match=r"ended by itself \(exit code 78\)") as caught:
        drill(declare(tmp_path, "exits-at-once"), kafka, postgres)
    assert "no configuration found" in str(caught.value.detail)
    assert "that init wrote" not in str(caught.value.hint)


def test_a_processor_that_ends_by_itself_is_told_what_it_was_given_too_little_of(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    file = declare(tmp_path, "exits-at-once") / "oncewhere.toml"
    file.write_text(file.read_text().replace('schema = "schema.sql"', ""))
    (tmp_path / "inputs.jsonl").write_text(sample_inputs("event_id"))
    with pytest.raises(ConfigurationError, match=r"ended by itself \(exit code 78\)") as caught:
        drill(tmp_path, kafka, postgres)
    assert "put the fields that your processor reads into inputs.jsonl" in str(caught.value.hint)
    assert "effects.bank.schema is not declared, so its database begins empty" in str(caught.value.hint)
    assert str(caught.value.hint).endswith("Its own last words:")


def test_a_processor_that_uses_another_group_is_inconclusive(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    with pytest.raises(InconclusiveError, match="clean run finished 0 of 60 inputs"):
        drill(declare(tmp_path, "unprotected", GROUP="somebody-else"), kafka, postgres)


def test_topics_that_existed_before_are_not_deleted(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic("bait-in", 1, 1)])["bait-in"].result(10)
    try:
        with pytest.raises(ConfigurationError, match="Topic bait-in exists already"):
            drill(declare(tmp_path, "unprotected"), kafka, postgres)
        assert "bait-in" in admin.list_topics(timeout=10).topics
    finally:
        admin.delete_topics(["bait-in"])["bait-in"].result(10)
