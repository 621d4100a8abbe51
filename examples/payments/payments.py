"""The events of the example: a payment was authorised; a payment was settled. Amounts are decimal text."""

from __future__ import annotations

import msgspec


class PaymentAuthorized(msgspec.Struct, frozen=True, kw_only=True):
    """What the payment gateway says: this much may be taken from this account.

    Attributes:
        event_id: the event's own identity; the same for every copy of the event.
        payment_id: the payment that it is about.
        account_id: the account that is charged.
        amount: a decimal number as text, such as `"12.50"`.
        currency: ISO 4217.
        merchant: a name for people.
        authorized_at: RFC 3339, UTC.
    """

    event_id: str
    payment_id: str
    account_id: str
    amount: str
    currency: str
    merchant: str
    authorized_at: str


class PaymentSettled(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody downstream waits for: the money has moved, and this is the balance after it.

    Attributes:
        event_id: the identity of the `PaymentAuthorized` that this settles.
        balance: the account's balance after the settlement, as text.
    """

    event_id: str
    payment_id: str
    account_id: str
    amount: str
    balance: str
