"""Redis and Valkey as places: their driver, redis-py; commands that an effect collects in, one atomic script out.

A handler cannot read and write there in one transaction, as it can in a database. So an effect collects writing
commands, and they are sent together, when the batch is decided, in one script that also records the events: see
`redis_script`. What stands in Redis is the effect's to change, and never its to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oncewhere.addresses import address_of
from oncewhere.effects.named import NamedPlace
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.redis.server import Commands, RedisServer, client_of
from oncewhere.effects.redis.work import OpenRedis
from oncewhere.errors import ConfigurationError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.policy import Policy


class Redis(NamedPlace["Commands"]):
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

    def __init__(
        self,
        url: str,
        *,
        name: str,
        policy: Policy,
        acknowledged_loss: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name=name, policy=policy, system="redis")
        if acknowledged_loss is not None and not acknowledged_loss.strip():
            raise ConfigurationError(
                f"Place {name!r} may lose writes, and nobody has said why that is acceptable.",
                hint="Write acknowledged_loss='why a lost write does no harm', or leave it out.",
            )
        url = address_of(name, url)
        try:
            parts = urlsplit(url)
            self.address = f"{parts.hostname}:{parts.port or 6379}{parts.path}"
            client_of(url, options or {})
        except ValueError as error:
            # It may hold a password, so it is not shown.
            raise ConfigurationError(
                f"The URL of place {name!r} cannot be read.",
                hint="It has the form redis://user:password@host:port/database.",
            ) from error
        self._url = url
        self._options = dict(options or {})
        self.acknowledged_loss = acknowledged_loss

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
        server = RedisServer(
            lambda: client_of(self._url, self._options),
            name=self._name,
            policy=self._policy,
            may_lose=self.acknowledged_loss is not None,
        )
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
