"""The brokers: their versions and what they are set to, for transactions that outlive a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import BrokerFacts, Chart
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.rule import Area, Rule
from oncewhere.doctor.spans import span
from oncewhere.doctor.topics import OFFSETS_TOPIC, TRANSACTIONS_TOPIC

FENCING_VERSION: Final = 3
"""TxnOffsetCommit with the group's generation (KIP-447), from Kafka 2.5 on."""

KIP_890: Final = 2
"""The level of transaction.version at which every transaction has an epoch of its own."""

DAY_MS: Final = 86_400_000
DEFAULT_TRANSACTION_TIMEOUT_MS: Final = 60_000
PRODUCER_EXPIRATION_MIN_MS: Final = 3_600_000

BROKER_VERSION = Rule(
    code="broker-version",
    area=Area.BROKERS,
    title="Brokers fence zombies by their group generation, and end no transaction late",
    why="Before Kafka 2.5 (KIP-447) an instance that lost its partitions can still commit offsets. Below "
    "transaction.version 2 (KIP-890, Kafka 4.0) an EndTxn that arrives late can end the next transaction of the same "
    "producer: a commit that was given up, or an abort of what was to be committed.",
    remedy="Upgrade the brokers, then: kafka-features.sh upgrade --feature transaction.version=2. A client gains "
    "from it when it speaks that protocol; librdkafka does not yet (librdkafka issue 5423).",
)
PARTITION_VERIFICATION = Rule(
    code="partition-verification",
    area=Area.BROKERS,
    title="A partition takes a transactional write only when the coordinator knows of it",
    why="Without transaction.partition.verification.enable (KIP-890, Kafka 3.6) a write that arrives after its "
    "transaction ended opens one that nobody will ever end: a hanging transaction. read_committed readers stand still "
    "in front of it for ever.",
    remedy="Set transaction.partition.verification.enable=true (the default) on every broker; upgrade those that do "
    "not have it.",
)
TRANSACTION_LOG = Rule(
    code="transaction-log",
    area=Area.BROKERS,
    title="What the coordinator decides outlives a broker",
    why="The transaction coordinator keeps each decision in __transaction_state. With one replica, or one in sync, the "
    "loss of a disk loses decisions: transactions that were committed in one partition and never in another.",
    remedy="transaction.state.log.replication.factor=3 and transaction.state.log.min.isr=2, before the topic is made; "
    "afterwards reassign its partitions (kafka-reassign-partitions.sh).",
)
OFFSETS_LOG = Rule(
    code="offsets-log",
    area=Area.BROKERS,
    title="Committed offsets outlive a broker",
    why="Offsets that were committed inside a transaction are in __consumer_offsets. Where they are lost, the group "
    "starts anew (auto.offset.reset): everything is done again, or skipped.",
    remedy="offsets.topic.replication.factor=3, before the topic is made; afterwards reassign its partitions.",
)
TRANSACTION_TIMEOUT = Rule(
    code="transaction-timeout",
    area=Area.BROKERS,
    title="The transaction timeout that the processor asks for is allowed",
    why="A producer whose transaction.timeout.ms exceeds the brokers' transaction.max.timeout.ms cannot start "
    "(INVALID_TRANSACTION_TIMEOUT). Within it, the timeout is how long readers stand still after a crash that nobody "
    "recovers from.",
    remedy="Lower the producer's transaction.timeout.ms, or raise transaction.max.timeout.ms on every broker.",
)
ID_EXPIRATION = Rule(
    code="transactional-id-expiration",
    area=Area.BROKERS,
    title="A transactional.id is remembered longer than an instance may be idle",
    why="The coordinator forgets an id that has had no transaction for transactional.id.expiration.ms. An instance "
    "that was idle so long fails its next transaction (INVALID_PRODUCER_ID_MAPPING) and has to begin again.",
    remedy="Leave transactional.id.expiration.ms at its default, 7 days; never below a day.",
)
PRODUCER_EXPIRATION = Rule(
    code="producer-id-expiration",
    area=Area.BROKERS,
    title="A partition remembers a producer longer than it may repeat a write",
    why="A partition forgets a producer's sequence numbers after producer.id.expiration.ms without a write. A repeated "
    "write that comes later is not known as one, and appears twice.",
    remedy="Leave producer.id.expiration.ms at its default, 1 day; never below the producer's delivery timeout.",
)
OFFSETS_RETENTION = Rule(
    code="offsets-retention",
    area=Area.BROKERS,
    title="A stopped group keeps its offsets for as long as it may be stopped",
    why="An empty group loses its offsets after offsets.retention.minutes. It then starts where auto.offset.reset "
    "says: from the beginning, with every effect to be recognised as done, or from the end, with records skipped.",
    remedy="Leave offsets.retention.minutes at its default, 10080 (7 days), or raise it above your longest outage.",
)

