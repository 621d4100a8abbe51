"""Processors with awkward habits: each ends in the right verdict or in one clear sentence; nothing is left running."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from oncewhere.drill import Choice, Drill, DrillResult, Keyword, Servers, Verdict, load
from oncewhere.errors import ConfigurationError, InconclusiveError, OncewhereError

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer, PostgresServer

pytestmark = pytest.mark.servers

BAIT = Path(__file__).parents[1] / "bait" / "awkward.py"


def drill(
    folder: Path, kafka: KafkaServer, postgres: PostgresServer, habit: str, *, deadline_s: int = 20
) -> DrillResult:
    (folder / "inputs.jsonl").write_text(
        "".join(json.dumps({"key": str(n), "value": {"event_id": f"e{n}"}}) + "\n" for n in range(12))
    )
    (folder / "schema.sql").write_text("create table done (event_id text not null);")
    (folder / "oncewhere.toml").write_text(
        f"""
        [processor]
        command = {json.dumps(["{python}", str(BAIT), habit])}
        input = "bait-in"
        output = ["bait-out"]
        group = "bait"
        identity = "event_id"
        [processor.environment]
        KAFKA_BOOTSTRAP_SERVERS = "{{kafka}}"
        BANK_URL = "{{bank}}"
        FOLDER = {json.dumps(str(folder))}
        [effects.bank]
        system = "postgresql"
        schema = "schema.sql"
        observe = "select event_id, count(*) from done group by event_id"
        [drill]
        inputs = "inputs.jsonl"
        partitions = 1
        deadline_s = {deadline_s}
        """
    )
    declaration = load(folder)
    (folder / "evidence").mkdir()
    return asyncio.run(
        Drill(
            declaration,
            versions=list(declaration.versions.values()),
            choice=Choice(keyword=Keyword("after-effect")),
            servers=[Servers(bootstrap_servers=kafka.bootstrap_servers, dsns={"bank": postgres.dsn("postgres")})],
            folder=folder / "evidence",
            recreate_topics=False,
            demonstration=False,
            listener=lambda _event: None,
        ).run()
    )


def nobody_left(folder: Path) -> None:
    """No process of the drill lives on: all of them have the folder in their environment."""
    mark = str(folder).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            assert b"FOLDER=" + mark not in environment.split(b"\0"), entry.name


@pytest.mark.parametrize(
    "habit",
    ["forks", "leaves-its-group", "ignores-sigterm", "prints-a-megabyte", "finishes-by-itself", "starts-slowly"],
)
def test_a_habit_changes_nothing_about_the_verdict(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer, habit: str
) -> None:
    (version,) = drill(tmp_path, kafka, postgres, habit).versions
    found = {(t.plan.label, f.place): f.verdict for t in version.trials for f in t.findings}
    assert found == {
        ("clean", "bait-out"): Verdict.ONCE,
        ("clean", "bank"): Verdict.ONCE,
        ("after-effect", "bait-out"): Verdict.ONCE,
        ("after-effect", "bank"): Verdict.DUPLICATE,
    }
    nobody_left(tmp_path)


@pytest.mark.parametrize(
    ("habit", "says"),
    [
        ("never-connects", "never connected to the drill's Kafka"),
        ("reads-elsewhere", "It asked Kafka for bait-inn, which the declaration does not name"),
        ("produces-elsewhere", "It asked Kafka for bait-elsewhere, which the declaration does not name"),
        ("another-group", "Positions were committed for somebody-else, but processor.group is bait"),
    ],
)
def test_what_cannot_be_drilled_is_told_in_one_sentence(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer, habit: str, says: str
) -> None:
    with pytest.raises(InconclusiveError, match="the clean run finished 0 of 12 inputs") as caught:
        drill(tmp_path, kafka, postgres, habit, deadline_s=4)
    assert isinstance(caught.value, OncewhereError)
    assert says in str(caught.value.hint)
    nobody_left(tmp_path)


def test_a_processor_that_ends_at_a_misspelt_topic_is_told_which(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    with pytest.raises(ConfigurationError, match="ended by itself") as caught:
        drill(tmp_path, kafka, postgres, "ends-at-no-such-topic")
    assert "It asked Kafka for bait-inn, which the declaration does not name" in str(caught.value.hint)
    nobody_left(tmp_path)


def test_what_goes_to_another_topic_than_declared_is_lost_and_said(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic("bait-elsewhere", 1, 1)])["bait-elsewhere"].result(10)
    try:
        result = drill(tmp_path, kafka, postgres, "produces-elsewhere")
    finally:
        admin.delete_topics(["bait-elsewhere"])["bait-elsewhere"].result(10)
    (version,) = result.versions
    clean = version.trials[0]
    assert clean.at("bait-out").verdict is Verdict.LOST
    assert "bait-elsewhere" in " ".join(o.sentence for o in clean.observations)
    assert result.exit_code == 1
    nobody_left(tmp_path)
