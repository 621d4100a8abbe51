"""Worlds: fresh for each trial, somebody's data never lost, and what was found counted by identity."""

from __future__ import annotations

import json
import smtplib
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pymysql
import pytest
import redis

from oncewhere.document.unique_keys import unique_keys
from oncewhere.drill.courses.replaying import AGEING_S
from oncewhere.drill.effect import Effect
from oncewhere.drill.worlds import Forgetful, Keyed, Wanted, World, open_world
from oncewhere.drill.worlds.counting import rows_forgotten
from oncewhere.drill.worlds.naming import database_name
from oncewhere.drill.worlds.redis_observation import RedisObservation
from oncewhere.drill.worlds.sent_identity import CommandIdentity, RequestIdentity
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.stack import MariadbServer, PostgresServer, ValkeyServer

OBSERVE = "select event_id, count(*) from done group by event_id"


def make(effect: dict[str, Any], folder: Path, dsn: str | None = None) -> World:
    declared = msgspec.convert(effect, Effect)
    return open_world(
        Wanted(name="place", effect=declared, folder=folder, processor_identity="event_id", dsn=dsn, tag="sound_0")
    )


def where(world: World) -> str:
    """The place's own address, past any proxy; the world is fresh behind it."""
    server = world.reset()
    return world.placeholders(*((server.host, server.port) if server else ("", 0)))["place"]


def test_a_server_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    world = make({"system": "postgresql", "observe": OBSERVE}, tmp_path, "postgresql://me@127.0.0.1:1/postgres")
    with pytest.raises(ConfigurationError, match=r"at 127.0.0.1:1 cannot be used: .*Connection refused\. Check host"):
        world.reset()


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    (tmp_path / "schema.sql").write_text("create table done (event_id varchar(20)); create table other (a int);")
    return tmp_path


# ---- servers


