"""Facts of a small healthy cluster, each of which a test may replace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from oncewhere.cluster import GroupDescription, Member, TransactionDescription
from oncewhere.doctor.fact import Unread
from oncewhere.doctor.facts import BrokerFacts, Chart, GroupFacts, PartitionFacts, TopicFacts, TransactionFacts
from oncewhere.doctor.finding import Finding
from oncewhere.doctor.rules.table import examine
from oncewhere.doctor.subject import Subject

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
NOT_READ = Unread("CLUSTER_AUTHORIZATION_FAILED")

SETTINGS = {
    "transaction.partition.verification.enable": "true",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.max.timeout.ms": "900000",
    "transactional.id.expiration.ms": "604800000",
    "producer.id.expiration.ms": "86400000",
    "offsets.retention.minutes": "10080",
}
SUBJECT = Subject(
    name="settlement",
    group="settlement",
    inputs=("authorized",),
    outputs=("settled",),
    transactional_ids=("settlement-0",),
    transaction_timeout_ms=MINUTE_MS,
)


def broker(node_id: int = 1, **changes: Any) -> BrokerFacts:
    one = BrokerFacts(node_id=node_id, settings=SETTINGS, finalized={"transaction.version": 2}, txn_offset_commit=5)
    return replace(one, **changes)


def partition(**changes: Any) -> PartitionFacts:
    one = PartitionFacts(number=0, replicas=3, in_sync=3, start=0, high_watermark=10, stable=10, producers=())
    return replace(one, **changes)


def topic(*partitions: PartitionFacts, **changes: Any) -> TopicFacts:
    one = TopicFacts(
        topic_id="id",
        internal=False,
        partitions=partitions or (partition(),),
        settings={"min.insync.replicas": "2", "unclean.leader.election.enable": "false"},
        operations=frozenset({"READ", "WRITE", "DESCRIBE"}),
    )
    return replace(one, **changes)


def transactions(**changes: Any) -> TransactionFacts:
    one = TransactionFacts(
        looked_at_ms=NOW_MS,
        described={"settlement-0": TransactionDescription(state="CompleteCommit", producer_id=7)},
        known=("settlement-0",),
        complete=True,
        still_open=frozenset(),
        max_timeout_ms=900_000,
        acls={"settlement-0": Unread("SECURITY_DISABLED")},
    )
    return replace(one, **changes)


def group(**changes: Any) -> GroupFacts:
    member = Member(member_id="m", group_instance_id=None, client_id="c", client_host="/h", protocol="classic")
    described = GroupDescription(state="Stable", members=(member,), operations=frozenset({"READ"}))
    one = GroupFacts(name="settlement", description=described, committed={("authorized", 0): 10})
    return replace(one, **changes)


def facts(**changes: Any) -> Chart:
    one = Chart(
        subject=SUBJECT,
        brokers=(broker(1), broker(2), broker(3)),
        topics={"authorized": topic(), "settled": topic()},
        transactions=transactions(),
        group=group(),
        readers=(),
        principal="User:ANONYMOUS",
    )
    return replace(one, **changes)


def of_rule(code: str, given: Chart) -> list[Finding]:
    return [finding for finding in examine(given) if finding.rule == code]


def only(code: str, given: Chart) -> Finding:
    (finding,) = of_rule(code, given)
    return finding
