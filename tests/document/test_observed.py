"""What a history shows of a processor is folded from its wire; a recorded life is changed by one message at a time."""

from __future__ import annotations

from typing import Any

import pytest

from oncewhere.document.observed import observed
from oncewhere.drill.footprints import apart, tables_read
from oncewhere.drill.history import Event, Happened, Wire


def sent(kind: str, place: str = "kafka", *, life: int = 1, link: int = 1, **fields: Any) -> Wire:
    system = {"bank": "postgresql", "gateway": "http"}.get(place, "kafka")
    boundary = kind in {"Produce", "OffsetCommit", "TxnOffsetCommit", "EndTxn", "commit", "write", "POST"}
    return Wire(
        t=0, life=life, link=f"{place}#{link}", interval=1, system=system, kind=kind, direction="request", sequence=0,
        boundary=boundary, outcome="forwarded", fields=fields,
    )  # fmt: skip


def life(number: int, *, name: str | None = "app-0", key: str = "k1") -> list[Event]:
    produced = {"partitions": [{"topic": "settled", "partition": 0, "records": 2}], "api_version": 10}
    return [
        Happened(t=0, what="started", fields={"life": number}),
        sent("ApiVersions", life=number, client_software_name="client", client_software_version="1.0"),
        *(
            [sent("InitProducerId", life=number, transactional_id=name, timeout_ms=60_000, api_version=4)]
            if name
            else []
        ),
        sent(
            "JoinGroup",
            life=number,
            client_id="c",
            group="settlement",
            session_timeout_ms=45_000,
            rebalance_timeout_ms=300_000,
        ),
        sent("Fetch", life=number, client_id="c", isolation_level="read_committed", topics=["authorized"]),
        sent("write", "bank", life=number, targets=["settlement"]),
        sent("write", "bank", life=number, targets=["public.processed"]),
        sent("commit", "bank", life=number, targets=[]),
        sent("POST", "gateway", life=number, identity="e1", idempotency_key=key),
        sent("Produce", life=number, transactional_id=name, **produced),
        sent("TxnOffsetCommit", life=number, group="settlement", member_id="m", generation=3, api_version=3),
        sent("EndTxn", life=number, committed=True, api_version=1),
    ]


def seen(*trials: list[Event]):
    return observed("run", trials, [], ["bank", "gateway"])


def test_a_sound_life_and_its_restart() -> None:
    found = seen([*life(1), *life(2)])
    assert (found.trials, found.starts, found.restarts) == (1, 2, 1)
    assert (found.transactional_ids, found.same_after_restart) == (["app-0"], True)
    assert (found.offsets_in_the_transaction, found.offsets_with_generation) == (True, True)
    assert (found.records_inside, found.records_outside) == ({"settled": 4}, {})
    assert (found.protocol, found.api_versions["Produce"], found.clients) == (1, [10], ["client 1.0"])
    assert (found.transaction_timeout_ms, found.session_timeout_ms, found.max_poll_interval_ms) == (
        [60_000], [45_000], [300_000]
    )  # fmt: skip
    (fetch,) = found.fetches
    assert (fetch.client_id, fetch.groups, fetch.topics, fetch.isolation_level) == (
        "c", ["settlement"], ["authorized"], "read_committed"
    )  # fmt: skip
    assert [f.tables for f in found.places["bank"].footprints] == [["processed", "settlement"]]
    keys = found.places["gateway"].keys
    assert keys is not None
    assert (keys.again, keys.changed, keys.random) == (1, 0, False)


def test_ids_that_differ_between_trials_are_not_taken_for_restarts() -> None:
    assert seen(life(1), life(1, name="app-1")).same_after_restart is None
    assert seen([*life(1), *life(2, name="app-1")]).same_after_restart is False
    joined = [Happened(t=0, what="started", fields={"life": number, "instance": number - 1}) for number in (1, 2)]
    beside = seen([*life(1), *life(2, name="app-1"), *joined])
    assert (beside.same_after_restart, beside.restarts) == (None, 0), "a second instance is no restart of the first"


def test_a_processor_without_transactions() -> None:
    plain = [e for e in life(1, name=None) if not (isinstance(e, Wire) and e.kind in {"TxnOffsetCommit", "EndTxn"})]
    found = seen([*plain, sent("OffsetCommit", group="settlement")])
    assert found.offsets_in_the_transaction is False
    assert found.records_outside == {"settled": 2}
    assert found.protocol is None


@pytest.mark.parametrize("fields", [{"member_id": "", "generation": -1}, {"member_id": "m"}, {}])
def test_positions_without_a_generation_are_told(fields: dict[str, Any]) -> None:
    found = seen([*life(1), sent("TxnOffsetCommit", group="settlement", **fields)])
    assert found.offsets_with_generation is False


def test_a_key_that_is_drawn_anew_is_told_even_before_anything_is_redelivered() -> None:
    drawn = seen(life(1, key="0b9f5a53-5a46-4d6a-9a04-2b1c8f0d7a11")).places["gateway"].keys
    assert drawn is not None
    assert drawn.random
    both = seen([*life(1), *life(2, key="k2")]).places["gateway"].keys
    assert both is not None
    assert both.changed == 1


def test_what_was_rolled_back_left_no_footprint() -> None:
    rolled_back = [sent("write", "bank", targets=["audit"]), sent("rollback", "bank")]
    assert len(seen([*rolled_back, *life(1)]).places["bank"].footprints) == 1


@pytest.mark.parametrize(
    ("transactions", "effect_tables", "expected"),
    [
        ([("done", "processed")], ("done",), ()),
        ([("done",), ("processed",)], ("done",), ("done",)),
        ([("done",), ("processed",)], (), ("done",)),
        ([("done",), ("audit", "processed")], ("done",), ("done",)),
        ([("done",), ("audit", "processed")], (), ()),
        ([("done",)], ("done",), ()),
        ([("processed",)], ("processed",), ()),
    ],
)
def test_an_effect_apart_from_its_dedupe_row(transactions, effect_tables, expected) -> None:
    assert apart(transactions, "public.processed", effect_tables) == expected


def test_the_tables_of_a_query() -> None:
    query = "select a.id, count(*) from public.done a join \"Other\" b using (id) where x = 'from nowhere' group by 1"
    assert tables_read(query, "postgresql") == ("done", "other")
