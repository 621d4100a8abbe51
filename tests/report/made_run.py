"""A run folder as a drill leaves it, of any size and with any names in it, made without a server.

The history is told event by event as the proxy would tell it, and judged by the drill's own checks: only the wire is
made up, never a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from oncewhere.drill import (
    CLEAN,
    Coverage,
    Crash,
    CrashPoint,
    DrillEnded,
    DrillResult,
    Finding,
    NamedCrash,
    Phase,
    Plan,
    PointSet,
    Step,
    Testimony,
    TrialResult,
    Version,
    VersionResult,
    findings,
    take_testimony,
)
from oncewhere.drill.checks import InputSeen, OutputSeen, PlaceSeen, ProgressSeen
from oncewhere.drill.declaration import Processor, Settings
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Event, Happened, Wire
from oncewhere.drill.testimony import TrialSubject, write_ended, write_found, write_inputs, write_subject
from oncewhere.report import RunFolder

INPUT, OUTPUT, BANK = "payment-authorized", "payment-settled", "bank"
BATCH = 4
SYSTEMS = {"kafka": "kafka", BANK: "postgresql"}


@dataclass
class Told:
    """A history under construction; it takes the calls of the drill's own writers."""

    events: list[Event] = field(default_factory=list)
    t: float = 0.0
    numbers: dict[str, int] = field(default_factory=dict)

    def happened(self, what: str, **fields: Any) -> None:
        self.t += 0.001
        self.events.append(Happened(t=self.t, what=what, fields=fields))

    def sent(
        self, kind: str, *, link: str, life: int, interval: int, answer: dict[str, Any] | None, **fields: Any
    ) -> None:
        """A request, and its answer; None where it was dropped."""
        self.t += 0.001
        place = link.partition("#")[0]
        sequence = self.numbers[link] = self.numbers.get(link, 0) + 1
        common = {
            "life": life,
            "link": link,
            "interval": interval,
            "system": SYSTEMS[place],
            "kind": kind,
            "place": place,
            "sequence": sequence,
            "boundary": kind != "OffsetFetch",
        }
        outcome = "dropped" if answer is None else "forwarded"
        self.events.append(Wire(t=self.t, direction="request", outcome=outcome, nth=1, fields=fields, **common))
        if answer is not None:
            self.t += 0.0005
            self.events.append(Wire(t=self.t, direction="reply", outcome="forwarded", fields=answer, **common))

    def batch(self, life: int, interval: int, first: int, size: int, *, crashes: bool = False) -> None:
        """One commit interval of a processor without protection; its EndTxn is dropped where it crashes."""
        link, db, name = f"kafka#{life}", f"bank#{life}", {"transactional_id": "settlement-0"}
        for _ in range(size):
            at = {"link": db, "life": life, "interval": interval}
            self.sent("write", **at, answer={"outcome": "open"}, verbs=["INSERT"], targets=["settlement"])
            self.sent("commit", **at, answer={"outcome": "committed"}, verbs=["COMMIT"])
        at = {"link": link, "life": life, "interval": interval}
        wrote = {"topic": OUTPUT, "partition": 0}
        self.sent(
            "Produce",
            **at,
            **name,
            partitions=[wrote | {"records": size}],
            answer={
                "error": "NONE",
                "partitions": [wrote | {"base_offset": first + (life - 1) * size, "error": "NONE"}],
            },
        )
        offsets = [{"topic": INPUT, "partition": 0, "offset": first + size}]
        self.sent("TxnOffsetCommit", **at, **name, offsets=offsets, answer={"error": "NONE"})
        if crashes:
            self.happened("sprung", point=f"kafka.EndTxn.{interval}.1.before", action="kill")
        self.sent("EndTxn", **at, **name, committed=True, answer=None if crashes else {"error": "NONE"})

    def life(self, number: int, at: int) -> None:
        self.happened("started", life=number)
        where = {"link": f"kafka#{number}", "life": number, "interval": 1}
        self.sent("InitProducerId", **where, transactional_id="settlement-0", answer={"error": "NONE"})
        offsets = [{"topic": INPUT, "partition": 0, "offset": at or -1}]
        self.sent("OffsetFetch", **where, groups=["settlement"], answer={"error": "NONE", "offsets": offsets})


def version(name: str = "naive") -> Version:
    return Version(
        name=name,
        about="",
        processor=Processor(command=["x"], input=INPUT, output=[OUTPUT], group="settlement", identity="event_id"),
        effects={BANK: Effect(system="postgresql", observe="select", policy="none")},
        settings=Settings(inputs="x", noun="payments"),
        expect={},
    )


