"""What a trial needs of a place outside Kafka: an empty one goes out, and later what is found there.

A world never talks through the proxy: the drill's own traffic is not the processor's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import quote

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.history import Event
from oncewhere.proxy.tls import Tls
from oncewhere.wire import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the real server listens, and what reads its protocol.

    Attributes:
        host: its host.
        port: its TCP port.
        link: makes the wire layer's state of one new connection.
        tls: how it is spoken to; None for plainly. The processor speaks plainly to the proxy in any case.
    """

    host: str
    port: int
    link: Callable[[], Link]
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the processor is given for a place; every part is a placeholder of the declaration.

    Attributes:
        scheme: of the URL.
        host: the proxy's.
        port: the proxy's.
        user: where the server asks for one.
        password: likewise.
        path: of the URL, with its leading slash: a database's name, or an HTTP server's base path.
    """

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    path: str = ""

    @property
    def url(self) -> str:
        """The address as one URL, credentials included."""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        user = f"{quote(self.user, safe='')}{password}@" if self.user or password else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}{self.path}"

    def placeholders(self, name: str) -> Mapping[str, str]:
        """`{NAME}` is the URL; `{NAME.host}`, `.port`, `.user`, `.password` and `.database` are its parts."""
        parts = {
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "password": self.password,
            "database": self.path.removeprefix("/"),
        }
        return {name: self.url} | {f"{name}.{part}": text for part, text in parts.items()}


class World(Protocol):
    """One declared effect's place, for one trial at a time; blocking calls, which the engine runs in threads."""

    name: str

    def reset(self) -> Server | None:
        """Makes the place as if nothing had ever happened there.

        Returns:
            The server that the crossing is to lead to; None where the place has no wire.

        Raises:
            ConfigurationError: the server cannot be used as declared; nothing that somebody else left is destroyed.
        """

    def placeholders(self, host: str, port: int) -> Mapping[str, str]:
        """What the processor is told, with the proxy at host:port (empty and 0 where the place has no wire)."""

    def seen(self, events: Iterable[Event]) -> PlaceSeen:
        """Says what happened at the place, once the last life has ended.

        Args:
            events: the trial's history, for who has nothing but the wire to go by.

        Raises:
            ConfigurationError: what `observe` asks is refused or does not answer with identities and counts.
        """

    def remove(self) -> None:
        """Leaves nothing of what was made; harmless where nothing was."""


@runtime_checkable
class Keyed(Protocol):
    """A world whose database can be asked which unique keys its tables have."""

    def unique_keys(self) -> Mapping[str, list[list[str]]]:
        """By table, the columns of each unique key that refuses every duplicate; blocking.

        Raises:
            ConfigurationError: the database does not answer.
        """


@runtime_checkable
class Forgetful(Protocol):
    """A world whose place can be made to forget what its policy lets it forget (`purge`)."""

    name: str

    @property
    def forgets(self) -> bool:
        """Whether the effect declares a purge."""

    def seen(self, events: Iterable[Event]) -> PlaceSeen:
        """What `observe` answers; see `World`."""

    def now(self) -> str:
        """The time by the place's own clock, as its SQL writes it, without quotes; blocking."""

    def purge(self, cutoff: str) -> int | None:
        """Does it; blocking.

        Args:
            cutoff: what stands for `{cutoff}` in the statement, in quotes: a time that `now` has said.

        Returns:
            How many rows were forgotten; None where the database does not tell.

        Raises:
            ConfigurationError: the statement is refused.
        """
