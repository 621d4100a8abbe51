"""The records: a number in, a payment as JSON out, on one of `PARTITIONS` partitions, in the order of its business key.

Payment `i` belongs to order `order_of(i)`, and everything else about it follows from `i`: so a reader of the output can
tell for each record whether it is complete and unchanged.
"""

from __future__ import annotations

PARTITIONS = 4
ORDERS = 50_000
STRIDE = 7919  # a prime: neighbours belong to different orders, and each partition gets the same number of records
START_MS = 1_700_000_000_000
MEMO = "pad pad pad pad"


def order_of(i: int) -> int:
    """The order that payment `i` belongs to."""
    return i * STRIDE % ORDERS


def key_of(i: int) -> bytes:
    """The record's key."""
    return b"%08d" % order_of(i)


def partition_of(i: int) -> int:
    """By order, so that an order's payments keep their sequence; and evenly, so that two processes share fairly."""
    return order_of(i) % PARTITIONS


def authorized(i: int, ts: int | None = None) -> bytes:
    """Payment `i` as it is consumed: 150 bytes of JSON.

    Args:
        i: its number.
        ts: what stands in `ts`; by default it follows from `i`.
    """
    return (
        b'{"event_id":"e%010d","type":"PaymentAuthorized","order_id":"%08d","amount":%d.25,"currency":"EUR","ts":%d,'
        b'"memo":"%s"}'
    ) % (i, order_of(i), i % 1000, START_MS + i if ts is None else ts, MEMO.encode())