RULES: Final = (
    *(BROKER_VERSION, PARTITION_VERIFICATION, TRANSACTION_LOG, OFFSETS_LOG, TRANSACTION_TIMEOUT),
    *(ID_EXPIRATION, PRODUCER_EXPIRATION, OFFSETS_RETENTION),
)


def check(facts: Chart) -> Iterator[Finding]:
    """Examines the brokers."""
    if isinstance(facts.brokers, Unread):
        for rule in RULES:
            yield rule.unknown("the brokers", facts.brokers)
        return
    wanted_ms = facts.subject.transaction_timeout_ms
    alone = len(facts.brokers) == 1
    for broker in facts.brokers:
        yield from _version(broker)
        for rule, name, topic in _LOGS:
            made = not isinstance(facts.topics.get(topic, Unread("")), Unread)
            yield _log(broker, rule, name, alone=alone, made=topic if made else "")
        for rule, name, judge in _JUDGED:
            yield _setting(broker, rule, name, judge, wanted_ms)


_LOGS: Final = (
    (TRANSACTION_LOG, "transaction.state.log.replication.factor", TRANSACTIONS_TOPIC),
    (TRANSACTION_LOG, "transaction.state.log.min.isr", TRANSACTIONS_TOPIC),
    (OFFSETS_LOG, "offsets.topic.replication.factor", OFFSETS_TOPIC),
)
"""What Kafka's own topics are made with."""


def _about(broker: BrokerFacts) -> str:
    return f"broker {broker.node_id}"


def _version(broker: BrokerFacts) -> Iterator[Finding]:
    about = _about(broker)
    if isinstance(broker.txn_offset_commit, Unread) or isinstance(broker.finalized, Unread):
        why = broker.txn_offset_commit if isinstance(broker.txn_offset_commit, Unread) else broker.finalized
        assert isinstance(why, Unread)  # noqa: S101  # one of the two is
        yield BROKER_VERSION.unknown(about, why)
        return
    level = broker.finalized.get("transaction.version", 0)
    if broker.txn_offset_commit < FENCING_VERSION:
        yield BROKER_VERSION.fault(about, "does not know group generations in transactions (Kafka 2.5)")
    elif level < KIP_890:
        yield BROKER_VERSION.warning(
            about, f"transaction.version is {level}: a late EndTxn can end the next transaction"
        )
    else:
        yield BROKER_VERSION.good(about, f"transaction.version {level}, zombies are fenced by their group generation")


def _log(broker: BrokerFacts, rule: Rule, name: str, *, alone: bool, made: str) -> Finding:
    """What the broker would make the topic with; of one that is made, the topic's own lines say what it is."""
    about = _about(broker)
    value = _number(broker, name)
    needed = 2 if name.endswith("min.isr") else 3
    if isinstance(value, Unread):
        return rule.unknown(about, value)
    if value >= needed:
        return rule.good(about, f"{name}={value}")
    if alone:
        return rule.warning(about, f"{name}={value}: this cluster is one broker, and what it loses is lost")
    if value == needed - 1 and needed == 3:
        return rule.warning(about, f"{name}={value}: no broker may be down for a write to be safe from the next loss")
    if made:
        said = f"{name}={value}: counts only when {made} is made anew; what it has today is told under Topics"
        return rule.warning(about, said)
    return rule.fault(about, f"{name}={value}: the loss of one broker loses what was decided")


