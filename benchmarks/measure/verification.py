"""Is the output what it must be? Records of the output in, one by one; a finding out. No I/O.

Payment `i` must be there once, changed as the transform says and not otherwise, and after the payments of its order
that were before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from measure import payments

MOST = 255  # copies of one record that are told apart


class Settled(msgspec.Struct, gc=False):
    """A payment of the output, whoever wrote it."""

    event_id: str
    type: str
    order_id: str
    amount: float
    currency: str
    ts: int
    memo: str
    status: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands in the output.

    Attributes:
        expected: how many records there should be.
        count: how many there are.
        distinct: how many different ones.
        disordered: records that stand before one that should precede it (same key).
        changed: records whose key or content is not what it must be.
        hidden: offsets that a `read_committed` reader could not see within the limit: nobody knows what they hold.
    """

    expected: int
    count: int
    distinct: int
    disordered: int
    changed: int
    hidden: int

    @property
    def outcome(self) -> str:
        """`ok`, `bad`, or `unknown` where something is hidden and nothing is wrong with the rest."""
        if self.disordered or self.changed or self.count > self.distinct or self.distinct > self.expected:
            return "bad"
        if self.hidden:
            return "unknown"
        return "ok" if self.distinct == self.expected else "bad"

    def __str__(self) -> str:
        parts = [
            (self.expected - self.distinct, "lost"),
            (self.count - self.distinct, "duplicated"),
            (self.disordered, "out of order"),
            (self.changed, "changed"),
            (self.hidden, "hidden"),
        ]
        said = ", ".join(f"{number:,} {what}" for number, what in parts if number)
        return said or f"all {self.count:,} once, in order, unchanged"


class Verification:
    """Takes the output's records in the order of each partition.

    Args:
        expected: payments 0 to `expected` - 1 should be there.
        values: `json` (settled) or `bytes` (as they were).
    """

    def __init__(self, expected: int, values: str) -> None:
        self._expected = expected
        self._passed_on = values == "bytes"
        self._copies = bytearray(expected)
        self._last = [-1] * payments.ORDERS
        self._count = self._foreign = self._disordered = self._changed = 0
        self._decode = msgspec.json.Decoder(Settled).decode

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """The next record."""
        self._count += 1
        i = self._number(key, value)
        if i is None or i >= self._expected:
            self._changed += 1
            self._foreign += 1
            return
        if self._copies[i] < MOST:
            self._copies[i] += 1
        order = payments.order_of(i)
        if self._last[order] > i:
            self._disordered += 1
        else:
            self._last[order] = i

    def finding(self, hidden: int = 0) -> Finding:
        """What was found so far.

        Args:
            hidden: offsets that could not be seen.
        """
        distinct = self._expected - self._copies.count(0)
        count = self._count - self._foreign
        return Finding(self._expected, count, distinct, self._disordered, self._changed, hidden)

    def _number(self, key: bytes | None, value: bytes | None) -> int | None:
        """Which payment it is; None when it is none, or not as it must be."""
        try:
            payment = self._decode(value or b"")
            i = int(payment.event_id[1:])
        except (msgspec.MsgspecError, ValueError):
            return None
        if key != payments.key_of(i):
            return None
        if self._passed_on:
            return i if value == payments.authorized(i) else None
        as_it_must_be = (
            payment.type == "PaymentSettled"
            and payment.status == "settled"
            and payment.ts == payments.START_MS + i
            and payment.amount == i % 1000 + 0.25
            and payment.order_id == f"{payments.order_of(i):08d}"
            and payment.currency == "EUR"
            and payment.memo == payments.MEMO
        )
        return i if as_it_must_be else None
