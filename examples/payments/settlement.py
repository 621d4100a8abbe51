"""The work itself, the same in every version: a payment comes in, the account is charged, the settlement goes out.

What differs between the versions is only what stands around this function.
"""

from __future__ import annotations

from decimal import Decimal

import psycopg

from payments import PaymentAuthorized, PaymentSettled


def settle(db: psycopg.Connection, payment: PaymentAuthorized) -> PaymentSettled:
    """Charges the account and writes the settlement; doing it twice takes the money twice."""
    amount = Decimal(payment.amount)
    row = db.execute(
        "insert into account values (%s, -%s::numeric) on conflict (account_id)"
        " do update set balance = account.balance + excluded.balance returning balance",
        (payment.account_id, amount),
    ).fetchone()
    assert row is not None  # noqa: S101  # an upsert always returns its row
    db.execute(
        "insert into settlement (event_id, payment_id, account_id, amount) values (%s, %s, %s, %s)",
        (payment.event_id, payment.payment_id, payment.account_id, amount),
    )
    return PaymentSettled(
        event_id=payment.event_id,
        payment_id=payment.payment_id,
        account_id=payment.account_id,
        amount=payment.amount,
        balance=str(row[0]),
    )
