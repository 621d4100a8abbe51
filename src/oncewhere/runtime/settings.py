"""librdkafka's settings: the user's dict in, one complete dict for the consumer and one for the producer out. No I/O.

What the guarantee needs is fixed here, and a setting that contradicts it is refused, never silently overruled. What
only makes it fast is a default, and may be set otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oncewhere.errors import ConfigurationError

Settings = Mapping[str, Any]

TRANSACTION_TIMEOUT_MS = 60_000
MAX_POLL_INTERVAL_MS = 300_000  # librdkafka's own default
ANSWER_TIMEOUT_MS = 10_000  # for an answer to the producer; librdkafka's own is that of the transaction
SOCKET_TIMEOUT_MIN_MS = 900  # of a transactional producer, as librdkafka chooses it
MESSAGE_MAX_BYTES = 1_000_000  # librdkafka's own default
MESSAGE_OVERHEAD_BYTES = 128  # more than what the record format adds to a key and a value


@dataclass(frozen=True, slots=True)
class Fixed:
    """A setting that the guarantee needs.

    Attributes:
        value: what it is.
        why: what would break otherwise.
        instead: what to write instead of the conflicting setting.
    """

    value: Any
    why: str
    instead: str = "Leave it out: oncewhere sets it."


_IDENTITY = "the processor's identity is named once, where it can be checked"

FIXED_FOR_CONSUMER: Mapping[str, Fixed] = {
    "group.id": Fixed(None, _IDENTITY, "Write Processor(…, group_id=…)."),
    "enable.auto.commit": Fixed(
        value=False,
        why="offsets are committed inside the transaction, with the outputs, or not at all (KIP-98)",
    ),
    "enable.auto.offset.store": Fixed(value=False, why="offsets are committed inside the transaction only (KIP-98)"),
    "isolation.level": Fixed(
        "read_committed",
        "records of an aborted transaction upstream must not be processed (KIP-98)",
    ),
    "enable.partition.eof": Fixed(value=False, why="the end of a partition is not a record"),
}

FIXED_FOR_PRODUCER: Mapping[str, Fixed] = {
    "transactional.id": Fixed(None, _IDENTITY, "Write Processor(…, transactional_id=…)."),
    "enable.idempotence": Fixed(value=True, why="a transaction needs an idempotent producer (KIP-98)"),
    "acks": Fixed("all", "an output acknowledged by fewer than all in-sync replicas can be lost (KIP-98)"),
    # A broker that becomes the leader between two requests refuses the first and takes the second, since it has not
    # heard of this producer; librdkafka concludes from the second's success that the first was stored too.
    "max.in.flight.requests.per.connection": Fixed(
        1,
        "with more, outputs that a new leader refused count as stored when it takes later ones, and are lost in a "
        "committed transaction (confluent-kafka-go issue 921)",
    ),
}

LINGER_MS = 5.0
"""How long an output waits for others; the last of a transaction waits too, and nobody comes."""

LINGER_SHARE = 0.05
"""Of the commit interval, at most: who commits each record by itself does not wait at all."""

DEFAULTS_FOR_CONSUMER: Settings = {
    # A new group reads what is there: a payment authorized before the first start is still to be settled.
    "auto.offset.reset": "earliest",
    # The default, 1000, stalls a consumer whose queue was full for a second: 219k instead of 405k records/s.
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 50,
    # What is read ahead is bounded in bytes, whatever the backlog; librdkafka's own value, said here since memory
    # depends on it.
    "queued.max.messages.kbytes": 65_536,
}

DEFAULTS_FOR_PRODUCER: Settings = {
    "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
    # With the default, 100, each transaction waits that long for the coordinator's first answer.
    "retry.backoff.ms": 1,
    # Failures of a transactional producer surface in commit; a callback per record costs a fifth of the rate.
    "delivery.report.only.error": True,
    "batch.size": 1_000_000,
    "batch.num.messages": 100_000,
    "linger.ms": LINGER_MS,
    # A full queue makes the handler wait; librdkafka's own value, 1 GiB, makes memory follow the input instead.
    "queue.buffering.max.kbytes": 65_536,
    "queue.buffering.max.messages": 1_000_000,
}

ALIASES: Mapping[str, str] = {
    "request.required.acks": "acks",
    "auto.commit.enable": "enable.auto.commit",
    "metadata.broker.list": "bootstrap.servers",
    "queue.buffering.max.ms": "linger.ms",
    "message.send.max.retries": "retries",
    "delivery.timeout.ms": "message.timeout.ms",
    "compression.codec": "compression.type",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes": "fetch.message.max.bytes",
}

NESTED = "default.topic.config"
"""A dict of settings within the dict, which confluent-kafka still takes."""

CLAIMED = (
    "acks", "auto.offset.reset", "enable.auto.commit", "enable.idempotence", "group.instance.id", "group.protocol",
    "isolation.level",
    "max.poll.interval.ms", "session.timeout.ms", "socket.timeout.ms", "transaction.timeout.ms",
)  # fmt: skip
"""What the document tells of the settings."""

CONSUMER_ONLY = frozenset({
    *FIXED_FOR_CONSUMER, *DEFAULTS_FOR_CONSUMER,
    "group.instance.id", "group.protocol", "group.remote.assignor", "group.protocol.type",
    "partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms", "coordinator.query.interval.ms",
    "max.poll.interval.ms", "auto.commit.interval.ms", "queued.min.messages", "queued.max.messages.kbytes",
    "fetch.message.max.bytes", "fetch.max.bytes", "fetch.min.bytes", "fetch.error.backoff.ms", "check.crcs",
    "offset.store.method", "consume.callback.max.messages",
})  # fmt: skip
PRODUCER_ONLY = frozenset({
    *FIXED_FOR_PRODUCER, *DEFAULTS_FOR_PRODUCER,
    "retry.backoff.max.ms", "linger.ms", "retries", "queue.buffering.max.messages", "queue.buffering.max.kbytes",
    "queue.buffering.backpressure.threshold", "compression.type", "compression.level", "batch.num.messages",
    "sticky.partitioning.linger.ms", "request.timeout.ms", "message.timeout.ms", "partitioner",
    "enable.gapless.guarantee", "queuing.strategy",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything that the session needs to know.

    Attributes:
        consumer: for confluent_kafka.Consumer.
        producer: for confluent_kafka.Producer.
        common: for an admin client: the address and its security, nothing else.
        cooperative: True when the group's protocol gives and takes partitions one by one (KIP-429, KIP-848).
        transaction_timeout_s: how long a transaction may stay open, in seconds.
        reset: `auto.offset.reset`: `earliest`, `latest` or `error`.
        max_output_bytes: the largest key and value that the client takes, together.
        max_poll_interval_s: how long the loop may be away before the group goes on without it, in seconds.
    """

    consumer: dict[str, Any]
    producer: dict[str, Any]
    common: dict[str, Any]
    cooperative: bool
    transaction_timeout_s: float
    reset: str
    max_output_bytes: int
    max_poll_interval_s: float

    def claimed(self, *, commit_interval_s: float) -> dict[str, str]:
        """What the guarantee hangs on, by librdkafka's names, and never an address or a secret: for the document.

        Args:
            commit_interval_s: how long after one commit the next one follows; ours, so without a name of librdkafka's.
        """
        found = {"max.poll.interval.ms": f"{self.max_poll_interval_s * 1000:.0f}"}
        for side in (self.consumer, self.producer):
            found |= {name: _text(side[name]) for name in CLAIMED if name in side}
        found["auto.offset.reset"] = self.reset
        return {"commit_interval_ms": f"{commit_interval_s * 1000:.0f}", **dict(sorted(found.items()))}


