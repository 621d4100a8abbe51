"""Plain on loopback, TLS to the server: a broker that wants SASL over TLS, and a PostgreSQL that wants TLS."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
import trustme
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from oncewhere.cluster import Access, ClusterClient, questions
from oncewhere.cluster.broker import Broker
from oncewhere.drill.effect import Effect
from oncewhere.drill.worlds.mysql import MysqlWorld
from oncewhere.errors import ConfigurationError
from oncewhere.proxy import POSTGRES, Crossing, Decision, LinkName, Tls
from oncewhere.proxy.mysql_tls import connect_mysql
from oncewhere.stack import KafkaServer, MariadbServer, PostgresServer
from oncewhere.stack.ports import free_ports
from oncewhere.wire import Direction, Message
from oncewhere.wire.mysql import MysqlLink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from oncewhere.drill.worlds import Server

BAIT = Path(__file__).parents[1] / "bait" / "no_protection.py"
LIMIT_S = 30.0
PASSWORD = "planted-secret-7"

TRANSFORM = """
import sys
from confluent_kafka import Producer

bootstrap, topic, mechanism, password = sys.argv[1:]
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "t", "security.protocol": "sasl_plaintext",
                     "sasl.mechanism": mechanism, "sasl.username": "alice", "sasl.password": password})
producer.init_transactions(20)
producer.begin_transaction()
producer.produce(topic, b"payment")
producer.commit_transaction(20)
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, path


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, authority: tuple[trustme.CA, Path]
) -> Iterator[tuple[KafkaServer, str]]:
    """A broker with a plain listener for the test's own questions and one that wants SASL over TLS."""
    folder = tmp_path_factory.mktemp("guarded")
    plain, controller, secure = free_ports(3)
    server = authority[0].issue_cert("127.0.0.1")
    keys = folder / "broker.pem"
    key = serialization.load_pem_private_key(server.private_key_pem.bytes(), None)
    chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
    keys.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)
    listener = "listener.name.secure"
    module = "org.apache.kafka.common.security"
    broker = KafkaServer(
        folder / "broker",
        cache,
        port=plain,
        settings={
            "listeners": f"PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SECURE://127.0.0.1:{secure}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keys),
            f"{listener}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            f"{listener}.plain.sasl.jaas.config": f'{module}.plain.PlainLoginModule required user_alice="{PASSWORD}";',
            f"{listener}.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
        },
    )
    try:
        broker.start()
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        wanted = UserScramCredentialUpsertion("alice", credential, PASSWORD.encode())
        for done in admin.alter_user_scram_credentials([wanted]).values():
            done.result(LIMIT_S)
        yield broker, f"127.0.0.1:{secure}"
    finally:
        broker.stop()


def access(authority: Path, mechanism: str, password: str = PASSWORD) -> Access:
    return Access.from_settings(
        {
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(authority),
            "sasl.mechanism": mechanism,
            "sasl.username": "alice",
            "sasl.password": password,
        }
    )


@pytest.mark.servers
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_sasl_passes_through_and_the_wire_is_read_all_the_same(
    guarded: tuple[KafkaServer, str], authority: tuple[trustme.CA, Path], mechanism: str
) -> None:
    broker, secure = guarded
    topic = f"settled-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(LIMIT_S)
    told: list[Message] = []

    def observer(_: LinkName, message: Message) -> Decision:
        told.append(message)
        return Decision.FORWARD

    async def main() -> None:
        way = access(authority[1], mechanism)
        assert way.tls is not None
        async with Crossing(observer) as crossing, await ClusterClient.connect(secure, access=way) as cluster:
            bootstrap = await crossing.open_kafka(secure, tls=Tls(context=way.tls))
            command = [sys.executable, "-c", TRANSFORM, bootstrap, topic, mechanism, PASSWORD]
            child = await asyncio.create_subprocess_exec(*command)
            assert await asyncio.wait_for(child.wait(), LIMIT_S) == 0
            assert crossing.counters["kafka"].unknown_bytes == 0
            assert (await cluster.describe_transactions(["t"]))["t"].state.endswith("Commit")

    asyncio.run(main())
    answered = [m.kind for m in told if m.direction is Direction.REPLY]
    assert answered.index("InitProducerId") < answered.index("Produce") < answered.index("EndTxn")
    assert PASSWORD not in str(told), "secrets are never told"


