"""What is seen on the wire and not declared is said; what is as declared is not."""

from __future__ import annotations

from typing import Any

import pytest

from oncewhere.drill.blind_counts import keeps_one, plain_count
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Happened, Wire
from oncewhere.drill.observations import Declared, Kind, Observation, connections, observe, together

EFFECTS = {
    "bank": Effect(system="postgresql", observe="select 1, 1"),
    "ledger": Effect(system="mysql", observe="select 1, 1"),
    "gateway": Effect(system="http", policy="idempotency-key", stand_in="honours-keys"),
}


def sent(
    kind: str, place: str = "kafka", *, life: int = 1, link: int = 1, moved: Any = "forwarded", **fields: Any
) -> Wire:
    system = {"bank": "postgresql", "ledger": "mysql", "gateway": "http"}.get(place, "kafka")
    boundary = kind in {"Produce", "OffsetCommit", "TxnOffsetCommit", "EndTxn", "commit", "write", "POST"}
    return Wire(
        t=0, life=life, link=f"{place}#{link}", interval=1, system=system, kind=kind, direction="request", sequence=0,
        boundary=boundary, outcome=moved, fields=fields,
    )  # fmt: skip


def produce(topic: str, records: int = 1, transactional_id: str | None = "app-0", **more: Any) -> Wire:
    partitions = [{"topic": topic, "partition": 0, "records": records}]
    return sent(
        "Produce",
        transactional_id=transactional_id,
        transactional=bool(transactional_id),
        partitions=partitions,
        **more,
    )


SOUND = [
    sent("InitProducerId", transactional_id="app-0"),
    sent("Fetch", isolation_level="read_committed", topics=["authorized"]),
    sent("startup", "bank", database="trial"),
    sent("commit", "bank", targets=["public.t"]),
    sent("startup", "ledger", database="trial"),
    sent("commit", "ledger", targets=["t", "trial.u"]),
    sent("POST", "gateway", identity="e1", idempotency_key="k1"),
    sent("POST", "gateway", identity="e1", idempotency_key="k1"),
    produce("settled"),
    sent("TxnOffsetCommit", group="settlement"),
    sent("EndTxn", committed=True),
    sent("InitProducerId", life=2, transactional_id="app-0"),
]


def declared(**changes: Any) -> Declared:
    given = {
        "input_topic": "authorized",
        "output_topics": ["settled"],
        "group": "settlement",
        "effects": EFFECTS,
        "databases": {"bank": "trial", "ledger": "trial"},
    }
    return Declared(**given | changes)


def test_what_is_as_declared_is_not_observed() -> None:
    assert observe(SOUND, declared()) == ()


@pytest.mark.parametrize(
    ("event", "kind", "place", "count", "examples"),
    [
        (produce("audit", 3), Kind.UNDECLARED_TOPIC, "kafka", 3, ("audit",)),
        (produce("settled", 2, None), Kind.OUTSIDE_THE_TRANSACTION, "kafka", 2, ("settled",)),
        (sent("OffsetCommit", group="settlement"), Kind.OFFSETS_OUTSIDE_THE_TRANSACTION, "kafka", 1, ("settlement",)),
        (sent("TxnOffsetCommit", group="other"), Kind.ANOTHER_GROUP, "kafka", 1, ("other",)),
        (
            sent("Fetch", isolation_level="read_uncommitted", topics=["authorized"]),
            Kind.READS_UNCOMMITTED,
            "kafka",
            1,
            ("authorized",),
        ),
        (sent("commit", "ledger", targets=["audit.t"]), Kind.ANOTHER_DATABASE, "ledger", 1, ("audit.t",)),
        (
            sent("POST", "gateway", target="/pay", identity="e2"),
            Kind.NO_IDEMPOTENCY_KEY,
            "gateway",
            1,
            ("POST /pay",),
        ),
        (
            sent("POST", "gateway", identity="e1", idempotency_key="k2"),
            Kind.CHANGING_IDEMPOTENCY_KEY,
            "gateway",
            1,
            ("e1",),
        ),
        (sent("opaque", "bank", reason="TLS"), Kind.UNREAD, "bank", 1, ("TLS",)),
    ],
)
def test_each_kind_is_observed_by_itself(
    event: Wire, kind: Kind, place: str, count: int, examples: tuple[str, ...]
) -> None:
    (seen,) = observe([*SOUND, event], declared())
    assert (seen.kind, seen.place, seen.count, seen.examples) == (kind, place, count, examples)
    assert examples[0] in seen.sentence or kind in {
        Kind.CHANGING_IDEMPOTENCY_KEY, Kind.NO_IDEMPOTENCY_KEY, Kind.UNREAD
    }  # fmt: skip


