"""What a survey finds in a cluster: the values of replies go in, plain data and refusals come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oncewhere.cluster.answers import Member

if TYPE_CHECKING:
    from oncewhere.cluster.broker import Address
    from oncewhere.wire.kafka.schema import Values

_NAMES = (
    "ANY ALL READ WRITE CREATE DELETE ALTER DESCRIBE CLUSTER_ACTION DESCRIBE_CONFIGS ALTER_CONFIGS IDEMPOTENT_WRITE "
    "CREATE_TOKENS DESCRIBE_TOKENS TWO_PHASE_COMMIT"
)
OPERATIONS: Final = dict(enumerate(_NAMES.split(), 1))
"""Kafka's AclOperation, by its number; in a bit field of authorized operations (KIP-430) the number is the bit."""

_NOT_TOLD: Final = -(2**31)  # of authorized operations
_ALLOW: Final = 3  # Kafka's AclPermissionType


@dataclass(frozen=True, slots=True)
class Refused:
    """Instead of an answer.

    Attributes:
        error: Kafka's name for why, such as `TOPIC_AUTHORIZATION_FAILED`; or a few words where no broker answered.
    """

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerNode:
    """One broker."""

    node_id: int
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPlace:
    """Where a partition is kept: node ids."""

    number: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicDescription:
    """One topic.

    Attributes:
        topic_id: its id; another one when it was deleted and made again.
        internal: True for Kafka's own.
        partitions: in order.
        operations: what our principal may do with it (KIP-430); None where the broker does not tell.
    """

    topic_id: str
    internal: bool
    partitions: tuple[PartitionPlace, ...]
    operations: frozenset[str] | None

    def leader(self, number: int) -> int | Refused:
        """The node that leads a partition."""
        for place in self.partitions:
            if place.number == number:
                return place.leader if place.leader >= 0 else Refused("LEADER_NOT_AVAILABLE")
        return Refused("UNKNOWN_TOPIC_OR_PARTITION")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One group, as a coordinator lists it; `protocol_type` is `consumer` for consumers."""

    group: str
    protocol_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDescription:
    """One group.

    Attributes:
        state: as the coordinator says it; `Dead` where there is none of that name.
        members: who is in it now.
        operations: what our principal may do with it (KIP-430); None where the broker does not tell.
    """

    state: str
    members: tuple[Member, ...]
    operations: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """One access rule.

    Attributes:
        principal: whom it is for, such as `User:settlement`; `User:*` is everybody.
        operation: Kafka's name for it; `ALL` for every one.
        allows: False for a rule that denies.
    """

    principal: str
    operation: str
    allows: bool


def operations(bits: int) -> frozenset[str] | None:
    """The names in a bit field of authorized operations; None where the broker did not tell."""
    if bits == _NOT_TOLD:
        return None
    return frozenset(name for number, name in OPERATIONS.items() if bits >> number & 1)


def acls_of(reply: Values) -> Iterator[Acl]:
    """Reads a DescribeAcls reply."""
    for resource in reply["resources"]:
        for acl in resource["acls"]:
            yield Acl(
                principal=acl["principal"],
                operation=OPERATIONS.get(acl["operation"], str(acl["operation"])),
                allows=acl["permission_type"] == _ALLOW,
            )
