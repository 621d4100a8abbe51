"""Exactly once, where? Run, crash-test and document Kafka processors that touch more than Kafka.

A processor that ships:

    bank = Postgres("postgresql://localhost/bank", name="bank", policy=OffsetLedger())
    app = Processor(
        {"bootstrap.servers": "localhost:9092"}, group_id="settlement", transactional_id="settlement-0"
    )

    @effect(bank)
    def settle(db: psycopg.Connection, payment: PaymentAuthorized) -> PaymentSettled: ...

    @app.consume("payment-authorized", PaymentAuthorized)
    def on_payment_authorized(record: Record[PaymentAuthorized], tx: Transaction) -> None:
        settled = tx.run(settle, record.value)  # on redelivery: the recorded result, no second UPDATE
        tx.produce("payment-settled", settled, key=settled.payment_id)

    if __name__ == "__main__":  # `oncewhere drill` imports the module for what it declares
        app.run()

Names are imported when they are first asked for: the command line need not load a Kafka client, and only a
place needs the driver of its system.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oncewhere.effects.effect import Effect, effect, effect_many
    from oncewhere.effects.function import Function
    from oncewhere.effects.http import Http
    from oncewhere.effects.idempotency import Derive
    from oncewhere.effects.intents import Attempt
    from oncewhere.effects.mysql import MySql
    from oncewhere.effects.policy import (
        AtLeastOnce,
        AtMostOnce,
        Compensate,
        DedupeTable,
        IdempotencyKey,
        OffsetLedger,
        Outbox,
        UniqueConstraint,
    )
    from oncewhere.effects.postgres import Postgres
    from oncewhere.effects.redis import Redis
    from oncewhere.effects.repetition import Limits
    from oncewhere.effects.smtp import Smtp
    from oncewhere.effects.sqlalchemy import SqlAlchemy, SqlAlchemyCore
    from oncewhere.effects.sqlite import Sqlite
    from oncewhere.errors import (
        ConfigurationError,
        DeserializationError,
        DuplicateEvent,
        EffectInDoubt,
        FencedError,
        HandlerError,
        LedgerRefusedError,
        NoProgressError,
        NotDone,
        OncewhereError,
        OutcomeUnknown,
        RecordError,
        ReplayError,
        UnreachableError,
    )
    from oncewhere.records import Record, Records
    from oncewhere.runtime.identity import RandomIdentity, StableOrdinal
    from oncewhere.runtime.processor import Processor
    from oncewhere.runtime.rejection import DeadLetter, Skip, Stop
    from oncewhere.runtime.transaction import Transaction

_ERRORS = "oncewhere.errors"
_HOMES = {
    "AtLeastOnce": "oncewhere.effects.policy",
    "AtMostOnce": "oncewhere.effects.policy",
    "Attempt": "oncewhere.effects.intents",
    "Compensate": "oncewhere.effects.policy",
    "Derive": "oncewhere.effects.idempotency",
    "Function": "oncewhere.effects.function",
    "Http": "oncewhere.effects.http",
    "IdempotencyKey": "oncewhere.effects.policy",
    "Limits": "oncewhere.effects.repetition",
    "Smtp": "oncewhere.effects.smtp",
    "EffectInDoubt": _ERRORS,
    "NotDone": _ERRORS,
    "OutcomeUnknown": _ERRORS,
    "MySql": "oncewhere.effects.mysql",
    "SqlAlchemy": "oncewhere.effects.sqlalchemy",
    "SqlAlchemyCore": "oncewhere.effects.sqlalchemy",
    "Sqlite": "oncewhere.effects.sqlite",
    "UniqueConstraint": "oncewhere.effects.policy",
    "DedupeTable": "oncewhere.effects.policy",
    "Effect": "oncewhere.effects.effect",
    "OffsetLedger": "oncewhere.effects.policy",
    "Outbox": "oncewhere.effects.policy",
    "Postgres": "oncewhere.effects.postgres",
    "Processor": "oncewhere.runtime.processor",
    "RandomIdentity": "oncewhere.runtime.identity",
    "Record": "oncewhere.records",
    "Records": "oncewhere.records",
    "Redis": "oncewhere.effects.redis",
    "StableOrdinal": "oncewhere.runtime.identity",
    "DeadLetter": "oncewhere.runtime.rejection",
    "Skip": "oncewhere.runtime.rejection",
    "Stop": "oncewhere.runtime.rejection",
    "Transaction": "oncewhere.runtime.transaction",
    "effect": "oncewhere.effects.effect",
    "effect_many": "oncewhere.effects.effect",
    "ConfigurationError": _ERRORS,
    "DeserializationError": _ERRORS,
    "DuplicateEvent": _ERRORS,
    "FencedError": _ERRORS,
    "HandlerError": _ERRORS,
    "LedgerRefusedError": _ERRORS,
    "NoProgressError": _ERRORS,
    "OncewhereError": _ERRORS,
    "RecordError": _ERRORS,
    "ReplayError": _ERRORS,
    "UnreachableError": _ERRORS,
}

__all__ = [
    "AtLeastOnce",
    "AtMostOnce",
    "Attempt",
    "Compensate",
    "ConfigurationError",
    "DeadLetter",
    "DedupeTable",
    "Derive",
    "DeserializationError",
    "DuplicateEvent",
    "Effect",
    "EffectInDoubt",
    "FencedError",
    "Function",
    "HandlerError",
    "Http",
    "IdempotencyKey",
    "LedgerRefusedError",
    "Limits",
    "MySql",
    "NoProgressError",
    "NotDone",
    "OffsetLedger",
    "OncewhereError",
    "Outbox",
    "OutcomeUnknown",
    "Postgres",
    "Processor",
    "RandomIdentity",
    "Record",
    "RecordError",
    "Records",
    "Redis",
    "ReplayError",
    "Skip",
    "Smtp",
    "SqlAlchemy",
    "SqlAlchemyCore",
    "Sqlite",
    "StableOrdinal",
    "Stop",
    "Transaction",
    "UniqueConstraint",
    "UnreachableError",
    "effect",
    "effect_many",
]


def __getattr__(name: str) -> object:
    """Imports an exported name when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