def test_a_write_on_a_connection_to_another_database_is_observed() -> None:
    elsewhere = [sent("startup", "bank", link=2, database="postgres"), sent("commit", "bank", link=2, targets=["t"])]
    (seen,) = observe([*SOUND, *elsewhere], declared())
    assert (seen.kind, seen.examples) == (Kind.ANOTHER_DATABASE, ("postgres",))


def test_a_read_elsewhere_is_no_write() -> None:
    elsewhere = [sent("startup", "bank", link=2, database="postgres"), sent("query", "bank", link=2)]
    assert observe([*SOUND, *elsewhere], declared()) == ()


def test_a_transactional_id_that_changes_with_every_life_is_observed() -> None:
    (seen,) = observe([*SOUND[:-1], sent("InitProducerId", life=2, transactional_id="app-4711")], declared())
    assert (seen.kind, seen.examples) == (Kind.UNSTABLE_IDENTITY, ("app-0", "app-4711"))


def test_a_second_instance_has_a_transactional_id_of_its_own_and_is_no_restart() -> None:
    lives = [
        Happened(t=0.0, what="started", fields={"life": 1, "instance": 0}),
        sent("InitProducerId", life=1, transactional_id="app-0"),
        Happened(t=0.0, what="started", fields={"life": 2, "instance": 1}),
        sent("InitProducerId", life=2, transactional_id="app-1"),
    ]
    assert Kind.UNSTABLE_IDENTITY not in {seen.kind for seen in observe(lives, declared())}
    untold = [*lives[:3], sent("InitProducerId", life=0, transactional_id="app-1")]
    assert Kind.UNSTABLE_IDENTITY not in {seen.kind for seen in observe(untold, declared())}
    restarted = [
        Happened(t=0.0, what="started", fields={"life": 3, "instance": 1}),
        sent("InitProducerId", life=3, transactional_id="app-4711"),
    ]
    told = {seen.kind: seen for seen in observe([*lives, *restarted], declared())}
    assert told[Kind.UNSTABLE_IDENTITY].examples == ("app-1", "app-4711")


def test_a_place_that_is_only_to_be_read_and_is_written_is_observed() -> None:
    effects = EFFECTS | {"bank": Effect(system="postgresql", observe="select 1, 1", policy="read-only")}
    (seen,) = observe(SOUND, declared(effects=effects))
    assert (seen.kind, seen.examples) == (Kind.WRITES_THOUGH_READ_ONLY, ("public.t",))
    unwritten = [event for event in SOUND if not event.link.startswith("bank")]
    assert observe(unwritten, declared(effects=effects)) == ()


def test_a_dedupe_row_that_never_commits_with_its_effect_is_observed() -> None:
    apart = [
        sent("write", "bank", targets=["public.done"]), sent("commit", "bank"),
        sent("commit", "bank", targets=["processed"]),
    ]  # fmt: skip
    together = [sent("write", "bank", targets=["done"]), sent("commit", "bank", targets=["processed"])]
    effects = EFFECTS | {"bank": Effect(system="postgresql", observe="select event_id, count(*) from done group by 1")}
    said = declared(effects=effects, dedupe_tables={"bank": "processed"})
    (seen,) = observe([*SOUND, *apart], said)
    assert (seen.kind, seen.place, seen.examples) == (Kind.DEDUPE_ROW_APART, "bank", ("done",))
    assert observe([*SOUND, *together], said) == ()


def test_keys_that_look_drawn_at_random_are_observed_before_anything_is_redelivered() -> None:
    drawn = [
        sent("POST", "gateway", identity=f"e{n}", idempotency_key=f"0b9f5a53-5a46-4d6a-9a04-2b1c8f0d7a1{n}")
        for n in range(3)
    ]
    sound = [event for event in SOUND if not event.link.startswith("gateway")]
    (seen,) = observe([*sound, *drawn], declared())
    assert (seen.kind, seen.place, seen.count) == (Kind.RANDOM_IDEMPOTENCY_KEY, "gateway", 3)


def test_an_effect_that_never_was_is_observed() -> None:
    (seen,) = observe([event for event in SOUND if not event.link.startswith("gateway")], declared())
    assert (seen.kind, seen.place, seen.count) == (Kind.NEVER_USED, "gateway", 0)


