"""Each planted bug is judged exactly, at exactly the crash where it shows; its sound twin is never accused there.

The bugs are those of `tests/bait/`. All that share their places are drilled together, one trial for each script.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bait.mute_downstream import mute_downstream
from oncewhere.drill import SCENARIOS, Choice, Drill, Servers, TrialResult, Verdict, load, parse_id
from oncewhere.drill.observations import Kind
from oncewhere.drill.scenario import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.stack import KafkaServer, PostgresServer, ValkeyServer

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

BAIT = Path(__file__).parents[1] / "bait"
EVENTS = 12
ONCE, DUPLICATE, LOST = Verdict.ONCE, Verdict.DUPLICATE, Verdict.LOST
IN_THE_GAP = "kafka.EndTxn.2.1.before"
SCHEMA = """
    create table done (event_id text not null, receipt text);
    create table processed (event_id text primary key);
    create table seen (position bigint primary key);
"""
BANK = """
    [effects.bank]
    system = "postgresql"
    schema = "schema.sql"
    observe = "select event_id, count(*) from done group by event_id"
    [document.effects.bank]
    dedupe_table = "processed"
"""
COMPARED = """
    [effects.bank]
    system = "postgresql"
    schema = "schema.sql"
    observe = "select event_id, count(*), min(receipt) from done group by event_id"
    compare = "receipt"
"""
CLAIMS = """
    [effects.claims]
    system = "redis"
    observe = "keys claim:*"
"""
GATEWAY = """
    [effects.gateway]
    system = "http"
    policy = "idempotency-key"
    stand_in = "honours-keys"
"""
DOWNSTREAM = """
    [effects.gateway]
    system = "http"
    policy = "idempotency-key"
"""
MAIL = """
    [effects.mail]
    system = "smtp"
    identity = "header:subject=Payment * settled"
