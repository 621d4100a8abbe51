"""Each scenario finds the bug that it is there for, in a processor that a plain crash would find nothing wrong with.

Its sound twin goes through the same and is not accused.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oncewhere.drill import SCENARIOS, Choice, Drill, Keyword, Plan, Servers, TrialResult, Verdict, load, parse_id
from oncewhere.drill.choice import ELSEWHERE
from oncewhere.drill.history import Happened, Wire, read
from oncewhere.drill.scenarios import Clean

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer, PostgresServer
    from oncewhere.stack.kafka_cluster import KafkaCluster

BAIT = Path(__file__).parents[1] / "bait"
PAYMENTS = Path(__file__).parents[2] / "examples" / "payments"
EVENTS = 20
ONCE, DUPLICATE, LOST = Verdict.ONCE, Verdict.DUPLICATE, Verdict.LOST
IN_THE_GAP = "kafka.EndTxn.2.1.before"
SYSTEMS = {"kafka": "kafka", "bank": "postgresql"}


@dataclass(frozen=True)
class Planted:
    """A bug that a scenario shows.

    Attributes:
        script: in `tests/bait`.
        at: the points; none where the scenario has none.
        differs: what is not once.
        forgets: what the effect purges: the bug's, and the sound twin's.
        scenario: its name, where that is not the row's.
    """

    script: str
    at: tuple[str, ...]
    differs: dict[str, Verdict]
    forgets: tuple[str, str] = ("", "")
    scenario: str = ""


PLANTED = {
    "second-crash": Planted(
        "recovery_outside_the_transaction.py", (IN_THE_GAP, "kafka.EndTxn.1.1.before"), {"bait-out": DUPLICATE}
    ),
    "clean-stop": Planted("stop_commits_what_it_took.py", (IN_THE_GAP,), {"bait-out": LOST, "bank": LOST}),
    "connection-cut": Planted(
        "broken_connection_skips.py", ("bank.commit.2.1.before",), {"bait-out": LOST, "bank": LOST}
    ),
    "zombie": Planted("no_protection.py", ("bank.commit.2.1.before",), {"bank": Verdict.ZOMBIE_WRITE}),
    # It assigns by hand, so the second instance never joins: what held was not tried.
    "two-instances": Planted(
        "every_instance_takes_all.py", (IN_THE_GAP,), {"bait-out": DUPLICATE, "bank": Verdict.UNKNOWN}
    ),
    "withheld-answer": Planted("timeout_means_aborted.py", ("kafka.EndTxn.2.1.replied",), {"bait-out": DUPLICATE}),
    "slow-effect": Planted("effect_inside_the_transaction.py", ("bank.commit.2.1.before",), {"bank": DUPLICATE}),
    "new-leader": Planted("several_in_flight.py", ("kafka.Produce.1.1.before",), {"bait-out": LOST}),
    "upstream-duplicate": Planted("second_publication.py", (), {"bait-out": DUPLICATE}),
    "upstream-abort": Planted(
        "reads_uncommitted.py", (), {"bait-out": Verdict.ABORTED_READ, "bank": Verdict.ABORTED_READ}
    ),
    "dedupe-window": Planted(
        "no_protection.py sound",
        (),
        {"bank": DUPLICATE},
        ("delete from processed", "delete from processed where at < {cutoff}"),
    ),
    "topic-recreated": Planted("positions_by_topic_name.py", (), {"bank": LOST}),
}


SOUND_ONLY = {
    "late-request": Planted("timeout_means_aborted.py", (IN_THE_GAP,), {}),
    "late-position": Planted("patient_commit.py", ("kafka.OffsetCommit.2.1.before",), {}, scenario="late-request"),
}
"""What such a scenario does to a processor that is not careful: tests/runtime/test_lost_answers.py."""


@dataclass
class Range:
    """The servers, and what each scenario showed on them."""

    folder: Path
    servers: Servers
    results: dict[str, TrialResult]

    def trial(self, scenario: str, *, sound: bool) -> TrialResult:
        self.results = self.results or self.drill()
        return self.results[f"{scenario}-sound" if sound else scenario]

    def drill(self) -> dict[str, TrialResult]:
        declaration = load(self.declare())
        exactly = {}
        for name, planted in (PLANTED | SOUND_ONLY).items():
            points = [parse_id(text, SYSTEMS) for text in planted.at]
            plan = SCENARIOS[planted.scenario or name].plan(*points) if points else Plan(scenario=name)
            exactly |= {version: (plan,) for version in (name, f"{name}-sound") if version in declaration.versions}
        evidence = self.folder / "evidence"
        evidence.mkdir()
        drill = Drill(
            declaration,
            versions=list(declaration.versions.values()),
            choice=Choice(exactly=exactly),
            servers=[self.servers],
            folder=evidence,
            recreate_topics=True,
            demonstration=False,
            listener=lambda _event: None,
        )
        return {result.version.name: result.trials[0] for result in asyncio.run(drill.run()).versions}

    def declare(self) -> Path:
        (self.folder / "schema.sql").write_text(
            "create table done (event_id text not null);"
            "create table processed (event_id text primary key, at timestamptz not null default now());"
            "create table seen (position bigint primary key);"
        )
        (self.folder / "inputs.jsonl").write_text(
            "".join(json.dumps({"key": "k", "value": {"event_id": f"e{number}"}}) + "\n" for number in range(EVENTS))
        )
        versions = []
        for name, planted in (PLANTED | SOUND_ONLY).items():
            for version, arguments, purge in (
                (name, planted.script.split(), planted.forgets[0]),
                (f"{name}-sound", [*planted.script.split(), "sound"], planted.forgets[1]),
            ):
                if name in SOUND_ONLY and version == name:
                    continue
                command = ["{python}", str(BAIT / arguments[0]), *arguments[1:]]
                versions.append(f"[versions.{version}]\ncommand = {json.dumps(command)}")
                if purge:
                    versions.append(f"[versions.{version}.effects.bank]\npurge = {json.dumps(purge)}")
        (self.folder / "oncewhere.toml").write_text(
            """
            [processor]
            command = ["unused"]
            input = "bait-in"
            output = ["bait-out"]
            group = "bait"
            identity = "event_id"
            [processor.environment]
            KAFKA_BOOTSTRAP_SERVERS = "{kafka}"
            BANK_URL = "{bank}"
            INSTANCE = "{instance}"
            [effects.bank]
            system = "postgresql"
            policy = "dedupe-table"
            schema = "schema.sql"
            observe = "select event_id, count(*) from done group by event_id"
            [drill]
            inputs = "inputs.jsonl"
            partitions = 1
            deadline_s = 30
            """
            + "\n".join(versions)
        )
        return self.folder


@pytest.fixture(scope="module")
def shooting_range(tmp_path_factory: pytest.TempPathFactory, kafka: KafkaServer, postgres: PostgresServer) -> Range:
    servers = Servers(bootstrap_servers=kafka.bootstrap_servers, dsns={"bank": postgres.dsn("postgres")})
    return Range(tmp_path_factory.mktemp("scenarios"), servers, {})


def verdicts(trial: TrialResult) -> dict[str, Verdict]:
    assert trial.reached, "its point was not reached"
    return {finding.place: finding.verdict for finding in trial.findings}


def happened(scenario: str, where: Range, *, sound: bool = True) -> dict[str, Happened]:
    trial = where.trial(scenario, sound=sound)
    events = read(where.folder / "evidence" / trial.folder / "wire.jsonl")
    return {event.what: event for event in events if isinstance(event, Happened)}


@pytest.mark.servers
@pytest.mark.timeout(400)
@pytest.mark.parametrize("scenario", PLANTED)
def test_a_scenario_finds_the_bug_that_it_is_there_for(shooting_range: Range, scenario: str) -> None:
    found = verdicts(shooting_range.trial(scenario, sound=False))
    assert found == dict.fromkeys(found, ONCE) | PLANTED[scenario].differs


@pytest.mark.servers
@pytest.mark.timeout(400)
@pytest.mark.parametrize("scenario", PLANTED | SOUND_ONLY)
def test_its_sound_twin_is_not_accused(shooting_range: Range, scenario: str) -> None:
    found = verdicts(shooting_range.trial(scenario, sound=True))
    assert found == dict.fromkeys(found, ONCE)


@pytest.mark.servers
def test_a_zombie_is_woken_only_when_its_successor_has_finished(shooting_range: Range) -> None:
    told = happened("zombie", shooting_range, sound=False)
    assert told["woken"].fields == {"link": "bank#1", "reached": True, "successor_had_finished": True}
    assert told["stopped"].t < told["woken"].t < told["complete"].t


@pytest.mark.servers
def test_what_a_zombie_wrote_is_told_as_what_it_is(shooting_range: Range) -> None:
    chain = shooting_range.trial("zombie", sound=False).at("bank").chain
    assert any("SIGSTOP" in said for said in chain)
    assert any(said.startswith("and the process that had a successor was let: 1 write ") for said in chain)


@pytest.mark.servers
def test_a_zombie_that_its_successor_waits_for_is_woken_all_the_same(shooting_range: Range) -> None:
    assert happened("zombie", shooting_range)["woken"].fields["successor_had_finished"] is False


@pytest.mark.servers
def test_an_answer_is_withheld_until_the_processor_has_given_it_up(shooting_range: Range) -> None:
    told = happened("withheld-answer", shooting_range)
    assert told["released"].fields["reached"] is True
    assert told["released"].fields["given_up"] is True


@pytest.mark.servers
def test_a_commit_is_delivered_when_the_processor_has_given_it_up(shooting_range: Range) -> None:
    told = happened("late-request", shooting_range)
    assert told["released"].fields["reached"] is True
    assert told["released"].fields["given_up"] is True
    trial = shooting_range.trial("late-request", sound=True)
    wires = [e for e in read(shooting_range.folder / "evidence" / trial.folder / "wire.jsonl") if isinstance(e, Wire)]
    (held,) = [event for event in wires if event.outcome == "held"]
    begun = [e.t for e in wires if e.kind == "InitProducerId" and e.direction == "request"]
    (late,) = [e for e in wires if e.direction == "reply" and (e.link, e.sequence) == (held.link, held.sequence)]
    assert any(held.t < t < late.t for t in begun), "its coordinator heard of it when another epoch had been asked for"


@pytest.mark.servers
def test_a_second_instance_has_joined_before_the_transaction_goes_on(shooting_range: Range) -> None:
    assert happened("two-instances", shooting_range)["released"].fields["joined"] is True


@pytest.mark.servers
def test_a_cut_connection_is_told_as_dropped_and_another_takes_its_place(shooting_range: Range) -> None:
    trial = shooting_range.trial("connection-cut", sound=True)
    events = [e for e in read(shooting_range.folder / "evidence" / trial.folder / "wire.jsonl") if isinstance(e, Wire)]
    assert [e.link for e in events if e.outcome == "dropped"] == ["bank#1"]
    assert "bank#2" in {e.link for e in events}
    assert trial.lives == 1, "nobody was killed"


def test_a_scenario_is_left_out_with_its_reason(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "inputs.jsonl").write_text('{"value": {"event_id": "e"}}\n')
    (folder / "oncewhere.toml").write_text(
        """
        [processor]
        command = ["x"]
        input = "a"
        output = ["b"]
        group = "g"
        identity = "event_id"
        [drill]
        inputs = "inputs.jsonl"
        """
    )
    (version,) = load(folder).versions.values()
    clean = Clean(points=(), transaction_timeout_s=60.0)
    choice = Choice(scenarios=tuple(SCENARIOS))
    plans, left_out = choice.plans(version, clean)
    assert [plan.id for plan in plans] == ["upstream-abort", "topic-recreated"]
    reasons = {"two-instances", "slow-effect", "new-leader", "broker-killed", "upstream-duplicate", "dedupe-window"}
    assert {name for name, why in left_out.items() if why != ELSEWHERE} == reasons
    without_points = {"crash", "clean-stop", "connection-cut", "zombie", "withheld-answer", "late-request"}
    assert set(left_out) - reasons == without_points, "what was asked for is drilled, or said to be left out"
    selected = dataclasses.replace(choice, keyword=Keyword("after-effect"))
    assert selected.plans(version, clean)[1]["withheld-answer"] == "-k leaves none of the points that it goes to"
    assert "60 s" in left_out["slow-effect"]
    assert "{instance}" in left_out["two-instances"]


@pytest.mark.servers
@pytest.mark.timeout(300)
def test_a_broker_is_killed_and_comes_back_and_the_sound_processor_holds(
    tmp_path: Path, kafka3: KafkaCluster, postgres: PostgresServer
) -> None:
    # No bait: librdkafka's call that sends offsets may never return when the group's coordinator dies, and only the
    # runtime has a second thread that gives such a call up.
    servers = Servers(
        bootstrap_servers=kafka3.bootstrap_servers, dsns={"bank": postgres.dsn("postgres")}, cluster=kafka3
    )
    assert servers.spare_brokers == 1
    declaration = load(PAYMENTS)
    plan = SCENARIOS["broker-killed"].plan(parse_id(IN_THE_GAP, SYSTEMS))
    drill = Drill(
        declaration,
        versions=[declaration.versions["offset-ledger"]],
        choice=Choice(exactly={"offset-ledger": (plan,)}),
        servers=[servers],
        folder=tmp_path,
        recreate_topics=True,
        demonstration=False,
        listener=lambda _event: None,
    )
    trial = asyncio.run(drill.run()).versions[0].trials[0]
    assert verdicts(trial) == {"payment-settled": ONCE, "bank": ONCE}
    told = [event.what for event in read(tmp_path / trial.folder / "wire.jsonl") if isinstance(event, Happened)]
    assert told.index("sprung") < told.index("broker killed") < told.index("broker back") < told.index("complete")
    assert all(broker.pid for broker in kafka3.brokers), "it is running again"


def test_every_scenario_has_its_bait() -> None:
    # What a dead broker does to a client that is not careful: tests/runtime/test_brokers.py. Neither that nor a late
    # request is the same in every run of a processor that is as small as a bait.
    assert set(PLANTED) == set(SCENARIOS) - {"crash", "broker-killed", *SOUND_ONLY}