def _setting(broker: BrokerFacts, rule: Rule, name: str, judge: Judge, wanted_ms: int | None) -> Finding:
    about = _about(broker)
    if isinstance(broker.settings, Unread):
        return rule.unknown(about, broker.settings)
    return judge(rule, about, broker.settings.get(name), wanted_ms)


Judge = Callable[[Rule, str, str | None, int | None], Finding]


def _verification(rule: Rule, about: str, value: str | None, wanted_ms: int | None) -> Finding:
    del wanted_ms
    if value is None:
        return rule.warning(about, "has no transaction.partition.verification.enable: it is older than Kafka 3.6")
    if value != "true":
        return rule.fault(
            about, f"transaction.partition.verification.enable={value}: late writes leave hanging transactions"
        )
    return rule.good(about, "verifies transactional writes with the coordinator")


def _timeout(rule: Rule, about: str, value: str | None, wanted_ms: int | None) -> Finding:
    if value is None:
        return rule.unknown(about, "does not tell transaction.max.timeout.ms")
    if wanted_ms is None:
        return rule.good(about, f"allows {span(int(value))}; what the processor asks for is not known here")
    if wanted_ms > int(value):
        return rule.fault(about, f"transaction.max.timeout.ms={value}, and the producer asks for {wanted_ms}")
    return rule.good(about, f"allows {span(int(value))}; asked for: {span(wanted_ms)}")


def _id_expiration(rule: Rule, about: str, value: str | None, wanted_ms: int | None) -> Finding:
    del wanted_ms
    if value is None:
        return rule.unknown(about, "does not tell transactional.id.expiration.ms")
    if int(value) < DAY_MS:
        return rule.warning(about, f"forgets a transactional.id after {span(int(value))} without a transaction")
    return rule.good(about, f"remembers an idle transactional.id for {span(int(value))}")


def _producer_expiration(rule: Rule, about: str, value: str | None, wanted_ms: int | None) -> Finding:
    if value is None:
        return rule.warning(about, "has no producer.id.expiration.ms: it is older than Kafka 3.4")
    if int(value) <= (DEFAULT_TRANSACTION_TIMEOUT_MS if wanted_ms is None else wanted_ms):
        return rule.fault(about, f"forgets a producer after {span(int(value))}, within one transaction")
    if int(value) < PRODUCER_EXPIRATION_MIN_MS:
        return rule.warning(about, f"forgets a producer after {span(int(value))} without a write")
    return rule.good(about, f"remembers a producer for {span(int(value))}")


def _offsets_retention(rule: Rule, about: str, value: str | None, wanted_ms: int | None) -> Finding:
    del wanted_ms
    if value is None:
        return rule.unknown(about, "does not tell offsets.retention.minutes")
    kept = int(value) * 60_000
    if kept < DAY_MS:
        return rule.warning(about, f"an empty group loses its offsets after {span(kept)}")
    return rule.good(about, f"an empty group keeps its offsets for {span(kept)}")


_JUDGED: Final[tuple[tuple[Rule, str, Judge], ...]] = (
    (PARTITION_VERIFICATION, "transaction.partition.verification.enable", _verification),
    (TRANSACTION_TIMEOUT, "transaction.max.timeout.ms", _timeout),
    (ID_EXPIRATION, "transactional.id.expiration.ms", _id_expiration),
    (PRODUCER_EXPIRATION, "producer.id.expiration.ms", _producer_expiration),
    (OFFSETS_RETENTION, "offsets.retention.minutes", _offsets_retention),
)


def _number(broker: BrokerFacts, name: str) -> int | Unread:
    settings: Mapping[str, str] | Unread = broker.settings
    if isinstance(settings, Unread):
        return settings
    return int(settings[name]) if name in settings else Unread(f"the broker does not tell {name}")
