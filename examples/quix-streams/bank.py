"""A payment comes in; the `PaymentSettled` to produce goes out, once the database has committed. Two ways to do it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
from psycopg.types.json import Json

Event = dict[str, Any]


def unprotected(db: psycopg.Connection, payment: Event) -> Event:
    """How it is usually written: the database commits, and a redelivered payment is settled again."""
    with db.transaction():
        settled = _charge(db, payment)
        db.execute("insert into processed_event (event_id) values (%s)", (payment["event_id"],))
    return settled


def recorded(db: psycopg.Connection, payment: Event) -> Event:
    """A dedupe row commits with the effect and holds the output, which answers a redelivery.

    A zombie that works on the same payment loses on the primary key.
    """
    with db.transaction():
        found = db.execute(
            "select settled::json from processed_event where event_id = %s", (payment["event_id"],)
        ).fetchone()
        if found is not None:
            return dict(found[0])
        settled = _charge(db, payment)
        db.execute(
            "insert into processed_event (event_id, settled) values (%s, %s::json::text)",
            (payment["event_id"], Json(settled)),
        )
    return settled


def _charge(db: psycopg.Connection, payment: Event) -> Event:
    """Charges the account and writes the settlement; doing it twice takes the money twice."""
    amount = Decimal(payment["amount"])
    row = db.execute(
        "insert into account values (%s, -%s::numeric) on conflict (account_id)"
        " do update set balance = account.balance + excluded.balance returning balance",
        (payment["account_id"], amount),
    ).fetchone()
    assert row is not None  # noqa: S101  # an upsert always returns its row
    db.execute(
        "insert into settlement (event_id, payment_id, account_id, amount) values (%s, %s, %s, %s)",
        (payment["event_id"], payment["payment_id"], payment["account_id"], amount),
    )
    settled = {name: payment[name] for name in ("event_id", "payment_id", "account_id", "amount")}
    return settled | {"balance": str(row[0])}
