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

from oncewhere.drill import SCENARIOS, Choice, Drill, Keyword, Servers, TrialResult, Verdict, load, parse_id
from oncewhere.drill.observations import Kind

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer, PostgresServer, ValkeyServer

pytestmark = pytest.mark.servers

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
MAIL = """
    [effects.mail]
    system = "smtp"
    identity = "header:subject=Payment * settled"
"""


@dataclass(frozen=True)
class Planted:
    """One bug: where the processor is killed, what must be said of it, and where its twin is killed.

    Attributes:
        at: the crash point of the bug.
        differs: what is not once.
        twin_at: the twin's, where it has no such message.
        script: its file, where that has another name.
        change: what the declaration changes for it.
        observed: what is seen on the wire of the bug and is not declared.
        scenario: what is done at the point.
    """

    at: str
    differs: dict[str, Verdict]
    twin_at: str | None = None
    script: str | None = None
    change: str = ""
    observed: frozenset[Kind] = frozenset()
    scenario: str = "crash"


OFFSETS = frozenset({Kind.OFFSETS_OUTSIDE_THE_TRANSACTION})
GROUPS: dict[str, dict[str, Planted]] = {
    BANK: {
        "no_protection": Planted(IN_THE_GAP, {"bank": DUPLICATE}),
        "output_skipped": Planted(IN_THE_GAP, {"bait-out": LOST}),
        "kafka_before_database": Planted("kafka.EndTxn.2.1.replied", {"bank": LOST}),
        "effect_before_dedupe_row": Planted("bank.commit.2.2.before", {"bank": DUPLICATE}, "bank.commit.2.1.before"),
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
        "reader_of_aborted_records": Planted(IN_THE_GAP, {"bank": DUPLICATE}),
        "random_transactional_id": Planted(
            "kafka.EndTxn.2.1.before",
            {"bait-out": DUPLICATE},
            observed=OFFSETS | {Kind.UNSTABLE_IDENTITY},
            scenario="zombie",
        ),
    },
    COMPARED: {"recomputed_output": Planted(IN_THE_GAP, {"bait-out": Verdict.DIFFERENT})},
    CLAIMS + BANK: {"claim_before_effect": Planted("bank.commit.2.1.before", {"bank": LOST})},
    GATEWAY: {
        "key_from_uuid": Planted(
            IN_THE_GAP, {"gateway": DUPLICATE}, observed=frozenset({Kind.CHANGING_IDEMPOTENCY_KEY})
        ),
        "window_shorter_than_the_replay": Planted(
            IN_THE_GAP, {"gateway": DUPLICATE}, script="key_from_uuid.py sound", change='stand_in = "forgets-keys"'
        ),
    },
    MAIL + BANK: {"mail_in_the_transaction": Planted("bank.commit.2.1.before", {"mail": DUPLICATE})},
}
BUGS = [(effects, name) for effects, group in GROUPS.items() for name in group]


