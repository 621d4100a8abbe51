"""What can be declared, and what a declaration says; nothing here needs a server."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import types
import uuid
from typing import Any

import msgspec
import psycopg
import pytest

from oncewhere import (
    ConfigurationError,
    DedupeTable,
    Http,
    IdempotencyKey,
    Limits,
    OffsetLedger,
    Outbox,
    Postgres,
    Processor,
    Record,
    Transaction,
    effect,
)
from oncewhere.effects.policy import Policy
from oncewhere.runtime.batch import Batch, staging
from oncewhere.runtime.discovery import effects_of
from oncewhere.runtime.subscription import subscription

Db = psycopg.Connection[Any]
bank = Postgres("postgresql://localhost/bank", name="bank", policy=OffsetLedger())
audit = Postgres("postgresql://localhost/audit", name="audit", policy=DedupeTable("processed_event"))


class Payment(msgspec.Struct):
    event_id: str
    amount: int


@effect(bank)
def settle(db: Db, payment: Payment) -> int:
    return payment.amount


@effect(audit)
def note(db: Db, payment: Payment) -> None:
    return None


module = types.ModuleType("effects_of_a_user")
module.note = note  # type: ignore[attr-defined]


def helper(record: Record[Payment], tx: Transaction) -> None:
    tx.run(settle, record.value)


def processor() -> Processor:
    return Processor({"bootstrap.servers": "localhost:9092"}, group_id="settlement", transactional_id="settlement-0")


def test_a_declaration_says_what_is_claimed() -> None:
    app = processor()

    @app.consume("payment-authorized", Payment, identity="event_id")
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.run(settle, record.value)
        tx.run(note, record.value)

    said = app.declaration()
    assert (said.group_id, said.transactional_id, said.isolation_level) == (
        "settlement",
        "settlement-0",
        "read_committed",
    )
    assert [(t.name, t.value_type, t.identity) for t in said.topics] == [("payment-authorized", "Payment", "event_id")]
    by_name = {e.name: e for e in said.effects}
    assert (by_name["settle"].place, by_name["settle"].system, by_name["settle"].policy) == (
        "bank",
        "postgresql",
        "offset-ledger",
    )
    assert by_name["settle"].identity is None
    assert by_name["note"].identity == "event_id"
    assert "redelivered" in by_name["note"].guarantee
    msgspec.json.encode(said)


def test_effects_are_found_by_name_through_helpers_modules_closures_and_lambdas() -> None:
    local = settle

    def by_name(record: Any, tx: Transaction) -> None:
        tx.run(settle, record.value)

    def by_helper(record: Any, tx: Transaction) -> None:
        helper(record, tx)

    def by_module(record: Any, tx: Transaction) -> None:
        tx.run(module.note, record.value)

    def by_closure(record: Any, tx: Transaction) -> None:
        tx.run(local, record.value)

    def by_inner(record: Any, tx: Transaction) -> None:
        [tx.run(settle, value) for value in (record.value,)]

    class Handler:
        def __call__(self, record: Any, tx: Transaction) -> None:
            tx.run(settle, record.value)

        def method(self, record: Any, tx: Transaction) -> None:
            tx.run(note, record.value)

    for handler in (
        by_name,
        by_helper,
        by_closure,
        by_inner,
        lambda record, tx: tx.run(settle, record.value),
        Handler(),
    ):
        assert effects_of(handler) == [settle], handler
    assert effects_of(by_module) == [note]
    assert effects_of(Handler().method) == [note]
    assert effects_of(lambda record, tx: tx.produce("out", record.value)) == []


def test_an_identity_is_needed_where_the_policy_goes_by_it() -> None:
    app = processor()

    @app.consume("payment-authorized", Payment)
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.run(note, record.value)

    with pytest.raises(ConfigurationError, match="topic 'payment-authorized' names none"):
        app.declaration()


def test_an_identity_that_the_type_does_not_have_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no field 'event_idd'.*Did you mean 'event_id'"):
        processor().consume("in", Payment, identity="event_idd")(lambda record, tx: None)


@dataclasses.dataclass
class Plain:
    n: int


@pytest.mark.parametrize(
    ("value_type", "identity", "value", "text"),
    [
        (Payment, "event_id", Payment("e1", 1), "e1"),
        (Plain, "n", Plain(7), "7"),
        (dict, "id", {"id": "x"}, "x"),
        (bytes, lambda value: value.decode(), b"raw", "raw"),
        (Payment, lambda value: uuid.UUID(int=1), Payment("e1", 1), str(uuid.UUID(int=1))),
        (Payment, "event_id", None, None),
    ],
)
def test_an_identity_is_text(value_type: Any, identity: Any, value: Any, text: str | None) -> None:
    declared = subscription("in", value_type, lambda record, tx: None, identity=identity, effects=None)
    assert declared.identity is not None
    assert declared.identity(value) == text


def test_an_identity_of_bytes_is_refused() -> None:
    declared = subscription("in", bytes, lambda record, tx: None, identity=lambda value: value, effects=None)
    assert declared.identity is not None
    with pytest.raises(TypeError, match="not bytes"):
        declared.identity(b"raw")


def test_two_effects_of_one_name_at_one_place_are_refused() -> None:
    other = effect(bank, name="settle")(lambda db: None)
    app = processor()
    app.consume("in", Payment, effects=[settle, other])(lambda record, tx: None)
    with pytest.raises(ConfigurationError, match="Two effects at 'bank' are called 'settle'"):
        app.run()


def test_two_places_of_one_name_are_refused() -> None:
    other = effect(Postgres("postgresql://localhost/b", name="bank", policy=OffsetLedger()), name="b")(settle.function)
    app = processor()
    app.consume("in", Payment, effects=[settle, other])(lambda record, tx: None)
    with pytest.raises(ConfigurationError, match="Two places are called 'bank'"):
        app.run()


def test_a_topic_has_one_handler() -> None:
    app = processor()
    app.consume("in", bytes)(lambda record, tx: None)
    with pytest.raises(ConfigurationError, match="has a handler already"):
        app.consume("in", bytes)


def test_a_processor_without_handlers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="consumes nothing"):
        processor().run()


def test_a_type_that_cannot_be_decoded_to_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be decoded"):
        processor().consume("in", Postgres)(lambda record, tx: None)


def test_an_effect_that_the_handler_is_not_known_to_use_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"effects=\[…\]"):
        Transaction().run(settle, Payment("e1", 1))


def test_outputs_are_encoded_when_they_are_produced() -> None:
    tx, outputs = Transaction(), []
    tx.to(lambda *arguments: outputs.append(arguments))
    payment = Payment("e1", 1)
    tx.produce("t", payment, key="ключ", headers=[("a", "x"), ("a", None)], partition=2, timestamp_ms=7)
    tx.produce("t", payment, key=b"k")
    payment.amount = 2
    tx.produce("t", None)
    assert outputs == [
        ("t", b'{"event_id":"e1","amount":1}', "ключ", 2, None, None, 7, [("a", "x"), ("a", None)]),
        ("t", b'{"event_id":"e1","amount":1}', b"k"),
        ("t", None, None),
    ]
    assert tx.sent == 3
    tx.produce_batch("t", [payment, b"raw", None], ["a", b"b", None])
    assert outputs[3:] == [("t", b'{"event_id":"e1","amount":2}', "a"), ("t", b"raw", b"b"), ("t", None, None)]
    with pytest.raises(ValueError, match="2 values and 1 keys"):
        tx.produce_batch("t", [1, 2], [b"k"])
    assert tx.sent == 6


def test_an_output_that_waits_is_refused_while_its_record_can_be_blamed() -> None:
    batch = Batch(opened_at=0.0)
    tx = Transaction()
    tx.to(staging(batch, 10))
    tx.produce("t", b"x" * 9, b"k")
    with pytest.raises(ValueError, match=r"message\.max\.bytes"):
        tx.produce("t", b"x" * 9, b"kk")
    with pytest.raises(ValueError, match="11 bytes"):
        tx.produce("t", b"x" * 3, "ключ")
    with pytest.raises(TypeError, match="a key is bytes"):
        tx.produce("t", 1, key=7)  # type: ignore[arg-type]
    assert len(batch.staged) == 1
    assert batch.size == 10, "and what waits is counted"


def test_importing_the_package_loads_neither_kafka_nor_postgresql() -> None:
    check = "import sys, oncewhere; assert not {'confluent_kafka', 'psycopg'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_postgres_without_psycopg_says_what_to_install() -> None:
    check = (
        "import sys; sys.modules['psycopg'] = None\n"
        "import oncewhere; from oncewhere import Processor, effect, OffsetLedger\n"
        "try: oncewhere.Postgres\n"
        "except oncewhere.ConfigurationError as error: assert 'oncewhere[postgresql]' in str(error)\n"
        "else: raise SystemExit('no error')"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_place_that_waits_longer_than_kafka_is_refused() -> None:
    bank = Postgres(
        "postgresql://localhost/x", name="bank", policy=OffsetLedger(), idle_in_transaction_timeout_ms=9_000
    )

    @effect(bank)
    def settle(db: psycopg.Connection[Any]) -> None: ...

    app = Processor(
        {"bootstrap.servers": "127.0.0.1:1", "transaction.timeout.ms": 9_000},
        group_id="g",
        transactional_id="t",
    )
    app.consume("payments", bytes, effects=[settle])(lambda record, tx: None)
    with pytest.raises(ConfigurationError, match=r"'bank' .* not below transaction\.timeout\.ms=9000"):
        app.run()


@pytest.mark.parametrize("policy", [IdempotencyKey(), Outbox("letters", then=IdempotencyKey())])
def test_a_call_that_may_outlast_the_groups_patience_is_refused_where_it_is_made(policy: Policy) -> None:
    limits = Limits(total_s=9.0, attempt_timeout_s=2.0)

    @effect(Http("http://localhost:1", name="gateway", policy=policy, limits=limits))
    def charge(http: Any) -> None: ...

    def app(poll_ms: int) -> Processor:
        made = Processor(
            {"bootstrap.servers": "127.0.0.1:1", "max.poll.interval.ms": poll_ms, "transaction.timeout.ms": 9_000},
            group_id="g",
            transactional_id="t",
        )
        made.consume("payments", Payment, identity="event_id", effects=[charge])(lambda record, tx: None)
        return made

    assert set(app(11_001).places()) == {"gateway"}
    if isinstance(policy, Outbox):
        assert set(app(11_000).places()) == {"gateway"}, "another processor makes its calls"
        return
    with pytest.raises(
        ConfigurationError, match=r"'gateway' may take 11000 ms .* max\.poll\.interval\.ms=11000"
    ) as refused:
        app(11_000).places()
    assert "Limits(…)" in (refused.value.hint or "")
