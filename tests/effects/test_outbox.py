"""The outbox: a call becomes a letter in one processor, with its own id; another performs it, by the policy named."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from systems import Database

from oncewhere import (
    AtLeastOnce,
    AtMostOnce,
    ConfigurationError,
    DedupeTable,
    Derive,
    Function,
    Http,
    IdempotencyKey,
    OffsetLedger,
    Outbox,
    Processor,
    Record,
    Records,
    Transaction,
    effect,
)
from oncewhere.effects.outbox import Letter, Reply
from oncewhere.errors import RecordError
from oncewhere.testing import FakeTransaction

if TYPE_CHECKING:
    from oncewhere.effects.policy import Policy


class Payment(msgspec.Struct, frozen=True):
    event_id: str
    amount: Decimal


def application(policy: Policy, *, answered: bool = False) -> tuple[Processor, Function, Any, Any]:
    gateway = Function("gateway", policy=policy)
    made: list[tuple[str, str, Decimal]] = []

    def call(key: str, payment: Payment, note: str = "") -> str:
        made.append((key, payment.event_id + note, payment.amount))
        return f"receipt of {payment.event_id}"

    def silent(key: str, payment: Payment, note: str = "") -> None:
        call(key, payment, note)

    capture = effect(gateway, name="capture")(call if answered else silent)
    app = Processor({"bootstrap.servers": "h:1"}, group_id="app", transactional_id="app-0")

    @app.consume("payments", Payment, identity="event_id", effects=[capture])
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        assert tx.run(capture, record.value) is None
        tx.run(capture, record.value, note=" again")

    return app, gateway, on_payment, made


def letters(handler: Any, record: Record[Payment], **options: Any) -> list[Letter]:
    tx = FakeTransaction(record, identity="event_id", **options)
    handler(record, tx)
    assert {output.topic for output in tx.outputs} == {"captures"}
    assert {output.key for output in tx.outputs} == {record.key}
    return [msgspec.json.decode(output.value, type=Letter) for output in tx.outputs]


PAYMENT = Record.of(Payment("e1", Decimal("7.10")), topic="payments", offset=3, key=b"account-1")
ELSEWHERE = Record.of(Payment("e1", Decimal("7.10")), topic="payments", offset=9, key=b"account-1")


def test_a_call_is_a_letter_whose_id_is_the_event_s_and_not_the_delivery_s() -> None:
    _, _, handler, made = application(Outbox("captures", then=IdempotencyKey()))
    first = letters(handler, PAYMENT)
    assert [one.effect for one in first] == ["capture", "capture"]
    assert bytes(first[1].arguments) == b'{"payment":{"event_id":"e1","amount":"7.10"},"note":" again"}'
    assert first[0].id != first[1].id
    assert [one.id for one in letters(handler, ELSEWHERE)] == [one.id for one in first]
    assert made == [], "nothing is called here"
    _, _, handler, _ = application(Outbox("captures", then=IdempotencyKey(derive=Derive.POSITION)))
    assert [one.id for one in letters(handler, ELSEWHERE)] != [one.id for one in letters(handler, PAYMENT)]


def test_the_second_processor_performs_letters_under_the_policy_that_was_named() -> None:
    app, gateway, handler, made = application(
        Outbox("captures", then=IdempotencyKey(), answers="captured"), answered=True
    )
    second = app.outbox(gateway, transactional_id="app-gateway-0")
    declared = second.declaration()
    assert (declared.group_id, declared.outputs) == ("app-gateway", ("captured",))
    assert [(one.place, one.policy, one.identity) for one in declared.effects] == [("gateway", "idempotency-key", "id")]
    assert app.declaration().outputs == ("captures",)
    assert [(one.policy, one.system) for one in app.declaration().effects] == [("outbox", "callable")]

    sent = letters(handler, PAYMENT)
    records = [Record.of(one, topic="captures", offset=nth, key=b"account-1") for nth, one in enumerate(sent)]
    given = Records([one.value for one in records], [one.message for one in records])
    subscription = second._subscriptions["captures"]
    tx = FakeTransaction(given, identity="id", connections={"gateway": "the key"})
    subscription.handler(given, tx)  # type: ignore[arg-type]  # a batch handler
    assert made == [("the key", "e1", Decimal("7.10")), ("the key", "e1 again", Decimal("7.10"))]
    assert [output.value for output in tx.outputs] == [
        Reply(one.id, "capture", msgspec.Raw(b'"receipt of e1"')) for one in sent
    ]
    stranger = Records([Letter("x", "refund", msgspec.Raw(b"{}"))], [records[0].message])
    with pytest.raises(RecordError, match="a letter to effect 'refund', and there are capture"):
        subscription.handler(stranger, FakeTransaction(stranger, identity="id"))  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused_where_it_is_declared_or_put_in() -> None:
    gateway = Function("gateway", policy=Outbox("captures", then=IdempotencyKey()))

    @effect(gateway)
    def answering(key: str, payment: Payment) -> str:
        return key

    @effect(gateway)
    def untyped(key: str, payment) -> None:  # type: ignore[no-untyped-def]
        """Takes what it gets."""

    @effect(gateway)
    def many(key: str, *payments: Payment) -> None:
        """Takes all."""

    @effect(gateway)
    def odd(key: str, payment: Database) -> None:
        """Takes what nobody can carry."""

    for one, told in (
        (answering, "nobody hears of it"),
        (untyped, "payment has no type"),
        (many, "any number of arguments"),
        (odd, "cannot be written down"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            _ = one.codec
    _, _, handler, _ = application(Outbox("captures", then=IdempotencyKey()))
    wrong = Record.of(Payment(5, Decimal(1)), topic="payments")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"does not fit its parameters: .*event_id"):
        letters(handler, wrong)


def test_policies_that_do_not_perform_calls_are_refused_and_so_is_an_outbox_of_nobody() -> None:
    with pytest.raises(ConfigurationError, match="needs the policy by which its calls are performed"):
        Outbox("captures", then=DedupeTable("t"))
    with pytest.raises(ConfigurationError, match="which is no SQL place"):
        Http("http://h", name="gateway", policy=Outbox("captures", then=AtMostOnce(claims=5)))  # type: ignore[arg-type]
    app, _, _, _ = application(Outbox("captures", then=AtLeastOnce(acknowledged="a test")))
    other = Function("other", policy=Outbox("others", then=IdempotencyKey()))
    with pytest.raises(ConfigurationError, match="No handler of this processor has an effect at 'other'"):
        app.outbox(other, transactional_id="t")
    plain = Function("plain", policy=IdempotencyKey())
    with pytest.raises(ConfigurationError, match="nothing waits in an outbox"):
        app.outbox(plain, transactional_id="t")


def test_claims_of_an_outbox_are_looked_after_in_the_second_processor(sqlite: Database) -> None:
    claims: Any = sqlite.place(OffsetLedger())
    app, gateway, _, _ = application(Outbox("captures", then=AtMostOnce(claims=claims, derive=Derive.POSITION)))
    (place,) = app.outbox(gateway, transactional_id="t").places().values()
    assert place.policy == AtMostOnce(claims=claims, derive=Derive.IDENTITY)
    assert gateway.policy.name == "outbox", "the first processor's own place is as it was"
