"""Whole drills of an effect in each system outside Kafka: a real processor, real servers, and what each place shows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oncewhere.drill import Choice, Drill, Keyword, NamedCrash, Servers, Verdict, load

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer, MariadbServer, ValkeyServer

pytestmark = pytest.mark.servers

BAIT = Path(__file__).parents[1] / "bait" / "systems.py"
ONCE, DUPLICATE = Verdict.ONCE, Verdict.DUPLICATE
BEFORE, GAP, AFTER = NamedCrash


def verdicts(
    folder: Path,
    kafka: KafkaServer,
    effect: str,
    *arguments: str,
    dsn: str | None = None,
    keyword: str = "after-effect",
    crashes: bool = True,
) -> dict[tuple[NamedCrash | None, str], Verdict]:
    """Drills the processor; returns the verdict of the clean run (None) and of each crash, by place."""
    inputs = "".join(json.dumps({"key": str(n), "value": {"event_id": f"e{n}"}}) + "\n" for n in range(20))
    (folder / "inputs.jsonl").write_text(inputs)
    (folder / "schema.sql").write_text("create table done (event_id varchar(64) not null);")
    (folder / "oncewhere.toml").write_text(
        f"""
        [processor]
        command = {json.dumps(["{python}", str(BAIT), *arguments])}
        input = "bait-in"
        output = ["bait-out"]
        group = "bait"
        identity = "event_id"
        [processor.environment]
        KAFKA_BOOTSTRAP_SERVERS = "{{kafka}}"
        PLACE = "{{place}}"
        {'STEPS = "{place.steps}"' if '"sqlite"' in effect else ""}
        [drill]
        inputs = "inputs.jsonl"
        partitions = 2
        deadline_s = 20
        [effects.place]
        {effect}
        """
    )
    declaration = load(folder)
    evidence = folder / "evidence"
    evidence.mkdir()
    drill = Drill(
        declaration,
        versions=list(declaration.versions.values()),
        choice=Choice(keyword=Keyword(keyword)),
        servers=[Servers(bootstrap_servers=kafka.bootstrap_servers, dsns={"place": dsn} if dsn else {})],
        folder=evidence,
        recreate_topics=False,
        demonstration=False,
        listener=lambda _event: None,
    )
    (version,) = asyncio.run(drill.run() if crashes else drill.observe()).versions
    return {(t.point.name if t.point else None, f.place): f.verdict for t in version.trials for f in t.findings}


ALL_ONCE = {(crash, place): ONCE for crash in (None, GAP) for place in ("bait-out", "place")}
TWICE_IN_THE_GAP = ALL_ONCE | {(GAP, "place"): DUPLICATE}


def test_an_unprotected_write_to_mysql_is_a_duplicate(
    tmp_path: Path, kafka: KafkaServer, mariadb: MariadbServer
) -> None:
    effect = """
        system = "mysql"
        schema = "schema.sql"
        observe = "select event_id, count(*) from done group by event_id"
    """
    assert verdicts(tmp_path, kafka, effect, "mysql", dsn=mariadb.dsn()) == TWICE_IN_THE_GAP


@pytest.mark.parametrize("how", ['observe = "hgetall done"', 'identity = "HINCRBY done *"'])
def test_an_unprotected_count_in_redis_is_a_duplicate(
    tmp_path: Path, kafka: KafkaServer, valkey: ValkeyServer, how: str
) -> None:
    effect = f"""
        system = "redis"
        {how}
    """
    assert verdicts(tmp_path, kafka, effect, "redis", dsn=valkey.dsn(1)) == TWICE_IN_THE_GAP


@pytest.mark.parametrize(
    ("stand_in", "keyed", "expected"),
    [
        ("honours-keys", False, TWICE_IN_THE_GAP),
        ("ignores-keys", True, TWICE_IN_THE_GAP),
        ("forgets-keys", True, TWICE_IN_THE_GAP),
    ],
)
def test_a_request_is_made_once_only_where_its_key_is_honoured(
    tmp_path: Path,
    kafka: KafkaServer,
    stand_in: str,
    keyed: bool,
    expected: dict[tuple[NamedCrash | None, str], Verdict],
) -> None:
    effect = f"""
        system = "http"
        policy = "idempotency-key"
        stand_in = "{stand_in}"
    """
    assert verdicts(tmp_path, kafka, effect, "http", *(["keyed"] if keyed else [])) == expected


def test_the_three_crashes_are_placed_at_what_is_no_database_too(tmp_path: Path, kafka: KafkaServer) -> None:
    effect = 'system = "http"' + "\n" + 'stand_in = "honours-keys"'
    found = verdicts(tmp_path, kafka, effect, "http", "keyed", keyword="")
    assert found == {(crash, place): ONCE for crash in (None, *NamedCrash) for place in ("bait-out", "place")}


def test_a_slow_answer_to_what_follows_the_last_commit_is_waited_for(tmp_path: Path, kafka: KafkaServer) -> None:
    effect = 'system = "http"' + "\n" + 'stand_in = "honours-keys"' + "\n" + "delay_ms = 200"
    found = verdicts(tmp_path, kafka, effect, "http", "late", crashes=False)
    assert found == {(None, "bait-out"): ONCE, (None, "place"): ONCE}


def test_an_unprotected_mail_is_a_duplicate(tmp_path: Path, kafka: KafkaServer) -> None:
    effect = """
        system = "smtp"
        identity = "header:subject=Payment * settled"
    """
    assert verdicts(tmp_path, kafka, effect, "smtp") == TWICE_IN_THE_GAP


SQLITE = """
    system = "sqlite"
    schema = "schema.sql"
    observe = "select event_id, count(*) from done group by event_id"
"""


def test_a_processor_that_announces_nothing_is_judged_in_sqlite_by_its_file(tmp_path: Path, kafka: KafkaServer) -> None:
    found = verdicts(tmp_path, kafka, SQLITE, "sqlite")
    assert found[GAP, "place"] is DUPLICATE
    assert found[None, "place"] is found[None, "bait-out"] is ONCE


def test_a_processor_that_announces_its_steps_is_killed_at_them_in_sqlite(tmp_path: Path, kafka: KafkaServer) -> None:
    found = verdicts(tmp_path, kafka, SQLITE, "sqlite", "keyed", keyword="")
    expected = {(crash, place): ONCE for crash in (None, *NamedCrash) for place in ("bait-out", "place")}
    assert found == expected | {(GAP, "place"): DUPLICATE}
