"""A declared effect and a Redis or Valkey server come in; an empty database goes out, and later what is found in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Event
from oncewhere.errors import ConfigurationError
from oncewhere.wire.redis import RedisLink

from .redis_observation import RedisObservation
from .sent_identity import CommandIdentity
from .server_url import parse
from .wire_view import seen_on_the_wire
from .world import Address, Server

CALL_LIMIT_S = 5.0
_OURS: set[tuple[str, int, int]] = set()
"""Databases that were empty when this process came to them: the versions of a drill share them, one after the other."""
PORTS = {"redis": 6379, "valkey": 6379, "rediss": 6379}


class RedisWorld:
    """One database of a Redis server, by its number.

    It must be empty when the drill begins, and is emptied before each trial from then on: nobody's data are lost.

    Args:
        name: the effect's name.
        effect: its declaration.
        processor_identity: for JSON in commands and answers.
        dsn: the real server's URL, with the number of the database as its path.
    """

    def __init__(self, name: str, effect: Effect, processor_identity: str, dsn: str) -> None:
        self.name = name
        self._effect = effect
        self._url = parse(dsn, name, PORTS)
        number = self._url.path.strip("/") or "0"
        if not number.isdecimal():
            raise ConfigurationError(f"--dsn {name}=…: {number!r} is no database.", hint="Redis numbers them: /0.")
        self._database = int(number)
        self._observation: RedisObservation | None = None
        self._identify: CommandIdentity | None = None
        if effect.observe is not None:
            self._observation = RedisObservation(name, effect.observe, effect.identity or processor_identity)
        elif effect.identity is not None:
            self._identify = CommandIdentity(effect.identity, processor_identity)
        else:
            raise ConfigurationError(
                f"effects.{name} says neither how to observe it nor which command is the effect.",
                hint='For example observe = "hgetall processed", or identity = "HINCRBY processed *".',
            )

    def reset(self) -> Server:
        """Empties the database; the first time it must be empty.

        Raises:
            ConfigurationError: the server cannot be used, or somebody's data are in the database.
        """
        with self._connected() as client:
            if self._where not in _OURS and (keys := client.dbsize()):
                raise ConfigurationError(
                    f"{self.name}: database {self._database} of Redis at {self._url.host}:{self._url.port} holds "
                    f"{keys} keys; a drill empties its database before each trial.",
                    hint="Name an empty one by --dsn (redis://host:port/9), or flush it if nobody needs what is in it.",
                )
            _OURS.add(self._where)
            client.flushdb()
        url = self._url
        return Server(host=url.host, port=url.port, link=lambda: RedisLink(self._identify), tls=url.tls)

    def remove(self) -> None:
        """Leaves the database empty, as it was found."""
        if self._where in _OURS:
            with self._connected() as client:
                client.flushdb()
            _OURS.discard(self._where)

    def placeholders(self, host: str, port: int) -> Mapping[str, str]:
        """The database, reached through the proxy at host:port."""
        return Address(
            scheme="redis",
            host=host,
            port=port,
            user=self._url.user,
            password=self._url.password,
            path=f"/{self._database}",
        ).placeholders(self.name)

    def seen(self, events: Iterable[Event]) -> PlaceSeen:
        """Asks as `observe` says; without it, counts the commands that were delivered.

        Raises:
            ConfigurationError: what `observe` asks is refused, or its answer cannot be counted.
        """
        if self._observation is None:
            return seen_on_the_wire(events, self.name, self._effect.system, keys_count_once=False)
        with self._connected() as client:
            try:
                return self._observation.ask(client)
            except redis.ResponseError as error:
                raise ConfigurationError(f"effects.{self.name}.observe was refused: {error}.") from None

    @property
    def _where(self) -> tuple[str, int, int]:
        return self._url.host, self._url.port, self._database

    @contextlib.contextmanager
    def _connected(self) -> Iterator[redis.Redis]:
        url = self._url
        client = redis.Redis(
            host=url.host,
            port=url.port,
            db=self._database,
            username=url.user or None,
            password=url.password or None,
            ssl=url.tls is not None,
            socket_timeout=CALL_LIMIT_S,
            retry=Retry(NoBackoff(), 0),
        )
        with client:
            try:
                yield client
            except (redis.ConnectionError, redis.TimeoutError) as error:
                raise ConfigurationError(
                    f"{self.name}: Redis at {url.host}:{url.port} cannot be used: {error}.",
                    hint="Check host, port and password of its DSN; leave it out and a server is started.",
                ) from None
