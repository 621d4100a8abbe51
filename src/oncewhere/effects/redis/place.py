"""Redis and Valkey as places: their driver, redis-py; commands that an effect collects in, one atomic script out.

A handler cannot read and write there in one transaction, as it can in a database. So an effect collects writing
commands, and they are sent together, when the batch is decided, in one script that also records the events: see
`redis_script`. What stands in Redis is the effect's to change, and never its to read.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

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

from oncewhere.addresses import address_of
from oncewhere.effects.honours import check, require_policy
from oncewhere.effects.place import Place, UndecidedError
from oncewhere.effects.policy import DedupeTable, Policy
from oncewhere.effects.redis.checks import check_command, check_server
from oncewhere.effects.redis.script import MAX_WORDS, SCRIPT, Answer, Deed, Words, answer_of, arguments
from oncewhere.effects.redis.work import OpenRedis, Server
from oncewhere.errors import ConfigurationError, OncewhereError, UnreachableError

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


class Redis(Place["Commands"]):
    """A Redis (7 or later) or Valkey database that effects write to.

    Args:
        url: `redis://user:password@host:port/database`; `rediss://` for TLS.
        name: your name for this place, such as `cache`; used in errors, events and the document.
        policy: how duplicates are prevented: `DedupeTable("processed_event")`, whose name becomes the front of one key
            per event, or `AtLeastOnce(acknowledged="why")`. There is no default.
        acknowledged_loss: why it is acceptable that a server that crashes forgets its last writes. None asks for a
            server that does not: `appendonly yes` and `appendfsync always`, which is looked for at the start.
        options: more arguments for `redis.Redis`, such as `{"ssl_ca_certs": "ca.pem"}`.

    Raises:
        ConfigurationError: the URL cannot be read, the name is empty, or the policy is none that Redis can honour.
    """

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Made with a policy, or not at all."""
        require_policy(cls, given)
        return super().__new__(cls)

    def __init__(
        self,
        url: str,
        *,
        name: str,
        policy: Policy,
        acknowledged_loss: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if not name:
            raise ConfigurationError("A place needs a name.", hint="Write Redis(…, name='cache', policy=…).")
        check(policy, "redis", place=name)
        if acknowledged_loss is not None and not acknowledged_loss.strip():
            raise ConfigurationError(
                f"Place {name!r} may lose writes, and nobody has said why that is acceptable.",
                hint="Write acknowledged_loss='why a lost write does no harm', or leave it out.",
            )
        url = address_of(name, url)
        try:
            parts = urlsplit(url)
            self.address = f"{parts.hostname}:{parts.port or 6379}{parts.path}"
            _client(url, options or {})
        except ValueError as error:
            # It may hold a password, so it is not shown.
            raise ConfigurationError(
                f"The URL of place {name!r} cannot be read.",
                hint="It has the form redis://user:password@host:port/database.",
            ) from error
        self._url = url
        self._options = dict(options or {})
        self._name = name
        self._policy = policy
        self.acknowledged_loss = acknowledged_loss

    def __repr__(self) -> str:
        return f"<Redis {self._name!r} at {self.address}, {self._policy.name}>"

    @property
    def name(self) -> str:
        """The user's name for it."""
        return self._name

    @property
    def system(self) -> str:
        """`redis`, also where it is Valkey."""
        return "redis"

    @property
    def policy(self) -> Policy:
        """How duplicates are prevented here."""
        return self._policy

    @property
    def idle_limit_s(self) -> None:
        """No transaction stays open there."""
        return

    def connection_type(self) -> type[Commands]:
        """What an effect gets as its first argument."""
        return Commands

    def open(self, group_id: str) -> OpenRedis:
        """Connects, and looks whether the server keeps what the policy needs kept.

        Raises:
            ConfigurationError: it may forget what it has acknowledged, or throw keys away, or is a cluster whose slots
                the keys would not share.
            UnreachableError: no server answers, or it refuses us.
        """
        server = RedisServer(self, lambda: _client(self._url, self._options))
        try:
            server.prepare()
        except UndecidedError as error:
            server.close()
            msg = f"Redis at {self.address} (place {self._name!r}) cannot be used: {error.reason}."
            raise UnreachableError(msg, hint="Start it, or mend the address.") from error
        except BaseException:
            server.close()
            raise
        return OpenRedis(self._name, self._policy, group_id, server)


def _client(url: str, options: Mapping[str, Any]) -> redis.Redis:
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
        place: what is wanted of it.
        connect: gives a client.
    """

    def __init__(self, place: Redis, connect: Callable[[], redis.Redis]) -> None:
        self._place = place
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
            self._place.name,
            self._place.policy,
            told,
            {_text(key): _text(value) for key, value in settings.items()},
            may_lose=self._place.acknowledged_loss is not None,
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
            check_command(_text(name), flags, self._place.name)
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
        policy = self._place.policy
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
                f"Redis ({self._place.name!r}) refuses a command: {failed[0]}. The others of its batch took hold.",
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
            raise OncewhereError(f"Redis ({self._place.name!r}) refuses what oncewhere asks: {error}.") from error

    def _connected(self) -> redis.Redis:
        """A client of the server; in a cluster, of the node that has the events' slot."""
        client = self._connect()
        self._clustered = bool(client.info("cluster").get("cluster_enabled"))
        policy = self._place.policy
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
                        f"cluster, one script of {self._place.name!r} reaches one slot.",
                        hint="Give the effect's keys the same hash tag as the dedupe table: '{bank}:balance' beside "
                        "DedupeTable('{bank}:processed_event').",
                    )


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
