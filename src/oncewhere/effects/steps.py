"""Steps of a place that has no wire: an address in; each step is announced there, and done only once it is allowed.

Whoever stops a processor at its commits (a drill) must see them coming. Where a place is a library, such as SQLite,
nothing passes that could be seen, so the place says it itself, to an address that it is given; without one it says
nothing. One line for each, over one TCP connection:

    we      commit settlement       the step, and the tables that it is about; then we wait
    they    go                      it may be done
    we      done                    it is done, or `failed`; nothing answers that
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from oncewhere.effects.place import UndecidedError
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONNECT_LIMIT_S = 5.0
ANSWER_LIMIT_S = 300.0  # a step may be held for as long as a drill lets a processor stand still
MAX_TABLES = 32  # named in one line; the line has a limit at the other side
_GO = b"go\n"


class Steps:
    """One connection to whoever listens; made at the first step, and anew where it was lost.

    Args:
        address: `host:port`.
        place: the place's name, for sentences.

    Raises:
        ConfigurationError: the address has another form.
    """

    def __init__(self, address: str, *, place: str) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigurationError(
                f"The steps of place {place!r} go to {address!r}, which is no address.",
                hint="It has the form host:port; leave it out (None) where nobody listens.",
            )
        self._address = (host, int(port))
        self._place = place
        self._socket: socket.socket | None = None

    @contextlib.contextmanager
    def step(self, name: str, tables: Iterable[str]) -> Iterator[None]:
        """Announces a step, and says at the end of the block how it ended.

        Args:
            name: such as `commit`.
            tables: what it is about.

        Raises:
            UndecidedError: it is not allowed, or nobody answers: nothing was done.
        """
        about = ["".join(table.split()) for table in sorted(tables)[:MAX_TABLES]]
        self._ask(" ".join([name, *about]))
        try:
            yield
        except BaseException:
            self._tell("failed")
            raise
        self._tell("done")

    def close(self) -> None:
        """Closes the connection. Never raises."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _ask(self, line: str) -> None:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, CONNECT_LIMIT_S)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket.settimeout(ANSWER_LIMIT_S)
            self._socket.sendall(f"{line}\n".encode())
            answer = b""
            while len(answer) < len(_GO) and (more := self._socket.recv(len(_GO) - len(answer))):
                answer += more
        except OSError as error:
            self.close()
            raise self._refused(str(error)) from error
        if answer != _GO:
            self.close()
            raise self._refused("the connection was closed")

    def _tell(self, how: str) -> None:
        """Says how the step ended; where nobody hears it, it has ended all the same."""
        try:
            if self._socket is not None:
                self._socket.sendall(f"{how}\n".encode())
        except OSError:
            self.close()

    def _refused(self, why: str) -> UndecidedError:
        host, port = self._address
        return UndecidedError(f"a step of place {self._place!r} was announced to {host}:{port} and not allowed: {why}")
