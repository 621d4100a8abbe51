"""What a Python peer is asked to do: the environment in; a `Job`, and the transform as a function of bytes, out.

Needs the standard library only: each peer has an environment of its own. Every peer reads the same variables, in
whatever language: PEER_BOOTSTRAP_SERVERS, PEER_INPUT, PEER_OUTPUT, PEER_GROUP, PEER_TRANSACTIONAL_ID, PEER_VALUES,
PEER_COMMIT_MS, PEER_STATE_DIR; and, where it knows them, those that a spec sets (`peer:json=orjson` is PEER_JSON).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Transform = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Job:
    """One processor's work.

    Attributes:
        bootstrap_servers: the broker's address.
        input: the topic to consume.
        output: the topic to produce to.
        group: the consumer group.
        transactional_id: the producer's identity.
        values: `json`: decode, change two fields, encode; `bytes`: pass on.
        commit_s: how long a transaction is filled, in seconds.
        state_dir: a folder for what a peer keeps on disk.
        partitions: taken by hand instead of joining the group; empty: join.
        slow_s: how long handling one record takes, in seconds.
    """

    bootstrap_servers: str
    input: str
    output: str
    group: str
    transactional_id: str
    values: str
    commit_s: float
    state_dir: str
    partitions: tuple[int, ...]
    slow_s: float


def option(name: str, default: str = "") -> str:
    """What a spec sets for this peer."""
    return os.environ.get(f"PEER_{name}") or default


def job() -> Job:
    """The work that the environment describes."""
    return Job(
        bootstrap_servers=os.environ["PEER_BOOTSTRAP_SERVERS"],
        input=os.environ["PEER_INPUT"],
        output=os.environ["PEER_OUTPUT"],
        group=os.environ["PEER_GROUP"],
        transactional_id=os.environ["PEER_TRANSACTIONAL_ID"],
        values=option("VALUES", "json"),
        commit_s=int(option("COMMIT_MS", "100")) / 1000,
        state_dir=option("STATE_DIR", "."),
        partitions=tuple(int(number) for number in option("PARTITIONS").split(",") if number),
        slow_s=float(option("SLOW_MS", "0")) / 1000,
    )


def transform(values: str, library: str) -> Transform:
    """The work on one record.

    Args:
        values: `json` or `bytes`.
        library: `json`, `orjson` or `msgspec`, for JSON.
    """
    if values == "bytes":
        return lambda value: value
    return {"json": _by_json, "orjson": _by_orjson, "msgspec": _by_msgspec}[library]()


def slowed(change: Transform, slow_s: float) -> Transform:
    """The same work, but each record takes a while."""
    if not slow_s:
        return change

    def slow(value: bytes) -> bytes:
        time.sleep(slow_s)
        return change(value)

    return slow


def settle(payment: dict[str, Any]) -> dict[str, Any]:
    """The business logic, for those who have a dict."""
    payment["type"] = "PaymentSettled"
    payment["status"] = "settled"
    return payment


def _by_json() -> Transform:
    loads, encode = json.loads, json.JSONEncoder(separators=(",", ":")).encode
    return lambda value: encode(settle(loads(value))).encode()


def _by_orjson() -> Transform:
    import orjson  # noqa: PLC0415 - only some environments have it

    loads, dumps = orjson.loads, orjson.dumps
    return lambda value: dumps(settle(loads(value)))


def _by_msgspec() -> Transform:
    import msgspec  # noqa: PLC0415 - likewise
    from payment import Payment  # noqa: PLC0415

    decode, encode = msgspec.json.Decoder(Payment).decode, msgspec.json.Encoder().encode

    def by_msgspec(value: bytes) -> bytes:
        payment = decode(value)
        payment.type = "PaymentSettled"
        payment.status = "settled"
        return encode(payment)

    return by_msgspec