@pytest.mark.servers
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_one_clear_error(
    guarded: tuple[KafkaServer, str], authority: tuple[trustme.CA, Path], mechanism: str
) -> None:
    async def main() -> None:
        with pytest.raises(ConfigurationError, match="cannot be reached") as raised:
            await ClusterClient.connect(guarded[1], access=access(authority[1], mechanism, "wrong"))
        assert "refused us" in str(raised.value.detail)
        assert "wrong" not in str(raised.value.detail)

    asyncio.run(main())


@pytest.mark.servers
def test_a_broker_whose_certificate_nobody_trusts_is_not_spoken_to(
    guarded: tuple[KafkaServer, str], tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))

    async def main() -> None:
        with pytest.raises(ConfigurationError) as raised:
            await ClusterClient.connect(guarded[1], access=access(stranger, "PLAIN"))
        assert "certificate" in str(raised.value.detail).lower()
        async with Crossing(lambda *_: Decision.FORWARD) as crossing:
            way = Tls(context=ssl.create_default_context(cafile=str(stranger)))
            bootstrap = await crossing.open_kafka(guarded[1], tls=way)
            reader, writer = await asyncio.open_connection(*bootstrap.split(":"))
            assert await reader.read() == b""
            writer.close()
            assert crossing.counters["kafka"].refused == 1

    asyncio.run(main())


