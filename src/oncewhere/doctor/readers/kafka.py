"""A cluster comes in; facts about its brokers, topics, transactions and groups go out. Nothing is changed."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from oncewhere.cluster import (
    BrokerNode,
    ClusterSurvey,
    Offset,
    ProducerState,
    Refused,
    TopicDescription,
    TopicPartition,
    TransactionDescription,
    TransactionListing,
)
from oncewhere.cluster.inquiries import TRANSACTIONAL_ID
from oncewhere.doctor.fact import Fact, Unread
from oncewhere.doctor.facts import BrokerFacts, GroupFacts, PartitionFacts, TopicFacts, TransactionFacts
from oncewhere.doctor.subject import Subject
from oncewhere.doctor.topics import INTERNALS
from oncewhere.errors import InconclusiveError

SECOND_LOOK_S: Final = 1.0
"""Between two looks at what is open in partitions: a marker that is under way is written meanwhile."""

TXN_OFFSET_COMMIT: Final = 28  # its API key
CONSUMERS: Final = ("consumer", "")  # protocol types of groups that commit offsets

_OPEN: Final = frozenset({"Ongoing", "PrepareCommit", "PrepareAbort"})
_ANY_ID: Final = "*"
_SHOW: Final = frozenset({"DESCRIBE", "WRITE", "ALL"})  # each lets us describe a transactional.id

_T = TypeVar("_T")

Open = frozenset[tuple[str, int, int, int]]
"""What is open: topic, partition, producer id, first offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What one look at a cluster found; see `Chart`."""

    brokers: Fact[tuple[BrokerFacts, ...]]
    topics: Mapping[str, Fact[TopicFacts]]
    transactions: TransactionFacts
    group: GroupFacts | None
    readers: Fact[tuple[GroupFacts, ...]]
    first_records: Mapping[TopicPartition, Fact[tuple[int, int] | None]]


async def read_cluster(survey: ClusterSurvey, subject: Subject, *, principal: Fact[str]) -> ClusterFacts:
    """Looks at a cluster once.

    Args:
        survey: asks it.
        subject: what matters; the whole cluster where it names no topic.
        principal: who we are.
    """
    nodes = await survey.nodes()
    brokers = await asyncio.gather(*(_broker(survey, node) for node in nodes))
    named = tuple(dict.fromkeys((*subject.inputs, *subject.outputs)))
    described = await survey.topics(tuple(dict.fromkeys((*named, *INTERNALS))) if named else None)
    partitions = _partitions_of(described)
    # Groups come first: an offset that is beyond an LSO that was read later was read past it.
    group = None if subject.group is None else await _group(survey, subject.group, subject.inputs)
    readers = await _readers(survey, subject)
    before = await survey.producers(partitions)
    transactions = await _transactions(survey, subject, tuple(brokers), principal)
    stable = await survey.ends(partitions, isolation_level="read_committed")
    await asyncio.sleep(SECOND_LOOK_S if _open_in(before) else 0)
    after = await survey.producers(partitions) if _open_in(before) else before
    ends = await survey.ends(partitions)
    starts = await survey.ends(partitions, at="earliest")
    settings = await survey.topic_settings([name for name, one in described.items() if not isinstance(one, Refused)])
    topics: dict[str, Fact[TopicFacts]] = {}
    for name, one in described.items():
        if isinstance(one, Refused):
            topics[name] = _read(one)
            continue
        topics[name] = TopicFacts(
            topic_id=topic_id_text(one.topic_id),
            internal=one.internal,
            partitions=tuple(
                PartitionFacts(
                    number=place.number,
                    replicas=len(place.replicas),
                    in_sync=len(place.in_sync),
                    start=_read(starts[name, place.number]),
                    high_watermark=_read(ends[name, place.number]),
                    stable=_read(stable[name, place.number]),
                    producers=_read(after[name, place.number]),
                )
                for place in one.partitions
            ),
            settings=_read(settings.get(name, Refused("no answer"))),
            operations=Unread("the broker does not tell") if one.operations is None else one.operations,
        )
    inputs = {name: partitions[name] for name in subject.inputs if name in partitions}
    return ClusterFacts(
        brokers=tuple(brokers),
        topics=topics,
        transactions=_with_open(transactions, _open_in(before) & _open_in(after)),
        group=group,
        readers=readers,
        first_records={place: _read(one) for place, one in (await survey.first_since(inputs, 0)).items()},
    )


# ---- brokers


async def _broker(survey: ClusterSurvey, node: BrokerNode) -> BrokerFacts:
    settings, features = await survey.broker_settings(node), await survey.features(node)
    if isinstance(features, Refused):
        return BrokerFacts(
            node_id=node.node_id, settings=_read(settings), finalized=_read(features), txn_offset_commit=_read(features)
        )
    return BrokerFacts(
        node_id=node.node_id,
        settings=_read(settings),
        finalized=features.finalized,
        txn_offset_commit=features.apis.get(TXN_OFFSET_COMMIT, -1),
    )


# ---- transactions


async def _transactions(
    survey: ClusterSurvey, subject: Subject, brokers: tuple[BrokerFacts, ...], principal: Fact[str]
) -> TransactionFacts:
    now = int(time.time() * 1000)
    listed = await survey.transactions()
    longest = [
        int(one.settings["transaction.max.timeout.ms"])
        for one in brokers
        if not isinstance(one.settings, Unread) and "transaction.max.timeout.ms" in one.settings
    ]
    return TransactionFacts(
        looked_at_ms=now,
        described=_read(listed) if isinstance(listed, Refused) else await _described(survey, subject, listed),
        known=_read(listed) if isinstance(listed, Refused) else tuple(one.transactional_id for one in listed),
        complete=await _complete(survey, principal),
        still_open=frozenset(),
        max_timeout_ms=max(longest) if longest else Unread("no broker tells transaction.max.timeout.ms"),
        acls={name: _read(await survey.acls(TRANSACTIONAL_ID, name)) for name in subject.transactional_ids},
    )


async def _described(
    survey: ClusterSurvey, subject: Subject, listed: Iterable[TransactionListing]
) -> Fact[Mapping[str, TransactionDescription]]:
    """Those that are not over are described; of the others the listing says enough."""
    found: dict[str, TransactionDescription] = {}
    for one in listed:
        if one.state not in _OPEN and one.transactional_id not in subject.transactional_ids:
            found[one.transactional_id] = TransactionDescription(state=one.state, producer_id=one.producer_id)
            continue
        try:
            found |= await survey.describe_transactions([one.transactional_id])
        except InconclusiveError as error:
            return Unread(error.message)
    return found


async def _complete(survey: ClusterSurvey, principal: Fact[str]) -> Fact[bool]:
    """Whether every transactional.id is shown to us: brokers leave out silently what we may not describe."""
    acls = await survey.acls(TRANSACTIONAL_ID, _ANY_ID)
    if isinstance(acls, Refused):
        return True if acls.error == "SECURITY_DISABLED" else Unread(acls.error)
    if isinstance(principal, Unread):
        return principal
    ours = [one for one in acls if one.principal in {principal, "User:*"} and one.operation in _SHOW]
    return bool(ours) and all(one.allows for one in ours)


def _with_open(facts: TransactionFacts, still_open: Open) -> TransactionFacts:
    return TransactionFacts(
        looked_at_ms=facts.looked_at_ms,
        described=facts.described,
        known=facts.known,
        complete=facts.complete,
        still_open=still_open,
        max_timeout_ms=facts.max_timeout_ms,
        acls=facts.acls,
    )


def _open_in(producers: Mapping[TopicPartition, tuple[ProducerState, ...] | Refused]) -> Open:
    return frozenset(
        (topic, number, one.producer_id, one.transaction_start_offset)
        for (topic, number), states in producers.items()
        if not isinstance(states, Refused)
        for one in states
        if one.transaction_start_offset is not None
    )


# ---- groups


async def _group(survey: ClusterSurvey, name: str, topics: Iterable[str]) -> GroupFacts:
    committed = await _committed(survey, name, topics)
    return GroupFacts(name=name, description=_read(await survey.group(name)), committed=committed)


async def _committed(survey: ClusterSurvey, group: str, topics: Iterable[str]) -> Fact[Mapping[TopicPartition, Offset]]:
    committed, wanted = await survey.all_committed(group), set(topics)
    if isinstance(committed, Refused):
        return _read(committed)
    return {place: offset for place, offset in committed.items() if place[0] in wanted}


async def _readers(survey: ClusterSurvey, subject: Subject) -> Fact[tuple[GroupFacts, ...]]:
    """The groups that have committed offsets of an output topic."""
    if not subject.outputs:
        return ()
    listed = await survey.groups()
    if isinstance(listed, Refused):
        return _read(listed)
    found: list[GroupFacts] = []
    for one in listed:
        if one.protocol_type not in CONSUMERS or one.group == subject.group:
            continue
        committed = await _committed(survey, one.group, subject.outputs)
        if isinstance(committed, Unread) or committed:
            described = _read(await survey.group(one.group))
            found.append(GroupFacts(name=one.group, description=described, committed=committed))
    return tuple(found)


# ---- shared


def topic_id_text(topic_id: str) -> str:
    """A topic's id as librdkafka writes it, and so as the ledger keeps it: base64 without padding."""
    return base64.b64encode(uuid.UUID(topic_id).bytes).decode().rstrip("=")


def _partitions_of(described: Mapping[str, TopicDescription | Refused]) -> dict[str, list[int]]:
    return {
        name: [place.number for place in one.partitions]
        for name, one in described.items()
        if not isinstance(one, Refused)
    }


def _read(answer: _T | Refused) -> Fact[_T]:
    return Unread(answer.error) if isinstance(answer, Refused) else answer
