"""What a broker is told: its cluster, ports, a folder and a profile in; Kafka settings and JVM options out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from oncewhere.stack.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Profile: TypeAlias = Literal["drill", "benchmark"]
"""`drill` starts fast and stays small; `benchmark` has the throughput of a broker in production."""

REPLICAS_MAX = 3
"""Replicas of what matters, where there are as many brokers; Kafka's own default for its internal topics."""

SMALL: Mapping[str, str] = {
    # A group of a drill has one or two members: no waiting for more.
    "group.initial.rebalance.delay.ms": "0",
    # Tests of zombies need sessions that expire soon; a client still chooses its own timeout.
    "group.min.session.timeout.ms": "500",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    # Members of the new protocol hear of another's coming and going at their next heartbeat: not five seconds later.
    "group.consumer.heartbeat.interval.ms": "1000",
    # A transaction past its timeout is aborted within one second rather than ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # A broker that was killed may register again only when its old session has ended: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # A misspelt topic must be an error and not a new topic.
    "auto.create.topics.enable": "false",
    # The default of 128 MB would need a heap of 256 MB.
    "log.cleaner.dedupe.buffer.size": "2097152",
    "num.recovery.threads.per.data.dir": "1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
}


@dataclass(frozen=True, slots=True)
class Quorum:
    """The brokers of one cluster; each is a controller too, and knows the others before any of them starts.

    Attributes:
        cluster_id: the cluster's identity: 16 bytes as base64url without padding.
        controller_ports: where each talks to the others; node ids count from 1 in this order.
    """

    cluster_id: str
    controller_ports: tuple[int, ...]

    @property
    def voters(self) -> str:
        """For `controller.quorum.voters`."""
        return ",".join(f"{number}@{LOOPBACK}:{port}" for number, port in enumerate(self.controller_ports, 1))


_JVM: Mapping[Profile, tuple[str, ...]] = {
    # Half the throughput of G1 and C2 under load, but 0.5 s sooner and 100 MiB smaller.
    "drill": ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "benchmark": ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
}


def broker_settings(
    *, port: int, quorum: Quorum, node_id: int, data: Path, overrides: Mapping[str, str]
) -> dict[str, str]:
    """The settings of a broker that is a controller too (KRaft, combined mode), on loopback only.

    Args:
        port: where clients connect.
        quorum: the cluster that it belongs to.
        node_id: which of its brokers it is, from 1.
        data: its log folder.
        overrides: win over everything else.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": str(node_id),
        "controller.quorum.voters": quorum.voters,
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{quorum.controller_ports[node_id - 1]}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        **replication(len(quorum.controller_ports)),
        **SMALL,
        **overrides,
    }


def replication(brokers: int) -> dict[str, str]:
    """As many replicas as a cluster of this size can have; a default of 3 would wait for brokers that never come.

    One partition of each internal topic for each broker: the 50 of the defaults cost a second to create, and with one
    for each, coordinators are spread over the brokers.
    """
    replicas = str(min(brokers, REPLICAS_MAX))
    in_sync = "2" if brokers >= REPLICAS_MAX else "1"  # so that one of three may be missing
    partitions = str(brokers)
    return {
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": partitions,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": partitions,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": partitions,
    }


def jvm_options(profile: Profile, temporary: Path) -> list[str]:
    """The JVM options of a profile.

    Args:
        profile: which one.
        temporary: where compression libraries are unpacked; removed with the broker.
    """
    return [
        *_JVM[profile],
        "-XX:-UsePerfData",  # else a file per JVM in the system's temporary folder
        "-XX:+ExitOnOutOfMemoryError",
        f"-Djava.io.tmpdir={temporary}",
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        "-Dorg.slf4j.simpleLogger.showShortLogName=true",
    ]


def properties(settings: Mapping[str, str]) -> str:
    """The text of a Java properties file."""
    return "".join(f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in settings.items())
