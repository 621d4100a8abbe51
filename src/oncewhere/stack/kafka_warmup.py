"""The questions that make a fresh broker ready for its first transaction: a port in, a warm broker out.

`__transaction_state` and `__consumer_offsets` are created when somebody first asks for a coordinator; until then a
first transaction takes more than a second. Asking FindCoordinator for both, and InitProducerId for a block of producer
ids, moves that second to where PostgreSQL starts. No transactional.id is used, so nothing is left behind in the broker.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.api_versions.v3.request import ApiVersionsRequest
from kio.schema.api_versions.v3.response import ApiVersionsResponse
from kio.schema.errors import ErrorCode
from kio.schema.find_coordinator.v1.response import FindCoordinatorResponse
from kio.schema.init_producer_id.v1.request import InitProducerIdRequest
from kio.schema.init_producer_id.v1.response import InitProducerIdResponse
from kio.schema.metadata.v4.request import MetadataRequest
from kio.schema.metadata.v4.response import MetadataResponse

from oncewhere.stack.kafka_connection import (
    CLIENT_ID,
    GROUP,
    TRANSACTION,
    Connection,
    ForeignServerError,
    NotReadyError,
    coordinator_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ForeignServerError", "NotReadyError", "finalized_features", "warm_up"]

_PAUSE_S = 0.01
_TIMEOUT: Any = timedelta(seconds=60)  # kio types it as a timedelta of 32 bits


def finalized_features(port: int) -> dict[str, int]:
    """The feature levels that the cluster runs with, such as `transaction.version`.

    Raises:
        NotReadyError: the broker does not answer.
    """
    with Connection(port) as connection:
        return _features(connection)


def warm_up(port: int, cluster_id: str, deadline: float, still_alive: Callable[[], bool]) -> dict[str, int]:
    """Have both internal topics made and loaded, and a first producer id allocated.

    Args:
        port: the broker's.
        cluster_id: what the broker must say it is.
        deadline: when to give up, on the clock of `time.monotonic`.
        still_alive: asked between tries.

    Returns:
        The cluster's `finalized_features`.

    Raises:
        ForeignServerError: another server has this port.
        NotReadyError: the deadline passed or the broker ended.
    """
    with Connection(port) as connection:
        if (
            connection.ask(MetadataRequest(topics=(), allow_auto_topic_creation=False), MetadataResponse).cluster_id
            != cluster_id
        ):
            raise ForeignServerError(f"another broker answers at port {port}")
        for key_type in (TRANSACTION, GROUP):  # both are under way before either is waited for
            connection.ask(coordinator_of(CLIENT_ID, key_type), FindCoordinatorResponse)
        for request, response_type in (
            (coordinator_of(CLIENT_ID, TRANSACTION), FindCoordinatorResponse),
            (coordinator_of(CLIENT_ID, GROUP), FindCoordinatorResponse),
            (InitProducerIdRequest(transactional_id=None, transaction_timeout=_TIMEOUT), InitProducerIdResponse),
        ):
            while (code := connection.ask(request, response_type).error_code) is not ErrorCode.none:
                if time.monotonic() > deadline or not still_alive():
                    raise NotReadyError(f"{type(request).__name__} was answered with {code.name}")
                time.sleep(_PAUSE_S)
        return _features(connection)


def _features(connection: Connection) -> dict[str, int]:
    answer = connection.ask(
        ApiVersionsRequest(client_software_name="oncewhere", client_software_version="1"), ApiVersionsResponse
    )
    return {str(feature.name): int(feature.max_version_level) for feature in answer.finalized_features}
