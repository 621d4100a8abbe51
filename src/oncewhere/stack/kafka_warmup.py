"""The questions that make a fresh broker ready for its first transaction: a port in, a warm broker out.

`__transaction_state` and `__consumer_offsets` are created when somebody first asks for a coordinator; until then a
first transaction takes more than a second. Asking FindCoordinator for both, and InitProducerId for a block of producer
ids, moves that second to where PostgreSQL starts. No transactional.id is used, so nothing is left behind in the broker.
"""

from __future__ import annotations

import io
import socket
import struct
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from kio.schema.api_versions.v3.request import ApiVersionsRequest
from kio.schema.api_versions.v3.response import ApiVersionsResponse
from kio.schema.errors import ErrorCode
from kio.schema.find_coordinator.v1.request import FindCoordinatorRequest
from kio.schema.find_coordinator.v1.response import FindCoordinatorResponse
from kio.schema.init_producer_id.v1.request import InitProducerIdRequest
from kio.schema.init_producer_id.v1.response import InitProducerIdResponse
from kio.schema.metadata.v4.request import MetadataRequest
from kio.schema.metadata.v4.response import MetadataResponse
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError
from kio.static.primitive import i8, i16, i32

from oncewhere.stack.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable

_CLIENT_ID = "oncewhere-warm-up"
_PAUSE_S = 0.01
_LONGEST_ANSWER_BYTES = 1_000_000
_ANSWER_TIMEOUT_S = 5.0
_GROUP, _TRANSACTION = i8(0), i8(1)


class NotReadyError(Exception):
    """The broker does not answer as a warm broker does (yet)."""


class ForeignServerError(NotReadyError):
    """Somebody else answers at this port."""


def finalized_features(port: int) -> dict[str, int]:
    """The feature levels that the cluster runs with, such as `transaction.version`.

    Raises:
        NotReadyError: the broker does not answer.
    """
    with _Connection(port) as connection:
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
    with _Connection(port) as connection:
        if (
            connection.ask(MetadataRequest(topics=(), allow_auto_topic_creation=False), MetadataResponse).cluster_id
            != cluster_id
        ):
            raise ForeignServerError(f"another broker answers at port {port}")
        for key_type in (_TRANSACTION, _GROUP):  # both are under way before either is waited for
            connection.ask(_coordinator(key_type), FindCoordinatorResponse)
        for request, response_type in (
            (_coordinator(_TRANSACTION), FindCoordinatorResponse),
            (_coordinator(_GROUP), FindCoordinatorResponse),
            (InitProducerIdRequest(transactional_id=None, transaction_timeout=_TIMEOUT), InitProducerIdResponse),
        ):
            while (code := connection.ask(request, response_type).error_code) is not ErrorCode.none:
                if time.monotonic() > deadline or not still_alive():
                    raise NotReadyError(f"{type(request).__name__} was answered with {code.name}")
                time.sleep(_PAUSE_S)
        return _features(connection)


def _features(connection: _Connection) -> dict[str, int]:
    answer = connection.ask(
        ApiVersionsRequest(client_software_name="oncewhere", client_software_version="1"), ApiVersionsResponse
    )
    return {str(feature.name): int(feature.max_version_level) for feature in answer.finalized_features}


_TIMEOUT: Any = timedelta(seconds=60)  # kio types it as a timedelta of 32 bits


def _coordinator(key_type: i8) -> FindCoordinatorRequest:
    return FindCoordinatorRequest(key=_CLIENT_ID, key_type=key_type)


class _Connection:
    """One question at a time to the broker."""

    def __init__(self, port: int) -> None:
        try:
            self._socket = socket.create_connection((LOOPBACK, port), _ANSWER_TIMEOUT_S)
        except OSError as error:
            raise NotReadyError(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: Any, response_type: type[Any]) -> Any:
        header_type = request.__header_schema__
        frame = io.BytesIO()
        entity_writer(header_type)(
            frame,
            header_type(
                request_api_key=request.__api_key__,
                request_api_version=i16(request.__version__),
                correlation_id=i32(1),
                client_id=_CLIENT_ID,
            ),
        )
        entity_writer(type(request))(frame, request)
        body = frame.getvalue()
        try:
            self._socket.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", self._read(4))
            if not 0 < size < _LONGEST_ANSWER_BYTES:
                raise ForeignServerError("what answers there does not speak Kafka")
            answer = self._read(size)
        except OSError as error:
            raise NotReadyError(str(error)) from error
        try:
            _, offset = entity_reader(response_type.__header_schema__)(answer, 0)
            response, _ = entity_reader(response_type)(answer, offset)
        except (SerialError, ValueError) as error:
            raise ForeignServerError("what answers there does not speak Kafka") from error
        return response

    def _read(self, size_bytes: int) -> bytes:
        content = self._socket.recv(size_bytes, socket.MSG_WAITALL)
        if len(content) != size_bytes:
            raise ConnectionResetError("the broker closed the connection")
        return content
