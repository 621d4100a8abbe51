"""A cluster with an authorizer: what we may not read is unknown, and never good."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from late_write import LIMIT_S, committed_once, describe, leave_hanging, unverified

from oncewhere.cli import main
from oncewhere.stack import KafkaServer, ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "planted-s3cret"
DECLARATION = """
[processor]
command  = ["true"]
input    = "{input}"
output   = ["{output}"]
group    = "settlement"
identity = "event_id"
[drill]
inputs = "none.jsonl"
"""
TOPIC, GROUP, ID, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID, ResourceType.BROKER


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[tuple[str, str]]:
    """A broker that lets its plain listener do everything, and asks those of the other who they are."""
    folder = tmp_path_factory.mktemp("guarded")
    plain, controller, secure = (ports.free_port() for _ in range(3))
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    broker = KafkaServer(
        folder,
        cache,
        port=plain,
        settings={
            "listeners": f"PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SECURE://127.0.0.1:{secure}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_PLAINTEXT",
            "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.secure.plain.sasl.jaas.config": f'{module} required user_settlement="{PASSWORD}";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        },
    )
    try:
        broker.start()
        yield broker.bootstrap_servers, f"127.0.0.1:{secure}"
    finally:
        broker.stop()


def allow(admin: AdminClient, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    rules = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, "User:settlement", "*", operation, AclPermissionType.ALLOW)
        for operation in operations
    ]
    for done in admin.create_acls(rules).values():
        done.result(LIMIT_S)


@pytest.mark.servers
def test_what_we_may_not_describe_is_unknown_until_we_may(
    guarded: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, secure = guarded
    tag = uuid.uuid4().hex[:8]
    names = {"input": f"authorized-{tag}", "output": f"settled-{tag}"}
    admin = AdminClient({"bootstrap.servers": address})
    for made in admin.create_topics([NewTopic(name, 1, 1) for name in names.values()]).values():
        made.result(LIMIT_S)
    committed_once(address, names["output"], "settlement-0")
    about = describe(address, "settlement-0")
    with unverified(address):
        leave_hanging(address, names["output"], "settlement-0", about.producer_id, about.producer_epoch, 1)
    (tmp_path / "oncewhere.toml").write_text(DECLARATION.format(**names))
    (tmp_path / "credentials").write_text(f"sasl.username=settlement\nsasl.password={PASSWORD}\n")
    security = (
        "-X",
        "security.protocol=sasl_plaintext",
        "-X",
        "sasl.mechanism=PLAIN",
        "-F",
        str(tmp_path / "credentials"),
    )

    def look() -> tuple[int, list[dict[str, Any]], dict[str, set[str]]]:
        code = main(["doctor", str(tmp_path), "-b", secure, *security, "--format", "json"])
        captured = capsys.readouterr()
        assert PASSWORD not in captured.out + captured.err
        found = json.loads(captured.out)["findings"]
        marks: dict[str, set[str]] = {}
        for finding in found:
            marks.setdefault(finding["rule"], set()).add(finding["mark"])
        return code, found, marks

    # Nothing is allowed. A broker that hides a topic says that it does not exist; everything else is unknown.
    code, found, marks = look()
    assert {finding["rule"] for finding in found if finding["mark"] == "good"} <= {"broker-version"}
    assert marks["transaction-log"] == marks["partition-verification"] == {"unknown"}
    assert marks["topic-access"] == marks["group-access"] == marks["group-position"] == {"unknown"}
    assert marks["hanging-transaction"] == {"unknown"}
    assert code != 0

    # The topics may be read and described, and no transactional.id: it hangs, or its id is hidden from us.
    for name in names.values():
        allow(admin, TOPIC, name, AclOperation.READ, AclOperation.DESCRIBE_CONFIGS)
    allow(admin, GROUP, "settlement", AclOperation.READ)
    code, found, marks = look()
    exists = {finding["about"]: finding["mark"] for finding in found if finding["rule"] == "topic-exists"}
    assert (exists[names["input"]], exists[names["output"]]) == ("good", "good")
    access = {finding["about"]: finding["mark"] for finding in found if finding["rule"] == "topic-access"}
    assert access == {names["input"]: "good", names["output"]: "fault"}  # READ, and no WRITE
    (hanging,) = [one for one in found if one["rule"] == "hanging-transaction" and names["output"] in one["about"]]
    assert (hanging["mark"], hanging["about"]) == ("unknown", f"{names['output']}[0]")
    assert "it hangs, or we may not see its transactional.id" in hanging["reason"]
    assert marks["broker-version"] == {"good"}
    assert marks["transaction-log"] == {"unknown"}

    # The ids may be described: now it is known to hang.
    allow(admin, ID, "*", AclOperation.DESCRIBE)
    allow(admin, TOPIC, names["output"], AclOperation.WRITE)
    code, found, marks = look()
    (hanging,) = [one for one in found if one["rule"] == "hanging-transaction" and names["output"] in one["about"]]
    assert hanging["mark"] == "fault"
    assert "settlement-0 is CompleteCommit" in hanging["reason"]
    assert marks["topic-access"] == {"good"}
    assert code == 1

    # The brokers' settings and the rules may be read as well.
    allow(admin, CLUSTER, "kafka-cluster", AclOperation.DESCRIBE_CONFIGS, AclOperation.DESCRIBE)
    _, _, marks = look()
    assert marks["partition-verification"] == {"good"}
    assert marks["transaction-log"] == {"warning"}