"""


@dataclass(frozen=True)
class Places:
    """The places of some bugs, which are drilled together.

    Attributes:
        effects: as a declaration says it.
        deadline_s: for one life; short where a bug never finishes.
    """

    effects: str
    deadline_s: int = 20

    def __len__(self) -> int:
        return 1 + self.effects.count("[effects.")


@dataclass(frozen=True)
class Planted:
    """One bug: where the processor is killed, what must be said of it, and where its twin is killed.

    Attributes:
        at: the crash point of the bug; None where a clean run shows it.
        differs: what is not once.
        twin_at: the twin's, where it has no such message.
        script: its file, where that has another name.
        change: what the declaration changes for it.
        observed: what is seen on the wire of the bug and is not declared.
        scenario: what is done at the point.
    """

    at: str | None
    differs: dict[str, Verdict]
    twin_at: str | None = None
    script: str | None = None
    change: str = ""
    observed: frozenset[Kind] = frozenset()
    scenario: str = "crash"


OFFSETS = frozenset({Kind.OFFSETS_OUTSIDE_THE_TRANSACTION})
GROUPS: dict[Places, dict[str, Planted]] = {
    Places(BANK): {
        "no_protection": Planted(IN_THE_GAP, {"bank": DUPLICATE}),
        "output_skipped": Planted(IN_THE_GAP, {"bait-out": LOST}),
        "kafka_before_database": Planted("kafka.EndTxn.2.1.replied", {"bank": LOST}),
        "effect_before_dedupe_row": Planted(
            "bank.commit.2.2.before",
            {"bank": DUPLICATE},
            "bank.commit.2.1.before",
            observed=frozenset({Kind.DEDUPE_ROW_APART}),
        ),
        "commit_before_processing": Planted(
            "kafka.OffsetCommit.2.1.replied",
            {"bait-out": LOST, "bank": LOST},
            "kafka.EndTxn.2.1.replied",
            observed=OFFSETS,
        ),
        "plain_producer": Planted(
            "kafka.OffsetCommit.2.1.before",
            {"bait-out": DUPLICATE},
            IN_THE_GAP,
            observed=OFFSETS | {Kind.OUTSIDE_THE_TRANSACTION},
        ),
        "offsets_outside_the_transaction": Planted(
            "kafka.OffsetCommit.2.1.before", {"bait-out": DUPLICATE}, IN_THE_GAP, observed=OFFSETS
        ),
        "reader_of_aborted_records": Planted(
            IN_THE_GAP, {"bank": DUPLICATE}, observed=frozenset({Kind.READS_UNCOMMITTED})
        ),
        "random_transactional_id": Planted(
            IN_THE_GAP,
            {"bait-out": Verdict.ZOMBIE_WRITE},
            observed=OFFSETS | {Kind.UNSTABLE_IDENTITY},
            scenario="zombie",
        ),
        "parks_what_failed": Planted(
            "bank.commit.2.1.before", {"bait-out": Verdict.REORDERED}, scenario="connection-cut"
        ),
        "abort_without_rewind": Planted(None, {"bait-out": LOST}),
    },
    Places(BANK, deadline_s=6): {
        "trips_over_what_it_did": Planted(IN_THE_GAP, {"bait-out": Verdict.TORN, "bank": Verdict.STUCK})
    },
    Places(DOWNSTREAM): {"silence_means_done": Planted(None, {"gateway": Verdict.IN_DOUBT})},
    Places(COMPARED): {"recomputed_output": Planted(IN_THE_GAP, {"bait-out": Verdict.DIFFERENT})},
    Places(CLAIMS + BANK): {"claim_before_effect": Planted("bank.commit.2.1.before", {"bank": LOST})},
    Places(GATEWAY): {
        "key_from_uuid": Planted(
            IN_THE_GAP, {"gateway": DUPLICATE}, observed=frozenset({Kind.CHANGING_IDEMPOTENCY_KEY})
        ),
        "window_shorter_than_the_replay": Planted(
            IN_THE_GAP, {"gateway": DUPLICATE}, script="key_from_uuid.py sound", change='stand_in = "forgets-keys"'
        ),
    },
    Places(MAIL + BANK): {"mail_in_the_transaction": Planted("bank.commit.2.1.before", {"mail": DUPLICATE})},
}
BUGS = [(places, name) for places, group in GROUPS.items() for name in group]
SHOWN_ELSEWHERE = {
    Verdict.ABORTED_READ: "test_scenarios.py",
    Verdict.UNKNOWN: "test_trial.py",
}


@dataclass
class Kennel:
    """The servers, and the trials that were run on them, by group."""

    folder: Path
    bootstrap_servers: str
    dsns: dict[str, str]
    downstream: str
    found: dict[Places, dict[str, TrialResult]] = field(default_factory=dict)

    def trials(self, places: Places) -> dict[str, TrialResult]:
        if places not in self.found:
            self.found[places] = self.run(places, GROUPS[places])
        return self.found[places]

    def run(self, places: Places, group: dict[str, Planted]) -> dict[str, TrialResult]:
        folder = self.declare(places, {name: (bug.script or f"{name}.py", bug.change) for name, bug in group.items()})
        points = {name: bug.at for name, bug in group.items()}
        points |= {f"{name}-sound": bug.twin_at or bug.at for name, bug in group.items() if not bug.script}
        scenarios = {f"{name}{twin}": bug.scenario for name, bug in group.items() for twin in ("", "-sound")}
        return self.drill(folder, points, scenarios)

    def declare(self, places: Places, scripts: dict[str, tuple[str, str]]) -> Path:
        folder = self.folder / str(len(list(self.folder.iterdir())))
        folder.mkdir()
        (folder / "schema.sql").write_text(SCHEMA)
        (folder / "inputs.jsonl").write_text(
            "".join(json.dumps({"key": "k", "value": {"event_id": f"e{number}"}}) + "\n" for number in range(EVENTS))
        )
        versions = []
        for name, (script, change) in scripts.items():
            command = ["{python}", str(BAIT / script.split()[0]), *script.split()[1:]]
            versions.append(f"[versions.{name}]\ncommand = {json.dumps(command)}")
            versions += [f"[versions.{name}.effects.gateway]\n{change}"] if change else []
            versions.append(f"[versions.{name}-sound]\ncommand = {json.dumps([*command, 'sound'])}")
        declared = [name for name in ("bank", "claims", "gateway", "mail") if f"[effects.{name}]" in places.effects]
        addresses = "\n".join(f'{name.upper()}_URL = "{{{name}}}"' for name in declared)
        (folder / "oncewhere.toml").write_text(
            f"""
            [processor]
            command = ["unused"]
            input = "bait-in"
            output = ["bait-out"]
            group = "bait"
            identity = "event_id"
            [processor.environment]
            KAFKA_BOOTSTRAP_SERVERS = "{{kafka}}"
            {addresses}
            [drill]
            inputs = "inputs.jsonl"
            partitions = 1
            deadline_s = {places.deadline_s}
            {places.effects}
            """
            + "\n".join(versions)
        )
        return folder

    def drill(self, folder: Path, points: dict[str, str | None], scenarios: dict[str, str]) -> dict[str, TrialResult]:
        """Drills each version at its point, or does nothing to it (None)."""
        declaration = load(folder)
        versions = [declaration.versions[name] for name in points]
        systems = {"kafka": "kafka"} | {name: effect.system for name, effect in versions[0].effects.items()}
        exactly = {
            name: (SCENARIOS[scenarios[name]].plan(parse_id(text, systems)) if text else Plan(),)
            for name, text in points.items()
        }
        evidence = folder / "evidence"
        evidence.mkdir()
        stands_in = any(effect.stand_in for effect in versions[0].effects.values())
        dsns = self.dsns if stands_in else self.dsns | {"gateway": self.downstream}
        drill = Drill(
            declaration,
            versions=versions,
            choice=Choice(exactly=exactly),
            servers=[Servers(bootstrap_servers=self.bootstrap_servers, dsns=dsns)],
            folder=evidence,
            recreate_topics=True,  # one group that fails must not spoil the others
            demonstration=False,
            listener=lambda _event: None,
        )
        return {result.version.name: result.trials[0] for result in asyncio.run(drill.run()).versions}


@pytest.fixture(scope="module")
def kennel(
    tmp_path_factory: pytest.TempPathFactory, kafka: KafkaServer, postgres: PostgresServer, valkey: ValkeyServer
) -> Iterator[Kennel]:
    dsns = {"bank": postgres.dsn("postgres"), "claims": valkey.dsn(10)}
    folder = tmp_path_factory.mktemp("bait")
    with mute_downstream() as url:
        yield Kennel(folder, kafka.bootstrap_servers, dsns, url)


def verdicts(trial: TrialResult) -> dict[str, Verdict]:
    assert trial.reached, "its point was not reached"
    return {finding.place: finding.verdict for finding in trial.findings}


@pytest.mark.parametrize(("places", "name"), BUGS, ids=[name for _, name in BUGS])
def test_a_planted_bug_is_judged_exactly_where_it_shows(kennel: Kennel, places: Places, name: str) -> None:
    trial = kennel.trials(places)[name]
    found = verdicts(trial)
    assert found == dict.fromkeys(found, ONCE) | GROUPS[places][name].differs
    assert len(found) == len(places)
    assert {seen.kind for seen in trial.observations} == GROUPS[places][name].observed


@pytest.mark.parametrize(
    ("places", "name"),
    [(places, name) for places, name in BUGS if not GROUPS[places][name].script],
    ids=[name for places, name in BUGS if not GROUPS[places][name].script],
)
def test_its_sound_twin_is_not_accused(kennel: Kennel, places: Places, name: str) -> None:
    trial = kennel.trials(places)[f"{name}-sound"]
    found = verdicts(trial)
    assert found == dict.fromkeys(found, ONCE)
    assert trial.observations == ()


def test_every_verdict_is_shown_by_a_real_processor() -> None:
    here = {verdict for places, name in BUGS for verdict in GROUPS[places][name].differs.values()} | {ONCE}
    assert here | set(SHOWN_ELSEWHERE) == set(Verdict)
    for verdict, module in SHOWN_ELSEWHERE.items():
        assert f"Verdict.{verdict.name}" in (Path(__file__).parent / module).read_text()
