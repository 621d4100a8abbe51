"""What a single-node broker is told: ports, a folder and a profile in; Kafka settings and JVM options out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from oncewhere.stack.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Profile: TypeAlias = Literal["drill", "benchmark"]
"""`drill` starts fast and stays small; `benchmark` has the throughput of a broker in production."""

NODE_ID = 1

SINGLE_NODE: Mapping[str, str] = {
    # One replica of everything; the defaults of 3 would wait for brokers that never come.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # One partition each: creating 50 costs a second, and one coordinator serves all.
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A group of a drill has one or two members: no waiting for more.
    "group.initial.rebalance.delay.ms": "0",
    # Tests of zombies need sessions that expire soon; a client still chooses its own timeout.
    "group.min.session.timeout.ms": "500",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "200",
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

_JVM: Mapping[Profile, tuple[str, ...]] = {
    # Half the throughput of G1 and C2 under load, but 0.5 s sooner and 100 MiB smaller.
    "drill": ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "benchmark": ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
}


def broker_settings(*, port: int, controller_port: int, data: Path, overrides: Mapping[str, str]) -> dict[str, str]:
    """The settings of a broker that is its own controller (KRaft, combined mode), on loopback only.

    Args:
        port: where clients connect.
        controller_port: where it talks to itself.
        data: its log folder.
        overrides: win over everything else.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        **SINGLE_NODE,
        **overrides,
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
