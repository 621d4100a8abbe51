"""What a survey asks a cluster about itself: names go in, requests by kio's schemas come out.

Like `questions`, each has the lowest version that says what is asked; all are older than Kafka 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from kio.schema.api_versions.v3.request import ApiVersionsRequest
from kio.schema.consumer_group_describe.v0.request import ConsumerGroupDescribeRequest
from kio.schema.describe_acls.v3.request import DescribeAclsRequest
from kio.schema.describe_configs.v4.request import DescribeConfigsRequest, DescribeConfigsResource
from kio.schema.describe_groups.v5.request import DescribeGroupsRequest
from kio.schema.list_groups.v4.request import ListGroupsRequest
from kio.schema.list_offsets.v6.request import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kio.schema.metadata.v12.request import MetadataRequest, MetadataRequestTopic
from kio.schema.offset_fetch.v8.request import OffsetFetchRequest, OffsetFetchRequestGroup
from kio.schema.streams_group_describe.v0.request import StreamsGroupDescribeRequest

from oncewhere.cluster.answers import Protocol
from oncewhere.cluster.questions import CLIENT_ID, Partitions, Request

TRANSACTIONAL_ID: Final = 5  # Kafka's ResourceType

_TOPIC: Final = 2  # DescribeConfigs' resource types
_BROKER: Final = 4
_MATCHING: Final = 3  # Kafka's PatternType: literal, prefixed and wildcard ones that concern the name
_ANY: Final = 1  # Kafka's AclOperation and AclPermissionType


def features() -> Request:
    """Asks what a broker speaks, and which features are switched on."""
    return ApiVersionsRequest(client_software_name=CLIENT_ID, client_software_version="1")


def topics(names: Iterable[str] | None) -> Request:
    """Asks about topics and what we may do with them; None: all of them."""
    return MetadataRequest(
        topics=None if names is None else tuple(MetadataRequestTopic(topic_id=None, name=_any(one)) for one in names),
        allow_auto_topic_creation=False,
        include_topic_authorized_operations=True,
    )


def broker_settings(node_id: int) -> Request:
    """Asks for all of a broker's settings; only that broker can answer."""
    return _settings(_BROKER, (str(node_id),))


def topic_settings(names: Iterable[str]) -> Request:
    """Asks for all settings of topics."""
    return _settings(_TOPIC, names)


def _settings(kind: int, names: Iterable[str]) -> Request:
    return DescribeConfigsRequest(
        resources=tuple(
            DescribeConfigsResource(resource_type=_any(kind), resource_name=name, configuration_keys=None)
            for name in names
        )
    )


def since(partitions: Partitions, moment_ms: int) -> Request:
    """Asks a leader for the first records that are not older than a moment (Unix time)."""
    return ListOffsetsRequest(
        replica_id=_any(-1),
        isolation_level=_any(0),
        topics=tuple(
            ListOffsetsTopic(
                name=_any(topic),
                partitions=tuple(
                    ListOffsetsPartition(partition_index=_any(number), timestamp=_any(moment_ms)) for number in numbers
                ),
            )
            for topic, numbers in partitions.items()
        ),
    )


def groups() -> Request:
    """Asks a broker for the groups that it coordinates."""
    return ListGroupsRequest(states_filter=())


def descriptions(group: str, known: Iterable[int]) -> Iterator[tuple[Request, Protocol]]:
    """Like `questions.descriptions`, with what we may do."""
    names: Any = (group,)
    if ConsumerGroupDescribeRequest.__api_key__ in known:
        yield ConsumerGroupDescribeRequest(group_ids=names, include_authorized_operations=True), "consumer"
    if StreamsGroupDescribeRequest.__api_key__ in known:
        yield StreamsGroupDescribeRequest(group_ids=names, include_authorized_operations=True), "streams"
    yield DescribeGroupsRequest(groups=names, include_authorized_operations=True), "classic"


def all_offsets(group: str) -> Request:
    """Asks for all offsets that a group has committed, pending ones told apart."""
    return OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=_any(group), topics=None),), require_stable=True)


def acls(kind: int, name: str) -> Request:
    """Asks for the access rules that concern a resource, whoever they are for."""
    return DescribeAclsRequest(
        resource_type_filter=_any(kind),
        resource_name_filter=name,
        pattern_type_filter=_any(_MATCHING),
        principal_filter=None,
        host_filter=None,
        operation=_any(_ANY),
        permission_type=_any(_ANY),
    )


def _any(value: object) -> Any:
    """Passes a plain value where kio names a type of its own and takes plain ones."""
    return value