def told_trial(plan: Plan, *, name: str, batches: int, identities: Sequence[str], harmless: bool) -> Told:
    """The history of one trial: killed at the EndTxn of the plan's interval, where it has one."""
    told = Told()
    point = plan.point
    subject = TrialSubject(
        version=name,
        plan=plan.id,
        point=str(point) if point else None,
        name=point.name if point else None,
        noun="payments",
        input_topic=INPUT,
        group="settlement",
        judged=(OUTPUT, BANK),
    )
    write_subject(told, subject)  # type: ignore[arg-type]  # it takes the same calls
    inputs = [InputSeen(identity=identity, partition=0, offset=n) for n, identity in enumerate(identities)]
    write_inputs(told, inputs)  # type: ignore[arg-type]
    killed_at = point.interval if point else None
    told.life(1, 0)
    for interval in range(1, (killed_at or batches) + 1):
        told.batch(1, interval, (interval - 1) * BATCH, BATCH, crashes=interval == killed_at)
    crashes = []
    if killed_at is not None:
        told.happened("killed", life=1, exit=-9, at="EndTxn")
        told.happened("transactions", states={"settlement-0": "Ongoing"})
        crashes = [Crash(message="EndTxn", outcome="dropped", effects_before=BATCH)]
        done = (killed_at - 1) * BATCH
        told.life(2, done)
        for interval in range(1, batches - killed_at + 2):
            told.batch(2, interval, done + (interval - 1) * BATCH, BATCH)
    told.happened("complete")
    total = len(inputs)
    write_ended(told, ProgressSeen(committed=total, total=total), crashes, reached=True)  # type: ignore[arg-type]
    records = tuple(OutputSeen(identity=entry.identity, partition=0, offset=n) for n, entry in enumerate(inputs))
    twice = range((killed_at - 1) * BATCH, killed_at * BATCH) if killed_at and not harmless else range(0)
    counts = {entry.identity: 1 + (entry.offset in twice) for entry in inputs}
    write_found(  # type: ignore[arg-type]
        told,
        [
            PlaceSeen(place=OUTPUT, system="kafka", counts={}, records=records),
            PlaceSeen(place=BANK, system="postgresql", counts=counts),
        ],
    )
    return told


def plans(points: int) -> Iterator[Plan]:
    yield CLEAN
    for number in range(points):
        name = NamedCrash.AFTER_EFFECT if number == 0 else None
        yield Plan(
            steps=(
                Step(
                    point=CrashPoint(
                        place="kafka",
                        system="kafka",
                        kind="EndTxn",
                        interval=1 + number % 3,
                        nth=1 + number // 3,
                        phase=Phase.BEFORE,
                        name=name,
                    )
                ),
            )
        )


def make_run(
    root: Path,
    *,
    points: int = 3,
    batches: int = 4,
    names: Sequence[str] = ("naive",),
    identity: str = "payment",
    hostile: str = "",
    declaration: str = "payments",
) -> Path:
    """Writes a run folder, and returns it.

    Args:
        root: where the project's `.oncewhere` stands.
        points: crash points of each version, beside the clean run.
        batches: commit intervals of each trial.
        names: the versions; `sound` holds at every point, all others do the effect twice.
        identity: what the business identities begin with.
        hostile: a text that is put where a processor's own words may come through.
        declaration: what was drilled, as it was named.
    """
    folder = RunFolder(root / ".oncewhere", "payments", declaration=declaration)
    results = []
    for name in names:
        trials = []
        known: dict[tuple[int, bool], tuple[bytes, Testimony, tuple[Finding, ...]]] = {}
        for number, plan in enumerate(plans(points)):
            point = plan.point
            kind = (point.interval, point.name is not None) if point else (0, False)
            if kind not in known:
                identities = [f"{identity}-{n}{hostile}" for n in range(batches * BATCH)]
                told = told_trial(plan, name=name, batches=batches, identities=identities, harmless=name == "sound")
                if hostile:
                    told.sent(
                        "write", link="bank#1", life=1, interval=1, answer={"outcome": hostile}, targets=[hostile]
                    )
                text = b"".join(msgspec.json.encode(event) + b"\n" for event in told.events)
                testimony = take_testimony(told.events)
                known[kind] = text, testimony, findings(testimony)
            text, testimony, judged = known[kind]
            at = f"{name}/{number}"
            (folder.path / at).mkdir(parents=True)
            (folder.path / at / "wire.jsonl").write_bytes(text)
            trials.append(
                TrialResult(
                    plan=plan,
                    crashes=testimony.crashes,
                    reached=True,
                    findings=judged,
                    lives=2,
                    duration_s=1.0,
                    folder=at,
                )
            )
        coverage = Coverage(points=PointSet.ALL, inputs=batches * BATCH, chosen=points, reached=points, recorded=points)
        results.append(VersionResult(version=version(name), trials=tuple(trials), coverage=coverage))
    drilled = DrillResult(versions=tuple(results), demonstration=False, folder=str(folder.path), duration_s=1.0)
    folder(DrillEnded(result=drilled))
    return folder.path
