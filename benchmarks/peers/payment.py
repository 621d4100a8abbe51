"""The typed record of the peers that decode with msgspec: JSON in, JSON out."""

from __future__ import annotations

import msgspec


class Payment(msgspec.Struct, gc=False):
    """A payment; `status` is empty until it is settled."""

    event_id: str
    type: str
    order_id: str
    amount: float
    currency: str
    ts: int
    memo: str
    status: str = ""
