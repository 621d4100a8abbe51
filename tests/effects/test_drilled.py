"""Whole drills of effects in Redis: real processors, SIGKILL at every message that matters, and a control each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

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
) -> Counter[tuple[str, Verdict]]:
    """Drills every point that the keyword chooses; returns how often each place showed each verdict."""
    inputs = "".join(json.dumps({"key": event["event_id"], "value": event, "partition": 0}) + "\n" for event in EVENTS)
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
