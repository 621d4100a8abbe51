"""The topics: whether what is written there is kept, and whether what is still to be read is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import Chart, TopicFacts
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.rule import Area, Rule
from oncewhere.doctor.topics import INTERNALS

TOPIC_EXISTS = Rule(
    code="topic-exists",
    area=Area.TOPICS,
    title="The processor's topics exist",
    why="A processor that produces to a topic that is not there aborts its transaction again and again, or has the "
    "broker make one by its defaults: one partition, one replica.",
    remedy="Create the topic, or correct its name.",
)
REPLICATION_FACTOR = Rule(
    code="replication-factor",
    area=Area.TOPICS,
    title="A topic outlives a broker",
    why="With one replica the loss of a disk loses records that were committed. With two, one broker's maintenance "
    "leaves one.",
    remedy="Give it three replicas: kafka-reassign-partitions.sh.",
)
MIN_IN_SYNC = Rule(
    code="min-insync-replicas",
    area=Area.TOPICS,
    title="A committed record is on two disks, and one broker may be down",
    why="acks=all waits for the replicas that are in sync. With min.insync.replicas=1 that may be the leader alone: a "
    "record that a reader has seen is gone with it. With as many as there are replicas, one broker down stops all "
    "writes.",
    remedy="min.insync.replicas=2 with three replicas: kafka-configs.sh --alter --topic … --add-config "
    "min.insync.replicas=2",
)
IN_SYNC = Rule(
    code="in-sync",
    area=Area.TOPICS,
    title="All replicas are in sync",
    why="A partition with fewer replicas in sync than min.insync.replicas takes no transactional write: the processor "
    "repeats its transaction until it gives up. With a replica missing, the next loss may do that.",
    remedy="Find the broker that is down or slow: kafka-topics.sh --describe --under-replicated-partitions",
)
UNCLEAN_ELECTION = Rule(
    code="unclean-leader-election",
    area=Area.TOPICS,
    title="A replica that was not in sync never leads",
    why="With unclean.leader.election.enable=true a replica that missed records may become the leader: committed "
    "records vanish, and a ledger or a dedupe table says that they were done.",
    remedy="unclean.leader.election.enable=false (the default) for the topic and on the brokers.",
)

RULES: Final = (TOPIC_EXISTS, REPLICATION_FACTOR, MIN_IN_SYNC, IN_SYNC, UNCLEAN_ELECTION)


def check(facts: Chart) -> Iterator[Finding]:
    """Examines the topics of the processor, and Kafka's own; of a whole cluster only Kafka's own."""
    alone = not isinstance(facts.brokers, Unread) and len(facts.brokers) == 1
    named = (*facts.subject.inputs, *facts.subject.outputs)
    for name in dict.fromkeys((*named, *INTERNALS)):
        topic = facts.topics.get(name, Unread("UNKNOWN_TOPIC_OR_PARTITION"))
        if isinstance(topic, Unread):
            yield from _missing(name, topic, wanted=name in named)
            continue
        if name in named:
            yield TOPIC_EXISTS.good(name, f"{len(topic.partitions)} partitions")
        yield _replicas(name, topic, alone=alone)
        yield from _in_sync(name, topic, alone=alone)
        yield _unclean(name, topic)


def _missing(name: str, why: Unread, *, wanted: bool) -> Iterator[Finding]:
    if why.why == "UNKNOWN_TOPIC_OR_PARTITION":
        if wanted:
            # A broker says so as well of a topic that we may not describe.
            yield TOPIC_EXISTS.fault(name, "there is no such topic, or we may not describe it")
        return  # of Kafka's own: nobody has needed it yet
    yield TOPIC_EXISTS.unknown(name, why)


def _replicas(name: str, topic: TopicFacts, *, alone: bool) -> Finding:
    fewest = min((one.replicas for one in topic.partitions), default=0)
    if fewest >= 3:
        return REPLICATION_FACTOR.good(name, f"{fewest} replicas")
    if alone:
        return REPLICATION_FACTOR.warning(name, "1 replica: this cluster is one broker, and what it loses is lost")
    if fewest == 2:
        return REPLICATION_FACTOR.warning(name, "2 replicas: one broker's maintenance leaves one")
    return REPLICATION_FACTOR.fault(name, "1 replica: the loss of one broker loses committed records")


def _in_sync(name: str, topic: TopicFacts, *, alone: bool) -> Iterator[Finding]:
    if isinstance(topic.settings, Unread):
        yield MIN_IN_SYNC.unknown(name, topic.settings)
        return
    least = int(topic.settings.get("min.insync.replicas", "1"))
    fewest = min((one.replicas for one in topic.partitions), default=0)
    if least >= 2 and least < fewest:
        yield MIN_IN_SYNC.good(name, f"min.insync.replicas={least} of {fewest}")
    elif least >= 2:
        yield MIN_IN_SYNC.warning(name, f"min.insync.replicas={least} of {fewest}: no broker may be down for a write")
    elif alone or fewest < 2:
        yield MIN_IN_SYNC.warning(name, f"min.insync.replicas={least} of {fewest}")
    else:
        yield MIN_IN_SYNC.fault(name, f"min.insync.replicas={least} of {fewest}: acks=all may be one disk")
    stopped = [one.number for one in topic.partitions if one.in_sync < least]
    behind = Counter(one.replicas - one.in_sync for one in topic.partitions if one.in_sync < one.replicas)
    if stopped:
        yield IN_SYNC.fault(
            name, f"{_numbers(stopped)} have fewer than {least} replicas in sync: no write succeeds there"
        )
    elif behind:
        yield IN_SYNC.warning(name, f"{behind.total()} of {len(topic.partitions)} partitions miss a replica")
    else:
        yield IN_SYNC.good(name, "all replicas in sync")


def _unclean(name: str, topic: TopicFacts) -> Finding:
    if isinstance(topic.settings, Unread):
        return UNCLEAN_ELECTION.unknown(name, topic.settings)
    value = topic.settings.get("unclean.leader.election.enable")
    if value is None:
        return UNCLEAN_ELECTION.unknown(name, "the broker does not tell unclean.leader.election.enable")
    if value == "true":
        return UNCLEAN_ELECTION.fault(name, "unclean.leader.election.enable=true")
    return UNCLEAN_ELECTION.good(name, "unclean.leader.election.enable=false")


def _numbers(partitions: list[int]) -> str:
    return "partitions " + ", ".join(map(str, partitions))
