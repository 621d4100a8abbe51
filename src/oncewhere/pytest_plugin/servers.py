"""A session's servers: started when they are first needed, and stopped when the session ends."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from oncewhere.cli.places import cache_folder, heed_start_limit
from oncewhere.drill import Servers
from oncewhere.errors import ConfigurationError
from oncewhere.stack import Stack


class SessionServers:
    """Kafka and PostgreSQL from the beginning; MariaDB and Valkey once a drill has an effect there.

    Args:
        folder: for their data; an empty one.
        kafka: HOST:PORT of a Kafka of the user's; None starts one.
    """

    def __init__(self, folder: Path, *, kafka: str | None = None) -> None:
        heed_start_limit()
        self._folder = folder
        self._theirs = kafka
        self._running = ExitStack()
        self._stack = Stack(folder / "first", cache_folder(), kafka=kafka is None, fsync=False)
        self._more: dict[str, Stack] = {}

    def __enter__(self) -> Self:
        self._running.enter_context(self._stack)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def __repr__(self) -> str:
        return f"<SessionServers Kafka at {self.bootstrap_servers}>"

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address for `bootstrap.servers`."""
        return self._theirs or self._stack.bootstrap_servers

    @property
    def is_ours(self) -> bool:
        """True where Kafka was started by this session, and is nobody else's."""
        return self._theirs is None

    def dsn(self, database: str = "postgres") -> str:
        """The address of a PostgreSQL database."""
        return self._stack.dsn(database)

    def create_database(self, name: str | None = None) -> str:
        """Makes an empty PostgreSQL database.

        Args:
            name: its name; one that nobody else has where it is left out.

        Returns:
            Its DSN.
        """
        return self._stack.postgres.create_database(name or f"test_{uuid.uuid4().hex[:12]}")

    def for_drill(self, systems: dict[str, str], dsns: dict[str, str]) -> Servers:
        """What a drill is given.

        Args:
            systems: by effect, its system.
            dsns: by effect, the URL of a server that the test names.

        Raises:
            ConfigurationError: a DSN is for no effect of the drill.
        """
        for name in dsns.keys() - systems.keys():
            raise ConfigurationError(
                f"dsns names {name!r}, which is no effect of the processor.", hint=f"There are {', '.join(systems)}."
            )
        ours = {name: self._dsn_for(system) for name, system in systems.items() if name not in dsns}
        return Servers(
            bootstrap_servers=self.bootstrap_servers,
            dsns={**{name: dsn for name, dsn in ours.items() if dsn is not None}, **dsns},
        )

    def _dsn_for(self, system: str) -> str | None:
        match system:
            case "postgresql":
                return self.dsn()
            case "mysql":
                return self._started(system).mariadb.dsn()
            case "redis":
                return self._started(system).valkey.dsn(0)
            case _:
                return None

    def _started(self, system: str) -> Stack:
        if system not in self._more:
            stack = Stack(
                self._folder / system,
                cache_folder(),
                kafka=False,
                postgres=False,
                mariadb=system == "mysql",
                valkey=system == "redis",
                fsync=False,
            )
            self._more[system] = self._running.enter_context(stack)
        return self._more[system]
