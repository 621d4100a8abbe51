"""A payment comes in; the `PaymentSettled` to produce goes out, once the database has committed. Two ways to do it."""

from __future__ import annotations

import json
from decimal import Decimal

import asyncpg


async def unprotected(db: asyncpg.Connection, payment: dict[str, str]) -> bytes:
    """How it is usually written: the database commits, and a redelivered payment is settled again."""
    async with db.transaction():
        settled = await _charge(db, payment)
        await db.execute("insert into processed_event (event_id) values ($1)", payment["event_id"])
    return settled.encode()


async def recorded(db: asyncpg.Connection, payment: dict[str, str]) -> bytes:
    """A dedupe row commits with the effect and holds the output, which answers a redelivery.

    A zombie that works on the same payment loses on the primary key.
    """
    async with db.transaction():
        settled = await db.fetchval("select settled from processed_event where event_id = $1", payment["event_id"])
        if settled is None:
            settled = await _charge(db, payment)
            await db.execute(
                "insert into processed_event (event_id, settled) values ($1, $2)", payment["event_id"], settled
            )
    return str(settled).encode()


async def _charge(db: asyncpg.Connection, payment: dict[str, str]) -> str:
    """Charges the account and writes the settlement; doing it twice takes the money twice."""
    amount = Decimal(payment["amount"])
    balance = await db.fetchval(
        "insert into account values ($1, -$2::numeric) on conflict (account_id)"
        " do update set balance = account.balance + excluded.balance returning balance",
        payment["account_id"],
        amount,
    )
    await db.execute(
        "insert into settlement (event_id, payment_id, account_id, amount) values ($1, $2, $3, $4)",
        payment["event_id"],
        payment["payment_id"],
        payment["account_id"],
        amount,
    )
    settled = {name: payment[name] for name in ("event_id", "payment_id", "account_id", "amount")}
    return json.dumps(settled | {"balance": str(balance)})
