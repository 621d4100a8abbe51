"""smtplib's connections, which wait for all of one mail no longer than until one moment: that in, TimeoutError out.

smtplib has a time for each of its waits, and one mail has many: a connection, a greeting, each line of each reply.
"""

from __future__ import annotations

import io
import smtplib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from _typeshed import ReadableBuffer, WriteableBuffer


class TimedSmtp(smtplib.SMTP):
    """One connection.

    Args:
        host: the server's.
        port: the server's.
        ends_at: until when it waits, by the monotonic clock; to be set anew for each mail.
        options: more of smtplib's.
    """

    def __init__(self, host: str, port: int, *, ends_at: float, **options: Any) -> None:
        self.ends_at = ends_at
        super().__init__(host, port, timeout=self._left_s(), **options)

    def send(self, s: ReadableBuffer | str) -> None:
        """As smtplib sends a command, or a message."""
        self.in_time()
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib reads a reply."""
        if self.file is None:
            self.file = io.BufferedReader(_Replies(self))
        return super().getreply()

    def in_time(self) -> socket.socket:
        """The socket, which waits once for as long as is left.

        Raises:
            TimeoutError: nothing is.
            smtplib.SMTPServerDisconnected: there is none.
        """
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        self.sock.settimeout(self._left_s())
        return self.sock

    def _left_s(self) -> float:
        if (left_s := self.ends_at - time.monotonic()) <= 0:
            raise TimeoutError("the time for this mail is over")
        return left_s


class TimedSmtps(TimedSmtp, smtplib.SMTP_SSL):
    """One connection that is encrypted from its first byte."""


class _Replies(io.RawIOBase):
    """What a server says, as it comes."""

    def __init__(self, server: TimedSmtp) -> None:
        self._server = server

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._server.in_time().recv_into(buffer)