def complete(
    user: Settings,
    *,
    group_id: str,
    transactional_id: str,
    comes_back: bool = True,
    commit_interval_ms: float = 100.0,
) -> Complete:
    """The user's settings, completed.

    Args:
        user: librdkafka's settings, in dots; those of the consumer and of the producer in one dict.
        group_id: the consumer group.
        transactional_id: of this instance.
        comes_back: whether a restart has the same `transactional_id`.
        commit_interval_ms: how often transactions end, in milliseconds; see `LINGER_SHARE`.

    Raises:
        ConfigurationError: a setting contradicts the guarantee; it says which, why, and what to write instead.
    """
    for name, value in {"group_id": group_id, "transactional_id": transactional_id}.items():
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{name} must be a text that is not empty, and is {value!r}.")
    given = _canonical(user)
    if not given.get("bootstrap.servers"):
        raise ConfigurationError(
            "No Kafka address is given.",
            hint="Write Processor({'bootstrap.servers': 'localhost:9092'}, …).",
        )
    for name, fixed in {**FIXED_FOR_CONSUMER, **FIXED_FOR_PRODUCER}.items():
        if name in given and (fixed.value is None or not _same(given[name], fixed.value)):
            needed = "" if fixed.value is None else f" It must be {_text(fixed.value)}."
            msg = f"{name}={_text(given[name])} cannot be: {fixed.why}.{needed}"
            raise ConfigurationError(msg, hint=fixed.instead)
    common = {k: v for k, v in given.items() if k not in CONSUMER_ONLY and k not in PRODUCER_ONLY}
    consumer = {
        **common,
        **DEFAULTS_FOR_CONSUMER,
        **{k: v for k, v in given.items() if k in CONSUMER_ONLY},
        **{k: f.value for k, f in FIXED_FOR_CONSUMER.items()},
        "group.id": group_id,
    }
    producer = {
        **common,
        **DEFAULTS_FOR_PRODUCER,
        "linger.ms": min(LINGER_MS, commit_interval_ms * LINGER_SHARE),
        **{k: v for k, v in given.items() if k in PRODUCER_ONLY},
        **{k: f.value for k, f in FIXED_FOR_PRODUCER.items()},
        "transactional.id": transactional_id,
    }
    transaction_ms = _milliseconds("transaction.timeout.ms", producer["transaction.timeout.ms"])
    poll_ms = _milliseconds("max.poll.interval.ms", consumer.get("max.poll.interval.ms", MAX_POLL_INTERVAL_MS))
    if transaction_ms >= poll_ms:
        msg = (
            f"transaction.timeout.ms={transaction_ms} is not below max.poll.interval.ms={poll_ms}: the group would "
            "give the partitions to another instance while the transaction is still open."
        )
        raise ConfigurationError(msg, hint="Lower the first or raise the second.")
    # How long the end of a transaction may be without an answer is what a dead coordinator costs; see `writer`.
    producer.setdefault("socket.timeout.ms", max(SOCKET_TIMEOUT_MIN_MS, min(ANSWER_TIMEOUT_MS, transaction_ms - 100)))
    protocol = str(consumer.get("group.protocol", "classic")).lower()
    if "group.instance.id" not in given and protocol == "classic" and comes_back:
        # Static membership (KIP-345): a restart with the same name takes the dead one's place at once, instead of after
        # session.timeout.ms (45 s). A name that nobody has again keeps a place for nobody.
        consumer["group.instance.id"] = transactional_id
    elif not consumer.get("group.instance.id"):
        consumer.pop("group.instance.id", None)  # None or "": not wanted
    elif protocol == "consumer":
        raise ConfigurationError(
            f"group.instance.id={_text(given['group.instance.id'])} cannot be with group.protocol=consumer: after a "
            "crash the broker refuses the restarted instance (UNRELEASED_INSTANCE_ID) until the session of the dead "
            "one is over, as if two had one name.",
            hint="Leave it out; what is open in Kafka ends by the transactional.id all the same.",
        )
    reset = _reset(str(consumer["auto.offset.reset"]))
    consumer["auto.offset.reset"] = "error"  # what the user wants is done by us; see `kafka/reader`
    strategy = str(consumer.get("partition.assignment.strategy", ""))
    return Complete(
        consumer=consumer,
        producer=producer,
        common=common,
        cooperative="cooperative" in strategy or protocol == "consumer",
        transaction_timeout_s=transaction_ms / 1000,
        max_poll_interval_s=poll_ms / 1000,
        reset=reset,
        max_output_bytes=int(str(given.get("message.max.bytes", MESSAGE_MAX_BYTES))) - MESSAGE_OVERHEAD_BYTES,
    )