def test_a_connection_is_closed_at_once_however_long_its_broker_would_talk(authority: tuple[trustme.CA, Path]) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("127.0.0.1").configure_cert(serving)
    over = threading.Event()

    def say_nothing(server: socket.socket) -> None:
        with serving.wrap_socket(server.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            over.wait(LIMIT_S)

    way = Access.from_settings({"security.protocol": "ssl", "ssl.ca.location": str(authority[1])})
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        silent = threads.submit(say_nothing, server)
        broker = Broker(("127.0.0.1", server.getsockname()[1]), way)

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(broker.ask(questions.versions()), 0.5)

        asyncio.run(main())
        gc.collect()  # what is still open then warns, and a warning fails a test
        over.set()
        silent.result(LIMIT_S)


@pytest.mark.servers
def test_a_drill_and_its_processor_work_on_brokers_that_want_sasl_over_tls(
    tmp_path: Path, guarded: tuple[KafkaServer, str], authority: tuple[trustme.CA, Path], postgres: PostgresServer
) -> None:
    login = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "alice", "sasl.password": PASSWORD}
    inputs = [{"key": "k", "value": {"event_id": f"e{number}"}} for number in range(12)]
    (tmp_path / "inputs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in inputs))
    (tmp_path / "schema.sql").write_text("create table done (event_id text not null);")
    (tmp_path / "oncewhere.toml").write_text(
        f"""
        [processor]
        command = ["{{python}}", {json.dumps(str(BAIT))}]
        input = "bait-in"
        output = ["bait-out"]
        group = "bait"
        identity = "event_id"
        [processor.environment]
        KAFKA_BOOTSTRAP_SERVERS = "{{kafka}}"
        KAFKA_SECURITY = {json.dumps(json.dumps({"security.protocol": "sasl_plaintext"} | login))}
        BANK_URL = "{{bank}}"
        [effects.bank]
        system = "postgresql"
        schema = "schema.sql"
        observe = "select event_id, count(*) from done group by event_id"
        [drill]
        inputs = "inputs.jsonl"
        partitions = 1
        """
    )
    settings = {"security.protocol": "sasl_ssl", "ssl.ca.location": str(authority[1])} | login
    options = [word for name, text in settings.items() for word in ("-X", f"{name}={text}")]
    bank = f"bank={postgres.dsn('postgres')}"
    command = [sys.executable, "-m", "oncewhere", "drill", ".", "-b", guarded[1], *options, "--dsn", bank]
    chosen = ["-k", "after-effect", "--scenario", "crash", "--scenario", "upstream-abort"]
    done = subprocess.run([*command, *chosen], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    (version,) = json.loads((tmp_path / ".oncewhere" / "runs" / "latest" / "run.json").read_text())["versions"]
    found = {t["id"]: {f["place"]: f["verdict"] for f in t["findings"]} for t in version["trials"]}
    assert found == {
        "clean": {"bait-out": "once", "bank": "once"},
        "kafka.EndTxn.2.1.before": {"bait-out": "once", "bank": "duplicate"},
        "upstream-abort": {"bait-out": "once", "bank": "once"},
        "upstream-abort@kafka.EndTxn.2.1.before": {"bait-out": "once", "bank": "duplicate"},
    }
    told = [done.stdout, done.stderr, *(f.read_text() for f in (tmp_path / ".oncewhere").rglob("*") if f.is_file())]
    assert not [text for text in told if PASSWORD in text], "secrets are never told, and do not travel with a run"


class Encrypted:
    """A PostgreSQL door that wants TLS, in front of a real server that does not know it; one connection at a time."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._where, self._context = (host, port), context
        self.asked: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            self.asked.append(await reader.readexactly(8))
            writer.write(b"S")
            await writer.start_tls(self._context)
            inner_reader, inner = await asyncio.open_connection(*self._where)
            with contextlib.closing(inner):
                await asyncio.gather(_copy(reader, inner), _copy(inner_reader, writer), return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()


@pytest.mark.servers
@pytest.mark.parametrize("sslmode", ["prefer", "disable"])
def test_postgresql_is_asked_for_tls_whatever_the_processor_asks(
    postgres: Any, authority: tuple[trustme.CA, Path], sslmode: str
) -> None:
    dsn = postgres.create_database(f"bank_{uuid.uuid4().hex[:8]}")
    where = conninfo_to_dict(dsn)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("127.0.0.1").configure_cert(serving)
    told: list[str] = []

    def observer(_: LinkName, message: Message) -> Decision:
        told.append(f"{message.direction} {message.kind}")
        return Decision.FORWARD

    def work(conninfo: str) -> None:
        with psycopg.connect(conninfo, sslmode=sslmode) as connection:
            connection.execute("create table t (a int)")
            connection.commit()

    async def main() -> None:
        door = Encrypted(str(where["host"]), int(str(where["port"])), serving)
        server = await asyncio.start_server(door, "127.0.0.1", 0)
        async with server, Crossing(observer) as crossing:
            way = Tls(context=ssl.create_default_context(cafile=str(authority[1])), preface=POSTGRES)
            host, port = await crossing.open_postgres(*server.sockets[0].getsockname(), tls=way)
            await asyncio.to_thread(work, make_conninfo(dsn, host=host, port=port))
            assert door.asked == [bytes.fromhex("0000000804d2162f")]
            assert crossing.counters["postgresql"].unknown_bytes == 0

    asyncio.run(main())
    assert "reply commit" in told


class Guarded(MariadbServer):
    """A MariaDB that can be spoken to under TLS."""

    certificate: Path

    def command(self) -> Sequence[str]:
        return [*super().command(), f"--ssl-cert={self.certificate}", f"--ssl-key={self.certificate}"]


@pytest.fixture
def mariadb(tmp_path: Path, authority: tuple[trustme.CA, Path]) -> Iterator[MariadbServer]:
    server = Guarded(tmp_path / "mariadb", fsync=False)
    server.certificate = tmp_path / "server.pem"
    authority[0].issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(server.certificate))
    server.certificate.chmod(0o644)
    for folder in list(server.certificate.parents)[:3]:
        folder.chmod(0o755)  # the server may run as another user
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.mark.servers
def test_mysql_is_asked_for_tls_whatever_the_processor_asks_and_its_commit_is_told(
    mariadb: MariadbServer, authority: tuple[trustme.CA, Path], tmp_path: Path
) -> None:
    effect = Effect(system="mysql", observe="select event_id, count(*) from done group by event_id", schema="s.sql")
    (tmp_path / "s.sql").write_text("create table done (event_id varchar(20));")
    dsn = f"{mariadb.dsn()}?ssl-mode=VERIFY_IDENTITY&ssl-ca={authority[1]}"
    world = MysqlWorld("bank", effect, tmp_path, dsn, "v0")
    told: list[str] = []

    def observer(_: LinkName, message: Message) -> Decision:
        told.append(f"{message.direction} {message.kind}")
        return Decision.FORWARD

    def work(host: str, port: int) -> list[str]:
        where = world.placeholders(host, port)
        with pymysql.connect(
            host=host,
            port=port,
            user=where["bank.user"],
            password=where["bank.password"],
            database=where["bank.database"],
            ssl_disabled=True,
        ) as connection:
            cursor = connection.cursor()
            cursor.execute("show session status like 'Ssl_version'")
            version = [str(row[1]) for row in cursor.fetchall()]
            cursor.execute("insert into done values ('e1')")
            connection.commit()
            return version

    async def main(server: Server) -> list[str]:
        async with Crossing(observer) as crossing:
            where = await crossing.open("bank", server.host, server.port, server.link, tls=server.tls)
            version = await asyncio.to_thread(work, *where)
            assert crossing.counters["bank"].unknown_bytes == 0
            return version

    assert asyncio.run(main(world.reset())) == ["TLSv1.3"]
    assert {"request startup", "request commit", "reply commit"} <= set(told)
    assert world.seen(()).counts == {"e1": 1}
    world.remove()


@pytest.mark.servers
def test_a_mysql_whose_certificate_nobody_trusts_is_not_spoken_to(mariadb: MariadbServer, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))

    def work(host: str, port: int) -> None:
        with pytest.raises(pymysql.err.OperationalError):
            pymysql.connect(host=host, port=port, user="oncewhere", password="x", ssl_disabled=True)

    async def main() -> None:
        way = Tls(context=ssl.create_default_context(cafile=str(stranger)), late=connect_mysql)
        async with Crossing(lambda *_: Decision.FORWARD) as crossing:
            where = await crossing.open("bank", "127.0.0.1", mariadb.port, MysqlLink, tls=way)
            await asyncio.wait_for(asyncio.to_thread(work, *where), LIMIT_S)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "words"), [("ssl-mode=ON", "VERIFY_CA"), ("ssl-mode=VERIFY_CA&ssl-ca=no.pem", "ssl-ca")]
)
def test_what_a_mysql_url_asks_for_and_cannot_be_had_is_named(tmp_path: Path, options: str, words: str) -> None:
    effect = Effect(system="mysql", observe="select event_id, count(*) from done group by event_id")
    with pytest.raises(ConfigurationError) as raised:
        MysqlWorld("bank", effect, tmp_path, f"mysql://me@localhost/?{options}", "v0")
    assert words in str(raised.value)


def test_a_server_that_refuses_tls_is_a_closed_connection(authority: tuple[trustme.CA, Path]) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")
        await reader.read()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server, Crossing(lambda *_: Decision.FORWARD) as crossing:
            way = Tls(context=ssl.create_default_context(cafile=str(authority[1])), preface=POSTGRES)
            reader, writer = await asyncio.open_connection(
                *await crossing.open_postgres(*server.sockets[0].getsockname(), tls=way)
            )
            writer.write(b"anything")
            assert await asyncio.wait_for(reader.read(), LIMIT_S) == b""
            writer.close()
            assert crossing.counters["postgresql"].refused == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"security.protocol": "tls"}, "is unknown"),
        ({"security.protocol": "sasl_ssl", "sasl.mechanism": "GSSAPI"}, "GSSAPI"),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "a"}, "sasl.password"),
        ({"security.protocol": "ssl", "ssl.ca.location": "nowhere.pem"}, "certificates"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Access.from_settings(settings)


def test_a_password_is_never_shown() -> None:
    way = Access.from_settings(
        {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "alice",
            "sasl.password": PASSWORD,
        }
    )
    assert way.sasl is not None
    assert PASSWORD not in repr(way)
