"""Whole drills of effects in Redis, and of both processors of an outbox; with a control each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oncewhere.drill import Choice, Drill, Keyword, PointSet, Servers, Verdict, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oncewhere.stack import KafkaServer, ValkeyServer

pytestmark = pytest.mark.servers

PROGRAM = Path(__file__).with_name("drilled.py")
EVENTS = [{"event_id": f"e{nth}"} for nth in range(10)]


def verdicts(
    folder: Path,
    kafka: KafkaServer,
    arguments: Iterable[str],
    effects: str = "",
    *,
    keyword: str,
    dsn: str | None = None,
    identity: str = "event_id",
    values: Iterable[dict[str, Any]] = EVENTS,
) -> Counter[tuple[str, Verdict]]:
    """Drills every point that the keyword chooses; returns how often each place showed each verdict."""
    inputs = "".join(
        json.dumps({"key": f"e{nth}", "value": value, "partition": 0}) + "\n" for nth, value in enumerate(values)
    )
    (folder / "inputs.jsonl").write_text(inputs)
    (folder / "oncewhere.toml").write_text(
        f"""
        [processor]
        command = {json.dumps(["{python}", str(PROGRAM), *arguments])}
        input = "drilled-in"
        output = ["drilled-out"]
        group = "drilled"
        identity = "{identity}"
        [processor.environment]
        KAFKA_BOOTSTRAP_SERVERS = "{{kafka}}"
        {'PLACE = "{place}"' if effects else ""}
        [drill]
        inputs = "inputs.jsonl"
        partitions = 1
        deadline_s = 20
        {effects}
        """
    )
    evidence = folder / "evidence"
    evidence.mkdir()
    declaration = load(folder)
    drill = Drill(
        declaration,
        versions=list(declaration.versions.values()),
        choice=Choice(points=PointSet.ALL, keyword=Keyword(keyword)),
        servers=[Servers(bootstrap_servers=kafka.bootstrap_servers, dsns={"place": dsn} if dsn else {})],
        folder=evidence,
        recreate_topics=False,
        demonstration=False,
        listener=lambda _event: None,
    )
    (version,) = asyncio.run(drill.run()).versions
    assert version.crashes
    assert [trial.plan.id for trial in version.crashes if not trial.reached] == []
    return Counter((finding.place, finding.verdict) for trial in version.trials for finding in trial.findings)


@pytest.mark.parametrize(
    ("policy", "keyword", "shown"),
    [
        ("dedupe-table", "EVALSHA.1 or after-effect", {Verdict.ONCE}),
        ("at-least-once", "after-effect", {Verdict.ONCE, Verdict.DUPLICATE}),
    ],
)
def test_a_count_in_redis_is_once_at_every_crash_and_without_its_policy_it_is_not(
    tmp_path: Path, kafka: KafkaServer, valkey: ValkeyServer, policy: str, keyword: str, shown: set[Verdict]
) -> None:
    effects = f"""
        [effects.place]
        system = "redis"
        policy = "{policy}"
        observe = "hgetall done"
    """
    found = verdicts(tmp_path, kafka, ["redis", policy], effects, keyword=keyword, dsn=valkey.dsn(9))
    assert {verdict for place, verdict in found if place == "drilled-out"} == {Verdict.ONCE}
    assert {verdict for place, verdict in found if place == "place"} == shown, found


def test_a_letter_is_in_the_outbox_once_whatever_the_crash(tmp_path: Path, kafka: KafkaServer) -> None:
    found = verdicts(tmp_path, kafka, ["first"], keyword="EndTxn.1.1.before or EndTxn.1.1.replied", identity="key")
    assert {verdict for _, verdict in found} == {Verdict.ONCE}, found


@pytest.mark.parametrize(
    ("then", "keyword", "shown"),
    [
        ("idempotency-key", "after-effect or POST.1.1.delivered", {Verdict.ONCE}),
        ("at-least-once", "after-effect", {Verdict.ONCE, Verdict.DUPLICATE}),
    ],
)
def test_a_letter_is_performed_by_the_policy_that_was_named_for_it(
    tmp_path: Path, kafka: KafkaServer, then: str, keyword: str, shown: set[Verdict]
) -> None:
    effects = f"""
        [effects.place]
        system = "http"
        policy = "{then}"
        stand_in = "honours-keys"
        identity = "event_id"
    """
    letters = [{"id": f"e{nth}", "effect": "capture", "arguments": {"event_id": f"e{nth}"}} for nth in range(10)]
    found = verdicts(tmp_path, kafka, ["second", then], effects, keyword=keyword, identity="id", values=letters)
    assert {verdict for place, verdict in found if place == "drilled-out"} == {Verdict.ONCE}
    assert {verdict for place, verdict in found if place == "place"} == shown, found
