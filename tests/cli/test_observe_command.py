"""A processor is run once behind the proxies: what it does is told against what it declares, and no secret with it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from typed_command import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.stack import KafkaServer, PostgresServer

pytestmark = pytest.mark.servers

PASSWORD = "planted: p@ss/word 4711"
SPELLINGS = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD))
TOKEN = "planted-token-4712"
SASL = "planted-sasl-4713"


@pytest.fixture
def planted(postgres: PostgresServer) -> Iterator[str]:
    """A user of the database whose password nobody else may read."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as server:
        server.execute("drop role if exists planted")
        server.execute(f"create role planted login superuser password '{PASSWORD}'")
        at = re.sub(r"//[^@]*@", f"//planted:{quote(PASSWORD, safe='')}@", postgres.dsn("postgres"))
        yield at
        server.execute("drop role planted")


@pytest.fixture
def somebody() -> Iterator[socket.socket]:
    """A server that no declaration names."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def edit(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    file.write_text(text)


def test_what_it_does_otherwise_than_declared_is_told_and_no_secret_is_kept(
    example: Path, cache: Path, kafka: KafkaServer, planted: str, somebody: socket.socket
) -> None:
    elsewhere = somebody.getsockname()
    calls = f"import socket; undeclared = socket.create_connection({elsewhere})"
    edit(
        example / "payments" / "plain.py",
        (
            "def main() -> None:",
            f"def main() -> None:\n    print(dict(os.environ), flush=True)\n    {calls}",
        ),
        ('"isolation.level": "read_committed"', '"isolation.level": "read_uncommitted"'),
        ("producer.send_offsets_to_transaction(", "consumer.commit(offsets="),
        (
            "consumer.position(consumer.assignment()), consumer.consumer_group_metadata()",
            "consumer.position(consumer.assignment()), asynchronous=False",
        ),
    )
    edit(
        example / "payments" / "oncewhere.toml",
        ('DATABASE_URL            = "{bank}"', f'DATABASE_URL = "{{bank}}"\nPROVIDER_TOKEN = "{TOKEN}"'),
        ('command = ["{python}", "plain.py"]', f'command = ["{{python}}", "plain.py", "--api-token={TOKEN}"]'),
        ("[document]", f'[document.settings]\n"sasl.password" = "{SASL}"\n[document]'),
    )
    given = ("-b", kafka.bootstrap_servers, "--dsn", f"bank={planted}")
    seen = run(example, cache, "observe", "payments", "plain", *given)
    assert seen.returncode == 1, seen.stdout + seen.stderr
    told = " ".join(seen.stdout.split())
    assert "Consumed positions were committed by OffsetCommit, outside of any transaction." in told
    assert "payment-authorized was read with isolation.level=read_uncommitted" in told
    assert f"connected to 127.0.0.1:{elsewhere[1]}, which is no declared effect" in told
    assert "✓ transactional.id settlement-{instance} settlement-0" in told

    (folder,) = (
        path for path in (example / ".oncewhere" / "runs").iterdir() if path.is_dir() and not path.is_symlink()
    )
    written = run(example, cache, "document", "payments", "plain", "--run", str(folder))
    assert "✗ NOT exactly once in Kafka" in written.stdout, written.stderr
    refused = run(
        example,
        cache,
        "observe",
        "payments",
        "plain",
        "--dsn",
        f"bank={planted.replace('@127', '@nowhere.invalid127')}",
    )
    assert refused.returncode == 2
    sasl = ("-X", "security.protocol=sasl_plaintext", "-X", "sasl.mechanism=PLAIN", "-X", "sasl.username=me")
    unknown = run(example, cache, "observe", "payments", "plain", *given, *sasl, "-X", f"sasl.password={SASL}")
    assert unknown.returncode != 0

    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert {"run.json", "wire.jsonl", "life-1.log"} <= {path.name for path in kept}
    assert "PROVIDER_TOKEN" in next(path for path in kept if path.name == "life-1.log").read_text()
    texts = {
        str(path.relative_to(example)): path.read_text() for path in [*kept, *example.glob("payments/*exactly*.json")]
    }
    texts |= {path.name: path.read_text() for path in example.glob("payments/EXACTLY-ONCE.plain.*")}
    for name, done in {"observe": seen, "document": written, "dsn": refused, "sasl": unknown}.items():
        texts[f"what {name} printed"] = done.stdout + done.stderr
    found = {name: secret for name, text in texts.items() for secret in (*SPELLINGS, TOKEN, SASL) if secret in text}
    assert found == {}


def test_a_command_may_be_given_instead_of_the_declared_one(
    example: Path, cache: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    given = ("-b", kafka.bootstrap_servers, "--dsn", postgres.dsn("postgres"))
    done = run(example, cache, "observe", "payments", "offset-ledger", *given, "--", "{python}", "offset_ledger.py")
    assert done.returncode == 0, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert "✓ What was seen is what is declared." in told
    assert "✓ consumed positions in the transaction in the transaction, with" in told
    assert "account + " in told
