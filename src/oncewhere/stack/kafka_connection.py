"""One question at a time to one broker of ours: a port and kio's requests in, kio's responses out."""

from __future__ import annotations

import io
import socket
import struct
from typing import Any, Final, Self

from kio.schema.find_coordinator.v1.request import FindCoordinatorRequest
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError
from kio.static.primitive import i8, i16, i32

from oncewhere.stack.ports import LOOPBACK

CLIENT_ID: Final = "oncewhere-stack"
GROUP: Final = i8(0)
TRANSACTION: Final = i8(1)
"""What a coordinator is asked for (FindCoordinator's key types)."""

ANSWER_TIMEOUT_S: Final = 5.0
"""How long a broker may take to accept a connection, and to answer one question."""
_LONGEST_ANSWER_BYTES: Final = 1_000_000


class NotReadyError(Exception):
    """The broker does not answer as a warm broker does (yet)."""


class ForeignServerError(NotReadyError):
    """Somebody else answers at this port."""


class Connection:
    """A blocking connection to the broker at a port of the loopback interface; use it in a `with` block.

    Args:
        port: the broker's.
        timeout_s: how long it may take to connect, and to answer each question.

    Raises:
        NotReadyError: nobody accepts the connection.
    """

    def __init__(self, port: int, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        try:
            self._socket = socket.create_connection((LOOPBACK, port), timeout_s)
        except OSError as error:
            raise NotReadyError(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: Any, response_type: type[Any]) -> Any:
        """Send one of kio's requests; returns the response.

        Raises:
            NotReadyError: no answer came.
            ForeignServerError: what answers there does not speak Kafka.
        """
        header_type = request.__header_schema__
        frame = io.BytesIO()
        entity_writer(header_type)(
            frame,
            header_type(
                request_api_key=request.__api_key__,
                request_api_version=i16(request.__version__),
                correlation_id=i32(1),
                client_id=CLIENT_ID,
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


def coordinator_of(key: str, key_type: i8) -> FindCoordinatorRequest:
    """Ask who coordinates a group or a transactional id."""
    return FindCoordinatorRequest(key=key, key_type=key_type)
