"""One connection to a Redis or Valkey: commands and scripts in, their answers out, and what redis-py's errors mean."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.commands import CoreCommands
    from redis.crc import key_slot
    from redis.retry import Retry
except ModuleNotFoundError as error:  # pragma: no cover - what is installed decides
    from oncewhere.errors import ConfigurationError as _ConfigurationError

    raise _ConfigurationError(
        "Redis effects need redis-py, which is not installed.",
        hint="Install it: pip install 'oncewhere[redis]'",
    ) from error

from oncewhere.effects.place import UndecidedError
from oncewhere.effects.policy import DedupeTable, Policy
from oncewhere.effects.redis.checks import check_command, check_server
from oncewhere.effects.redis.script import MAX_WORDS, SCRIPT, Answer, Deed, Words, answer_of, arguments
from oncewhere.effects.redis.work import Server
from oncewhere.errors import ConfigurationError, OncewhereError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 30
MAX_REDIRECTIONS = 5

_BEGIN_AGAIN = (
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    redis.exceptions.MovedError,
    redis.exceptions.TryAgainError,
    redis.exceptions.AskError,
)
_BEGIN_AGAIN_CODES = frozenset({"BUSY", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "UNKILLABLE"})
"""Codes by which a server refuses a script before it runs any of it."""


def client_of(url: str, options: Mapping[str, Any]) -> redis.Redis:
    """A client that sends nothing twice by itself, and connects to nothing yet.

    Raises:
        ValueError: the URL is none.
    """
    client = redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        client_name="oncewhere",
        **options,
    )
    # Whatever the URL or the options say: bytes stay bytes, and what is unknown is ours to judge.
    client.connection_pool.connection_kwargs.update(decode_responses=False, retry=Retry(NoBackoff(), 0))
    return client


class Commands(CoreCommands):
    """The writing commands of one effect, collected in order: `commands.hincrby("balance", account, amount)`.

    Each of redis-py's methods is there, and gives None: nothing is sent before the batch is decided.

    Args:
        server: knows what each command is.
    """

    _event_dispatcher: Any = None  # redis-py's own; it hears of what is sent, and nothing is sent here

    def __init__(self, server: RedisServer) -> None:
        self.collected: list[Words] = []
        self._server = server

    def execute_command(self, *args: Any, **options: Any) -> None:
        """Collects one command, such as `execute_command("JSON.SET", key, "$", value)`.

        Raises:
            ConfigurationError: it reads, or cannot run in a script.
        """
        del options
        name, *rest = args
        encode = self._server.encode
        words = tuple(encode(word) for word in (*str(name).split(), *rest))
        self._server.admit(words)
        self.collected.append(words)


class RedisServer(Server):
    """One connection to a server, made anew where it was lost.

    Args:
        connect: gives a client.
        name: the place's, for sentences.
        policy: the place's.
        may_lose: whether the server may forget its last writes when it crashes.
    """

    def __init__(self, connect: Callable[[], redis.Redis], *, name: str, policy: Policy, may_lose: bool) -> None:
        self._name = name
        self._policy = policy
        self._may_lose = may_lose
        self._connect = connect
        self._open: redis.Redis | None = None
        self._clustered = False
        self._admitted: set[bytes] = set()
        self.encode: Callable[[Any], bytes] = connect().get_encoder().encode

    def prepare(self) -> None:
        """Looks at the server's settings.

        Raises:
            ConfigurationError: they do not keep what the policy needs kept.
        """
        with self._asked() as client:
            told = client.info()
            try:
                settings = dict(client.config_get("append*"))
            except redis.ResponseError:  # hidden by who runs it
                settings = {}
            client.script_load(SCRIPT)  # so that the first batch asks no more of the server than the others
        check_server(
            self._name,
            self._policy,
            told,
            {_text(key): _text(value) for key, value in settings.items()},
            may_lose=self._may_lose,
        )

    def commands(self) -> Commands:
        """An effect's."""
        return Commands(self)

    def admit(self, words: Words) -> None:
        """Refuses a command that cannot be part of the script.

        Raises:
            ConfigurationError: it reads, it is none, or no script may run it.
        """
        name = words[0].upper()
        if name not in self._admitted:
            with self._asked() as client:
                found = client.execute_command("COMMAND INFO", name)  # type: ignore[no-untyped-call]
            (about,) = found  # name, arity, flags, …; None where there is no such command
            flags = {_text(flag) for flag in about[2]} if about else set()
            check_command(_text(name), flags, self._name)
            self._admitted.add(name)
        if len(words) > MAX_WORDS:
            raise ConfigurationError(
                f"A command of {len(words)} words is too long for a script.", hint=f"Split it: {MAX_WORDS} at most."
            )

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """MGET."""
        with self._asked() as client:
            return list(client.mget(list(keys)))  # type: ignore[arg-type]  # bytes, since nothing is decoded

    def apply(self, deeds: Sequence[Deed]) -> Answer:
        """EVALSHA, and EVAL's text where the server does not know it."""
        policy = self._policy
        retention_s = policy.retention_s if isinstance(policy, DedupeTable) else None
        with self._asked() as client:
            if self._clustered:
                self._check_slots(client, [words for deed in deeds for words in deed.commands], deeds[0].key)
        with self._asked(writes=True) as client:
            script = client.register_script(SCRIPT)
            given = arguments(deeds, retention_s=retention_s)
            return answer_of(script(keys=[deed.key for deed in deeds], args=given))

    def transact(self, commands: Sequence[Words]) -> None:
        """MULTI, the commands, EXEC."""
        with self._asked(writes=True) as client, client.pipeline(transaction=True) as pipe:
            for words in commands:
                pipe.execute_command(*words)  # type: ignore[no-untyped-call]
            replies = pipe.execute(raise_on_error=False)
        failed = [reply for reply in replies if isinstance(reply, redis.ResponseError)]
        if failed:
            raise OncewhereError(
                f"Redis ({self._name!r}) refuses a command: {failed[0]}. The others of its batch took hold.",
                hint="Mend the key or the effect; with this policy the batch is done again.",
            )

    def close(self) -> None:
        """Closes it."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @contextlib.contextmanager
    def _asked(self, *, writes: bool = False) -> Iterator[redis.Redis]:
        """The client; what its errors mean, once.

        Raises:
            UndecidedError: no answer, or one that says to try again.
            OncewhereError: any other refusal.
        """
        try:
            if self._open is None:
                self._open = self._connected()
            yield self._open
        except redis.exceptions.ReadOnlyError as error:
            self.close()  # it was the primary once
            raise UndecidedError(f"Redis says: {error}") from error
        except (redis.ConnectionError, redis.TimeoutError) as error:
            lost = self._open is not None and writes
            self.close()
            told = "the answer was lost" if lost else "no answer"
            raise UndecidedError(f"{told} ({type(error).__name__})", unknown=lost) from error
        except redis.ResponseError as error:
            if isinstance(error, redis.exceptions.MovedError):
                self.close()
            if isinstance(error, _BEGIN_AGAIN) or str(error).partition(" ")[0] in _BEGIN_AGAIN_CODES:
                raise UndecidedError(f"Redis says: {error}") from error
            raise OncewhereError(f"Redis ({self._name!r}) refuses what oncewhere asks: {error}.") from error

    def _connected(self) -> redis.Redis:
        """A client of the server; in a cluster, of the node that has the events' slot."""
        client = self._connect()
        self._clustered = bool(client.info("cluster").get("cluster_enabled"))
        policy = self._policy
        if not self._clustered or not isinstance(policy, DedupeTable):
            return client
        for _ in range(MAX_REDIRECTIONS):
            try:
                client.exists(f"{policy.table}:")
            except redis.exceptions.MovedError as moved:
                client.close()
                client = self._connect()
                client.connection_pool.connection_kwargs.update(host=moved.host, port=moved.port)
            else:
                return client
        raise UndecidedError("the cluster's nodes do not agree who has the slot")

    def _check_slots(self, client: redis.Redis, commands: Sequence[Words], event_key: bytes) -> None:
        slot = key_slot(event_key)
        with client.pipeline(transaction=False) as pipe:
            for words in commands:
                pipe.execute_command("COMMAND GETKEYS", *words)  # type: ignore[no-untyped-call]
            found = pipe.execute(raise_on_error=False)
        for words, keys in zip(commands, found, strict=True):
            for key in [] if isinstance(keys, Exception) else keys:  # PUBLISH has none
                if key_slot(_bytes(key)) != slot:
                    raise ConfigurationError(
                        f"{_text(words[0])} {_text(_bytes(key))!r} is not in the slot of the events' keys: in a "
                        f"cluster, one script of {self._name!r} reaches one slot.",
                        hint="Give the effect's keys the same hash tag as the dedupe table: '{bank}:balance' beside "
                        "DedupeTable('{bank}:processed_event').",
                    )


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