@dataclass
class Kennel:
    """The servers, and the trials that were run on them, by group."""

    folder: Path
    servers: Servers
    found: dict[str, dict[str, TrialResult]] = field(default_factory=dict)

    def trials(self, effects: str) -> dict[str, TrialResult]:
        if effects not in self.found:
            self.found[effects] = self.run(effects, GROUPS[effects])
        return self.found[effects]

    def run(self, effects: str, group: dict[str, Planted]) -> dict[str, TrialResult]:
        folder = self.declare(effects, {name: (bug.script or f"{name}.py", bug.change) for name, bug in group.items()})
        points = {name: bug.at for name, bug in group.items()}
        points |= {f"{name}-sound": bug.twin_at or bug.at for name, bug in group.items() if not bug.script}
        scenarios = {f"{name}{twin}": bug.scenario for name, bug in group.items() for twin in ("", "-sound")}
        return {version: trials[0] for version, trials in self.drill(folder, points, scenarios).items()}

    def declare(self, effects: str, scripts: dict[str, tuple[str, str]]) -> Path:
        folder = self.folder / str(len(list(self.folder.iterdir())))
        folder.mkdir()
        (folder / "schema.sql").write_text(SCHEMA)
        (folder / "inputs.jsonl").write_text(
            "".join(json.dumps({"value": {"event_id": f"e{number}"}}) + "\n" for number in range(EVENTS))
        )
        versions = []
        for name, (script, change) in scripts.items():
            command = ["{python}", str(BAIT / script.split()[0]), *script.split()[1:]]
            versions.append(f"[versions.{name}]\ncommand = {json.dumps(command)}")
            versions += [f"[versions.{name}.effects.gateway]\n{change}"] if change else []
            versions.append(f"[versions.{name}-sound]\ncommand = {json.dumps([*command, 'sound'])}")
        declared = [name for name in ("bank", "claims", "gateway", "mail") if f"[effects.{name}]" in effects]
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
            deadline_s = 20
            {effects}
            """
            + "\n".join(versions)
        )
        return folder

    def drill(
        self, folder: Path, points: dict[str, str | None], scenarios: dict[str, str] | None = None
    ) -> dict[str, tuple[TrialResult, ...]]:
        """Drills each version at its point, or in a clean run and after it (None)."""
        declaration = load(folder)
        versions = [declaration.versions[name] for name in points]
        systems = {"kafka": "kafka"} | {name: effect.system for name, effect in versions[0].effects.items()}
        exactly = {
            name: (SCENARIOS[(scenarios or {}).get(name, "crash")].plan(parse_id(text, systems)),)
            for name, text in points.items()
            if text
        }
        evidence = folder / "evidence"
        evidence.mkdir()
        drill = Drill(
            declaration,
            versions=versions,
            choice=Choice(keyword=Keyword("after-commit"), exactly=exactly),
            servers=[self.servers],
            folder=evidence,
            recreate_topics=True,  # one group that fails must not spoil the others
            demonstration=False,
            listener=lambda _event: None,
        )
        return {result.version.name: result.trials for result in asyncio.run(drill.run()).versions}


@pytest.fixture(scope="module")
def kennel(
    tmp_path_factory: pytest.TempPathFactory, kafka: KafkaServer, postgres: PostgresServer, valkey: ValkeyServer
) -> Kennel:
    dsns = {"bank": postgres.dsn("postgres"), "claims": valkey.dsn(10)}
    return Kennel(tmp_path_factory.mktemp("bait"), Servers(bootstrap_servers=kafka.bootstrap_servers, dsns=dsns))


def verdicts(trial: TrialResult) -> dict[str, Verdict]:
    assert trial.reached, "its point was not reached"
    return {finding.place: finding.verdict for finding in trial.findings}


@pytest.mark.parametrize(("effects", "name"), BUGS, ids=[name for _, name in BUGS])
def test_a_planted_bug_is_judged_exactly_where_it_shows(kennel: Kennel, effects: str, name: str) -> None:
    trial = kennel.trials(effects)[name]
    found = verdicts(trial)
    assert found == dict.fromkeys(found, ONCE) | GROUPS[effects][name].differs
    assert len(found) == 1 + effects.count("[effects.")
    assert {seen.kind for seen in trial.observations} == GROUPS[effects][name].observed


@pytest.mark.parametrize(
    ("effects", "name"),
    [(effects, name) for effects, name in BUGS if not GROUPS[effects][name].script],
    ids=[name for effects, name in BUGS if not GROUPS[effects][name].script],
)
def test_its_sound_twin_is_not_accused(kennel: Kennel, effects: str, name: str) -> None:
    trial = kennel.trials(effects)[f"{name}-sound"]
    found = verdicts(trial)
    assert found == dict.fromkeys(found, ONCE)
    assert trial.observations == ()


def test_an_abort_without_a_rewind_loses_its_batch_and_needs_no_crash(kennel: Kennel) -> None:
    folder = kennel.declare(BANK, {"abort_without_rewind": ("abort_without_rewind.py", "")})
    found = kennel.drill(folder, {"abort_without_rewind": None, "abort_without_rewind-sound": None})
    clean = {name: {f.place: f.verdict for f in trials[0].findings} for name, trials in found.items()}
    assert clean == {
        "abort_without_rewind": {"bait-out": LOST, "bank": ONCE},
        "abort_without_rewind-sound": {"bait-out": ONCE, "bank": ONCE},
    }