@pytest.mark.servers
def test_a_mysql_world_is_fresh_each_time_and_counts_what_it_is_asked(schema: Path, mariadb: MariadbServer) -> None:
    effect = {"system": "mysql", "schema": "schema.sql", "observe": "select event_id, sum(1) from done group by 1"}
    world = make(effect, schema, mariadb.dsn())
    url = urlsplit(where(world))
    login = {"host": url.hostname, "port": url.port, "user": url.username, "password": url.password}
    with pymysql.connect(**login, database=url.path[1:], autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany("insert into done values (%s)", [("e1",), ("e1",), ("e2",), (None,)])
    seen = world.seen([])
    assert (seen.counts, seen.unidentified) == ({"e1": 2, "e2": 1}, 1)
    world.reset()
    assert world.seen([]).counts == {}
    world.remove()
    with pymysql.connect(**login) as connection, connection.cursor() as cursor:
        cursor.execute("show databases like 'oncewhere%'")
        assert cursor.fetchall() == ()


@pytest.mark.servers
@pytest.mark.parametrize("observe", ["select 1", "select a, b from done", "nonsense", "select 'a', 'b'"])
def test_a_query_that_does_not_count_is_one_sentence(schema: Path, mariadb: MariadbServer, observe: str) -> None:
    world = make({"system": "mysql", "schema": "schema.sql", "observe": observe}, schema, mariadb.dsn())
    world.reset()
    with pytest.raises(ConfigurationError, match=r"effects\.place\.observe"):
        world.seen([])
    world.remove()


@pytest.mark.servers
@pytest.mark.parametrize(("system", "server"), [("postgresql", "postgres"), ("mysql", "mariadb"), ("sqlite", "")])
def test_a_query_of_what_is_not_there_is_told_what_is(
    schema: Path, system: str, server: str, request: pytest.FixtureRequest
) -> None:
    dsn = request.getfixturevalue(server).dsn() if server else None
    effect = {"system": system, "schema": "schema.sql", "observe": "select event_id, count(*) from dome group by 1"}
    world = make(effect, schema, dsn)
    world.reset()
    with pytest.raises(ConfigurationError, match=r"effects\.place\.observe was refused: .*dome") as raised:
        world.seen([])
    assert raised.value.hint == "There are done(event_id), other(a)."
    (schema / "schema.sql").write_text("")
    world.remove()
    world = make(effect, schema, dsn)
    world.reset()
    with pytest.raises(ConfigurationError, match=r"has no table: does effects\.place\.schema name the file"):
        world.seen([])
    world.remove()


@pytest.mark.servers
def test_a_schema_that_is_refused_is_one_sentence(tmp_path: Path, mariadb: MariadbServer) -> None:
    (tmp_path / "schema.sql").write_text("create nonsense;")
    world = make({"system": "mysql", "schema": "schema.sql", "observe": OBSERVE}, tmp_path, mariadb.dsn())
    with pytest.raises(ConfigurationError, match=r"effects\.place\.schema was refused: You have an error"):
        world.reset()
    world.remove()


@pytest.mark.servers
def test_every_part_of_a_postgresql_address_can_be_named(schema: Path, postgres: PostgresServer) -> None:
    effect = {"system": "postgresql", "schema": "schema.sql", "observe": OBSERVE}
    world = make(effect, schema, postgres.dsn())
    found = world.placeholders("127.0.0.1", 7)
    assert found["place.host"] == "127.0.0.1"
    assert found["place.port"] == "7"
    assert found["place.user"] == "postgres"
    assert found["place"].endswith(f"@127.0.0.1:7/{found['place.database']}")


@pytest.mark.servers
@pytest.mark.parametrize(
    ("system", "at"),
    [
        ("postgresql", "timestamp not null default now()"),
        ("postgresql", "timestamptz not null default now()"),
        ("mysql", "timestamp not null default current_timestamp"),
        ("sqlite", "text not null default current_timestamp"),
    ],
)
def test_a_purge_forgets_what_is_older_than_the_cutoff_by_the_database_s_own_clock(
    tmp_path: Path, request: pytest.FixtureRequest, system: str, at: str
) -> None:
    (tmp_path / "schema.sql").write_text(f"create table done (event_id varchar(20), at {at});")
    effect = {"system": system, "schema": "schema.sql", "observe": OBSERVE}
    purge = "delete from done where at < {cutoff}"
    server = {"postgresql": "postgres", "mysql": "mariadb"}.get(system)
    world = make({**effect, "purge": purge}, tmp_path, request.getfixturevalue(server).dsn() if server else None)
    assert isinstance(world, Forgetful)
    world.reset()
    do(world, system, "insert into done (event_id) values ('old'), ('older')")
    time.sleep(AGEING_S)
    cutoff = world.now()
    time.sleep(AGEING_S)
    do(world, system, "insert into done (event_id) values ('new')")
    assert world.purge(cutoff) == 2
    assert world.seen([]).counts == {"new": 1}
    world.remove()


@pytest.mark.parametrize(
    ("results", "rows"),
    [
        ([("DELETE", 3)], 3),
        ([("DELETE", 0), ("UPDATE", 2)], 2),
        ([("DELETE", 0)], 0),
        ([("BEGIN", -1), ("DELETE", 0), ("COMMIT", -1)], 0),
        ([("CALL", -1)], None),
        ([("SELECT", 1)], None),
        ([("DO", -1), ("DELETE", 0)], None),
        ([("call", 0), ("delete", 4)], 4),
    ],
)
def test_a_routine_does_not_tell_how_many_rows_it_forgot(results: list[tuple[str, int]], rows: int | None) -> None:
    assert rows_forgotten(results) == rows


def test_a_purge_by_a_routine_of_postgresql_tells_nothing(tmp_path: Path, postgres: PostgresServer) -> None:
    (tmp_path / "schema.sql").write_text("create table done (event_id text); insert into done values ('old');")
    purge = "do $$ begin delete from done; end $$"
    effect = {"system": "postgresql", "schema": "schema.sql", "observe": OBSERVE, "purge": purge}
    world = make(effect, tmp_path, postgres.dsn())
    assert isinstance(world, Forgetful)
    world.reset()
    assert world.forgets
    assert world.purge(world.now()) is None
    assert world.seen([]).counts == {}
    world.remove()


def do(world: Any, system: str, statement: str) -> None:
    """Runs a statement at the place, past any proxy, as a processor would."""
    if system == "postgresql":
        with world._connect(world._database) as connection:
            connection.execute(statement)
    elif system == "mysql":
        with world._connected(world._database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            connection.commit()
    else:
        with closing(world._open()) as connection:
            connection.execute(statement)
            connection.commit()


@pytest.mark.servers
def test_databases_say_what_their_schema_was_read_to_say(
    tmp_path: Path, postgres: PostgresServer, mariadb: MariadbServer
) -> None:
    text = """
        create table keyed (event_id varchar(20) primary key, a int, b int, unique (b, a));
        create table bare (event_id varchar(20));
        create table indexed (event_id varchar(20), other int);
        create unique index one on indexed (event_id);
        create index two on indexed (other);
    """
    (tmp_path / "schema.sql").write_text(text)
    expected = {"keyed": [["a", "b"], ["event_id"]], "bare": [], "indexed": [["event_id"]]}
    for system, dsn in {"postgresql": postgres.dsn(), "mysql": mariadb.dsn()}.items():
        world = make({"system": system, "schema": "schema.sql", "observe": OBSERVE}, tmp_path, dsn)
        assert isinstance(world, Keyed)
        world.reset()
        assert world.unique_keys() == expected, system
        read = unique_keys(text, system)
        assert {table: sorted(keys) for table, keys in read.items()} == expected, system
        world.remove()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("observe", "counts", "unidentified"),
    [
        ("hgetall counted", {"e1": 2, "e2": 1}, 0),
        ("zrange scored 0 -1 withscores", {"e1": 2, "e2": 1}, 0),
        ("lrange listed 0 -1", {"e1": 2, "e2": 1}, 1),
        ("smembers grouped", {"e1": 1, "e2": 1}, 0),
        ("xrange streamed - +", {"e1": 2, "e2": 1}, 1),
        ("keys settled:*", {"e1": 2, "e2": 1}, 0),
        ("keys nothing:*", {}, 0),
    ],
)
def test_redis_is_asked_by_a_command_that_counts(
    tmp_path: Path, valkey: ValkeyServer, observe: str, counts: dict[str, int], unidentified: int
) -> None:
    world = make({"system": "redis", "observe": observe}, tmp_path, valkey.dsn(2))
    with redis.Redis.from_url(where(world)) as client:
        client.hset("counted", mapping={"e1": 2, "e2": 1})
        client.zadd("scored", {"e1": 2, "e2": 1})
        client.rpush("listed", "e1", '{"event_id": "e1"}', "e2", '{"id": "e2"}')
        client.sadd("grouped", "e1", "e2")
        for fields in ({"event_id": "e1"}, {"event_id": "e1"}, {"event_id": "e2"}, {"id": "e3"}):
            client.xadd("streamed", fields)
        client.incrby("settled:e1", 2)
        client.incrby("settled:e2", 1)
        seen = world.seen([])
        assert (seen.counts, seen.unidentified) == (counts, unidentified)
        for protocol in (2, 3):  # which one the client speaks by itself is its release's choice
            with redis.Redis.from_url(valkey.dsn(2), protocol=protocol) as asking:
                again = RedisObservation("place", observe, "event_id").ask(asking)
            assert (again.counts, again.unidentified) == (counts, unidentified), f"RESP{protocol}"
    world.remove()


@pytest.mark.servers
def test_a_redis_database_that_somebody_uses_is_not_emptied(tmp_path: Path, valkey: ValkeyServer) -> None:
    effect = {"system": "redis", "observe": "hgetall done"}
    with redis.Redis.from_url(valkey.dsn(3)) as client:
        client.set("somebody's", "data")
        world = make(effect, tmp_path, valkey.dsn(3))
        with pytest.raises(ConfigurationError, match=r"database 3 of Redis .* holds 1 keys"):
            world.reset()
        world.remove()
        assert client.get("somebody's") == b"data"
        client.flushdb()


@pytest.mark.servers
def test_the_versions_of_one_drill_share_a_redis_database(tmp_path: Path, valkey: ValkeyServer) -> None:
    effect = {"system": "redis", "observe": "hgetall done"}
    first, second = (make(effect, tmp_path, valkey.dsn(4)) for _ in range(2))
    with redis.Redis.from_url(where(first)) as client:
        client.hset("done", "e1", 1)
    second.reset()
    assert second.seen([]).counts == {}
    for world in (first, second):
        world.remove()


@pytest.mark.parametrize("observe", ["", "flushall", "get a", "keys settled", "keys *:*", "zrange a 0 -1", "eval x 0"])
def test_a_redis_command_that_cannot_be_counted_is_refused(tmp_path: Path, observe: str) -> None:
    with pytest.raises(ConfigurationError):
        make({"system": "redis", "observe": observe}, tmp_path, "redis://127.0.0.1:1/0")


def test_sqlite_is_a_file_that_is_fresh_each_time(schema: Path) -> None:
    import sqlite3  # noqa: PLC0415

    world = make({"system": "sqlite", "schema": "schema.sql", "observe": OBSERVE}, schema)
    path = where(world)
    with sqlite3.connect(path) as connection:
        connection.execute("insert into done values ('e1'), ('e1')")
    connection.close()
    assert world.seen([]).counts == {"e1": 2}
    world.reset()
    assert world.seen([]).counts == {}
    world.remove()
    assert not Path(path).parent.exists()


# ---- stand-ins


@pytest.fixture
def gateway(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    world = make({"system": "http", **request.param}, tmp_path)
    yield world
    world.remove()


def post(url: str, event: str, key: str | None = None, amount: int = 7) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    body = json.dumps({"event_id": event, "amount": amount}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/pay?x=1", body, headers)) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


@pytest.mark.parametrize("gateway", [{"stand_in": "honours-keys"}], indirect=True)
def test_a_key_is_performed_once_and_answered_as_before(gateway: World) -> None:
    url = where(gateway)
    first, again, other = post(url, "e1", "k1"), post(url, "e1", "k1"), post(url, "e1", "k1", amount=8)
    assert (first[0], first[2]) == (200, b'{"status": "done"}')
    assert (again[0], again[1]["Idempotent-Replayed"], again[2]) == (200, "true", first[2])
    assert other[0] == 422
    assert post(url, "e2")[0] == post(url, "e2")[0] == 200
    with urllib.request.urlopen(url) as answer:
        assert answer.status == 200
    assert gateway.seen([]).counts == {"e1": 1, "e2": 2}
    gateway.reset()
    assert gateway.seen([]).counts == {}


@pytest.mark.parametrize("gateway", [{"stand_in": "ignores-keys"}, {"stand_in": "forgets-keys"}], indirect=True)
def test_a_key_that_is_ignored_or_forgotten_performs_again(gateway: World) -> None:
    url = where(gateway)
    post(url, "e1", "k1")
    post(url, "e1", "k1")
    assert gateway.seen([]).counts == {"e1": 2}


@pytest.mark.parametrize("gateway", [{"stand_in": "cancels-keys"}], indirect=True)
def test_a_key_that_is_cancelled_is_taken_back_and_never_performed_again(gateway: World) -> None:
    url = where(gateway)
    assert post(url, "e1", '"k1"')[0] == post(url, "e2", '"k2"')[0] == 200
    for key in ("k1", "k3"):  # what never happened is cancelled, too
        cancel = urllib.request.Request(f"{url}/{key}", method="DELETE", headers={"Idempotency-Key": '"undo"'})
        with urllib.request.urlopen(cancel) as answer:
            assert answer.status == 200
    assert post(url, "e1", '"k1"')[0] == post(url, "e3", '"k3"')[0] == 410
    assert post(url, "e2", '"k2"')[0] == post(url, "e1", '"k4"')[0] == 200
    assert gateway.seen([]).counts == {"e1": 1, "e2": 1}


@pytest.mark.parametrize("gateway", [{"stand_in": "honours-keys", "fail_every": 2, "delay_ms": 30}], indirect=True)
def test_what_fails_is_not_performed(gateway: World) -> None:
    url = where(gateway)
    assert [post(url, f"e{n}")[0] for n in range(4)] == [200, 503, 200, 503]
    assert gateway.seen([]).counts == {"e0": 1, "e2": 1}


@pytest.mark.parametrize("gateway", [{"stand_in": "honours-keys", "delay_ms": 500}], indirect=True)
def test_a_key_whose_request_is_being_performed_is_a_conflict(gateway: World) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    url = where(gateway)
    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(status for status, _, _ in pool.map(lambda _: post(url, "e1", "k1"), range(2)))
    assert statuses == [200, 409]
    assert gateway.seen([]).counts == {"e1": 1}


def test_mail_is_kept_and_counted_by_its_header(tmp_path: Path) -> None:
    world = make({"system": "smtp", "identity": "header:x-event", "fail_every": 3}, tmp_path)
    url = urlsplit(where(world))
    with smtplib.SMTP(url.hostname or "", url.port or 0, local_hostname="here.invalid") as client:
        for event in ("e1", "e2"):
            client.sendmail("a@here.invalid", ["b@here.invalid"], f"X-Event: {event}\n\nHi")
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("a@here.invalid", ["b@here.invalid"], "X-Event: e3\n\nHi")
        client.sendmail("a@here.invalid", ["b@here.invalid"], "Subject: none\n\nHi")
    seen = world.seen([])
    assert (seen.counts, seen.unidentified) == ({"e1": 1, "e2": 1}, 1)
    world.reset()
    assert world.seen([]).counts == {}
    world.remove()


@pytest.mark.parametrize(("stand_in", "kept"), [("honours-keys", 1), ("accepts", 2)])
def test_mail_with_the_same_message_id_is_kept_once_where_ids_are_honoured(
    tmp_path: Path, stand_in: str, kept: int
) -> None:
    world = make({"system": "smtp", "identity": "header:x-event", "stand_in": stand_in}, tmp_path)
    url = urlsplit(where(world))
    with smtplib.SMTP(url.hostname or "", url.port or 0, local_hostname="here.invalid") as client:
        for _ in range(2):
            client.sendmail("a@here.invalid", ["b@here.invalid"], "X-Event: e1\nMessage-ID: <1@here.invalid>\n\nHi")
            client.sendmail("a@here.invalid", ["b@here.invalid"], "X-Event: e2\n\nHi")
    assert world.seen([]).counts == {"e1": kept, "e2": 2}, "one without an id is never known again"
    world.remove()


# ---- declarations


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        ({"system": "mysql"}, "needs observe"),
        ({"system": "http", "observe": "select 1"}, "cannot be asked"),
        ({"system": "redis", "schema": "schema.sql"}, "has no schema"),
        ({"system": "mysql", "observe": "x", "identity": "key"}, "judged by observe"),
        ({"system": "mysql", "observe": "x", "stand_in": "accepts"}, "has no stand-in"),
        ({"system": "http", "stand_in": "accepts"}, "stand_in of http must be one of"),
        ({"system": "http", "stand_in": "honours-keys", "fail_every": 1}, "fail_every"),
        ({"system": "smtp", "delay_ms": -1}, "delay_ms"),
    ],
)
def test_what_does_not_fit_the_system_is_refused(effect: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert(effect, Effect)


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        ({"system": "http"}, "names no downstream"),
        ({"system": "smtp"}, "needs an identity"),
        ({"system": "redis"}, "there is no redis server"),
    ],
)
def test_what_a_place_lacks_is_one_sentence(tmp_path: Path, effect: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        make(effect, tmp_path)


@pytest.mark.parametrize(
    ("url", "encrypted"),
    [
        ("https://gateway.invalid/v1", True),
        ("http://gateway.invalid/v1", False),
    ],
)
def test_a_server_with_tls_is_spoken_to_so(tmp_path: Path, url: str, encrypted: bool) -> None:
    world = make({"system": "http"}, tmp_path, url)
    server = world.reset()
    assert server is not None
    assert (server.tls is not None) is encrypted
    assert world.placeholders("127.0.0.1", 7)["place"] == "http://127.0.0.1:7/v1"
    world.remove()


# ---- identities


@pytest.mark.parametrize(
    ("identity", "found"),
    [
        ("event_id", "e1"),
        ("card.number", "4"),
        ("header:x-event", "e2"),
        ("header:subject=Payment * settled", "e3"),
        ("path:/payments/*/capture", "e4"),
        ("path:/refunds/*", None),
        ("nothing", None),
    ],
)
def test_the_identity_of_a_request_stands_where_it_is_declared(identity: str, found: str | None) -> None:
    effect = Effect(system="http", identity=identity, stand_in="honours-keys")
    headers = [("x-event", b"e2"), ("subject", b"Payment e3 \r\n settled")]
    content = b'{"event_id": "e1", "card": {"number": 4}}'
    assert RequestIdentity("gateway", effect, "x")(b"/payments/e4/capture", content, headers) == found


@pytest.mark.parametrize(
    ("template", "command", "found"),
    [
        ("HINCRBY done *", "hincrby done e1 1", ["e1"]),
        ("HINCRBY done *", "HINCRBY other e1 1", []),
        ("HINCRBY done *", "HINCRBY done", []),
        ("INCR settled:*", "INCR settled:e1", ["e1"]),
        ("INCR settled:*", "INCR other:e1", []),
        ("EVALSHA ? 1 settled:*", "EVALSHA 4711 1 settled:e1", ["e1"]),
        ("RPUSH log *", 'RPUSH log {"event_id":"e1"}', ["e1"]),
        ("RPUSH log *", 'RPUSH log {"id":"e1"}', [None]),
        ("RPUSH log", "RPUSH log e1", [None]),
    ],
)
def test_the_identity_of_a_command_stands_where_its_template_has_a_star(
    template: str, command: str, found: list[str | None]
) -> None:
    assert list(CommandIdentity(template, "event_id")(command.encode().split())) == found


def test_databases_of_long_or_alike_names_are_kept_apart() -> None:
    long = "unique-constraint@postgresql"
    names = {
        database_name("postgresql", f"{version}_{lane}", 50) for version in (long, f"{long}s") for lane in range(3)
    }
    assert len(names) == 6
    assert all(len(name) <= 50 and name.replace("_", "").isalnum() for name in names)
    assert database_name("bank", "a-b_0", 50) != database_name("bank", "a_b_0", 50)
    assert database_name("bank", "naive_0", 50) == "oncewhere_bank_naive_0"