def test_a_request_that_never_left_is_not_observed() -> None:
    assert observe([*SOUND, produce("audit", moved="dropped")], declared()) == ()


def test_of_several_trials_the_one_counts_that_saw_most() -> None:
    def seen(count: int, kind: Kind = Kind.ANOTHER_GROUP) -> Observation:
        return Observation(kind=kind, place="kafka", sentence="", count=count)

    found = together([[seen(1)], [seen(3), seen(1, Kind.UNREAD)], [seen(2)]])
    assert found == (seen(3), seen(1, Kind.UNREAD))


def test_of_addresses_past_the_proxies_none_is_left_out_whichever_trial_saw_it() -> None:
    def connected(*addresses: str) -> tuple[Observation, ...]:
        return tuple(connections([Happened(t=1, what="elsewhere", fields={"address": one}) for one in addresses]))

    many = [f"10.0.0.{number}:5432" for number in range(1, 8)]
    (seen,) = together([connected(*many), (), connected("10.0.0.1:5432", "10.9.9.9:443")])
    assert seen.examples == (*many, "10.9.9.9:443")
    assert "10.0.0.5:5432 and 3 more, which is no declared effect" in seen.sentence


DEDUPE = "select event_id, count(*) from public.processed group by event_id"


@pytest.mark.parametrize(
    ("observe_by", "policy", "blind"),
    [
        (DEDUPE, "dedupe-table", ("processed", "event_id")),
        ('SELECT "event_id", COUNT(*) FROM Processed GROUP BY "event_id";', "undeclared", ("processed", "event_id")),
        (DEDUPE, "unique-constraint", None),
        (DEDUPE.replace("processed", "done"), "dedupe-table", None),
        (DEDUPE.replace("event_id", "account"), "dedupe-table", None),
        ("select e.event_id, count(*) from done d join processed e using (id) group by 1", "dedupe-table", None),
    ],
)
def test_a_count_that_cannot_be_above_one_is_found(observe_by: str, policy: str, blind: tuple[str, str] | None) -> None:
    effect = Effect(system="postgresql", policy=policy, observe=observe_by)
    counted = plain_count(effect)
    found = counted if counted and keeps_one({"Processed": [["event_id"]], "done": []}, *counted) else None
    assert found == blind


def test_a_count_that_cannot_be_above_one_is_told() -> None:
    told = Happened(t=9, what="counted-blindly", fields={"place": "bank", "table": "processed", "column": "event_id"})
    (seen,) = observe([*SOUND, told], declared())
    assert (seen.kind, seen.place, seen.examples) == (Kind.BLIND_COUNT, "bank", ("processed.event_id",))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"place": "bank", "counts": {}}, True),
        ({"place": "bank", "counts": {"e1": 1}}, False),
        ({"place": "bank", "counts": {}, "unidentified": 3}, False),
        ({"place": "gateway", "counts": {}}, False),
        ({"place": "settled", "counts": {}}, False),
    ],
)
def test_a_query_that_finds_nothing_of_what_was_written_is_told(fields: dict[str, Any], told: bool) -> None:
    seen = observe([*SOUND, Happened(t=9, what="found", fields=fields)], declared(identity="event_id"))
    assert [(one.kind, one.count) for one in seen] == ([(Kind.NOTHING_COUNTED, 1)] if told else [])
    assert not told or "by event_id" in seen[0].sentence


@pytest.mark.parametrize(
    ("written", "policy", "apart"),
    [
        ((["payout"], ["processed"]), "dedupe-table", True),
        ((["payout", "processed"],), "dedupe-table", False),
        ((["payout"], ["processed"]), "none", False),
        ((["payout"],), "dedupe-table", False),
    ],
)
def test_a_dedupe_table_that_nobody_has_named_is_found_by_its_key(
    written: tuple[list[str], ...], policy: str, apart: bool
) -> None:
    keys = {"processed": [["event_id"]], "payout": [], "account": [["account_id"]]}
    told = Happened(t=9, what="unique-keys", fields={"place": "bank", "tables": keys})
    observe_by = "select event_id, count(*) from payout group by event_id"
    effects = {"bank": Effect(system="postgresql", policy=policy, observe=observe_by)}
    sent_there = [sent("commit", "bank", targets=tables) for tables in written]
    found = observe([*sent_there, told], declared(effects=effects, databases={}, identity="eventId"))
    assert [seen.kind for seen in found] == ([Kind.DEDUPE_ROW_APART] if apart else [])
