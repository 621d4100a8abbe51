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

    app.run()

Names are imported when they are first asked for: the command line need not load a Kafka client, and only `Postgres`
needs psycopg.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oncewhere.effects.effect import Effect, effect
    from oncewhere.effects.policy import DedupeTable, OffsetLedger
    from oncewhere.effects.postgres import Postgres
    from oncewhere.errors import (
        ConfigurationError,
        DeserializationError,
        DuplicateEvent,
        FencedError,
        HandlerError,
        LedgerRefusedError,
        NoProgressError,
        OncewhereError,
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
    "DedupeTable": "oncewhere.effects.policy",
    "Effect": "oncewhere.effects.effect",
    "OffsetLedger": "oncewhere.effects.policy",
    "Postgres": "oncewhere.effects.postgres",
    "Processor": "oncewhere.runtime.processor",
    "RandomIdentity": "oncewhere.runtime.identity",
    "Record": "oncewhere.records",
    "Records": "oncewhere.records",
    "StableOrdinal": "oncewhere.runtime.identity",
    "DeadLetter": "oncewhere.runtime.rejection",
    "Skip": "oncewhere.runtime.rejection",
    "Stop": "oncewhere.runtime.rejection",
    "Transaction": "oncewhere.runtime.transaction",
    "effect": "oncewhere.effects.effect",
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
    "ConfigurationError",
    "DeadLetter",
    "DedupeTable",
    "DeserializationError",
    "DuplicateEvent",
    "Effect",
    "FencedError",
    "HandlerError",
    "LedgerRefusedError",
    "NoProgressError",
    "OffsetLedger",
    "OncewhereError",
    "Postgres",
    "Processor",
    "RandomIdentity",
    "Record",
    "RecordError",
    "Records",
    "ReplayError",
    "Skip",
    "StableOrdinal",
    "Stop",
    "Transaction",
    "UnreachableError",
    "effect",
]


def __getattr__(name: str) -> object:
    """Imports an exported name when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