def _canonical(user: Settings) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if user.get(NESTED):
        raise ConfigurationError(
            f"{NESTED} cannot be: the client would take what stands in it past the checks of what the guarantee needs.",
            hint=f"Write its settings beside the others: {_beside(user[NESTED])}.",
        )
    for name, value in user.items():
        if name == NESTED:
            continue  # nothing stands in it
        canonical = ALIASES.get(name, name)
        if canonical in given and not _same(given[canonical], value):
            msg = f"{name}={_text(value)} and {canonical}={_text(given[canonical])} are the same setting, given twice."
            raise ConfigurationError(msg, hint="Leave one of them out.")
        given[canonical] = value
    return given


def _beside(nested: object) -> str:
    if not isinstance(nested, Mapping):
        return "{'auto.offset.reset': 'earliest'}"
    return "{" + ", ".join(f"{name!r}: …" for name in nested) + "}"  # a value may be a secret


def _reset(value: str) -> str:
    for name, spellings in {
        "earliest": {"earliest", "smallest", "beginning"},
        "latest": {"latest", "largest", "end"},
        "error": {"error"},
    }.items():
        if value.lower() in spellings:
            return name
    raise ConfigurationError(f"auto.offset.reset={value} is not known.", hint="Write 'earliest', 'latest' or 'error'.")


def _milliseconds(name: str, value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise ConfigurationError(f"{name}={value!r} is no number of milliseconds.") from None


def _same(one: object, other: object) -> bool:
    return _plain(one) == _plain(other)


def _plain(value: object) -> str:
    text = _text(value).strip().lower()
    return {"-1": "all"}.get(text, text)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
