"""Redis as a place, on a real Valkey: one script that applies and records, told apart, resumed, refused."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any, Self

import pytest
import redis as driver

from oncewhere import AtLeastOnce, ConfigurationError, DedupeTable, DuplicateEvent, OncewhereError, Redis, effect
from oncewhere.effects.effect import effect_many
from oncewhere.effects.honours import guarantee
from oncewhere.effects.place import Batch, Call, Span, UndecidedError
from oncewhere.effects.redis import Commands
from oncewhere.effects.redis.checks import check_server
from oncewhere.effects.redis.script import SCRIPT
from oncewhere.errors import UnreachableError
from oncewhere.records import Partition
from oncewhere.stack import ValkeyServer, ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.policy import Policy

PARTITION = Partition("payments", 0, "id-1")
DEDUPE = DedupeTable("processed_event")


@pytest.fixture
def url(valkey: ValkeyServer) -> str:
    """A database of the test's own."""
    dsn = valkey.dsn(7)
    with driver.Redis.from_url(dsn) as client:
        client.flushdb()
    return dsn


@pytest.fixture
def client(url: str) -> Iterator[driver.Redis]:
    with driver.Redis.from_url(url, decode_responses=True) as connected:
        yield connected


def place(url: str, policy: Policy = DEDUPE, **options: Any) -> Redis:
    return Redis(url, name="cache", policy=policy, **({"acknowledged_loss": "a test"} | options))


def counting(at: Redis) -> Effect[..., int]:
    @effect(at, name="count")
    def count(commands: Commands, event: str) -> int:
        commands.hincrby("done", event, 1)
        commands.rpush("log", event)
        return len(event)

    return count


class Life:
    """One life of a processor, at one place."""

    def __init__(self, which: Effect[..., Any]) -> None:
        self.effect = which
        self.opened = which.place.open("g")

    def batch(self, events: Sequence[str], *, start: int = 0, decided: bool = True) -> tuple[list[Any], Any]:
        work = self.opened.begin(Batch([Span(PARTITION, start, start + len(events))], events))
        found = []
        for offset, event in enumerate(events, start):
            try:
                found.append(work.run(Call(self.effect, PARTITION, offset, 0, event), (event,), {}))
            except DuplicateEvent:
                found.append("duplicate")
        return found, work.decide() if decided else work

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()


@pytest.mark.servers
def test_a_redelivery_gets_the_recorded_results_and_a_new_position_is_a_duplicate(
    url: str, client: driver.Redis
) -> None:
    for nth in range(2):
        with Life(counting(place(url))) as life:
            results, tally = life.batch(["e0", "e10"])
            assert results == [2, 3]
            assert (tally.executed, tally.replayed) == ((2, 0), (0, 2))[nth]
    with Life(counting(place(url))) as life:
        results, tally = life.batch(["e10", "e2"], start=2)
        assert (results, tally.executed) == (["duplicate", 2], 1)
        assert life.batch(["e3", "e3"], start=4)[0] == [2, "duplicate"], "twice within one batch"
    assert client.hgetall("done") == {"e0": "1", "e10": "1", "e2": "1", "e3": "1"}
    assert client.lrange("log", 0, -1) == ["e0", "e10", "e2", "e3"]


@pytest.mark.servers
def test_nothing_is_sent_before_the_batch_is_decided(url: str, client: driver.Redis) -> None:
    with Life(counting(place(url))) as life:
        _, work = life.batch(["e0"], decided=False)
        assert client.dbsize() == 0
        work.abandon()
        life.batch(["e0"])
    assert client.hgetall("done") == {"e0": "1"}


@pytest.mark.servers
def test_of_two_instances_with_the_same_events_one_is_beaten_and_applies_nothing(
    url: str, client: driver.Redis
) -> None:
    with Life(counting(place(url))) as zombie, Life(counting(place(url))) as successor:
        _, late = zombie.batch(["e0", "e1"], decided=False)
        successor.batch(["e1"], start=1)
        with pytest.raises(UndecidedError, match="another instance recorded") as raised:
            late.decide()
        assert not raised.value.unknown
        assert client.hgetall("done") == {"e1": "1"}, "all or nothing"
        assert zombie.batch(["e0", "e1"])[1].replayed == 1
    assert client.hgetall("done") == {"e0": "1", "e1": "1"}


@pytest.mark.servers
def test_a_lost_answer_is_unknown_and_what_is_recorded_tells(
    url: str, client: driver.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Life(counting(place(url))) as life:
        _, work = life.batch(["e0"], decided=False)
        with monkeypatch.context() as patched:
            original = driver.Redis.evalsha

            def cut(self: driver.Redis, *arguments: Any) -> Any:
                original(self, *arguments)
                raise driver.ConnectionError

            client.script_load(SCRIPT)
            patched.setattr(driver.Redis, "evalsha", cut)
            with pytest.raises(UndecidedError, match="answer was lost") as raised:
                work.decide()
        assert raised.value.unknown
        results, tally = life.batch(["e0"])
        assert (results, tally.replayed) == ([2], 1)
    assert client.hgetall("done") == {"e0": "1"}


@pytest.mark.servers
def test_a_command_that_fails_is_where_the_next_attempt_goes_on(url: str, client: driver.Redis) -> None:
    client.set("log", "of another type")
    with Life(counting(place(url))) as life:
        life.batch(["e0"], decided=False)
        with pytest.raises(OncewhereError, match=r"refuses command 2 of event 'e0', RPUSH: .*WRONGTYPE") as raised:
            life.batch(["e0", "e1"])
        assert "took hold" in str(raised.value)
        assert client.hgetall("done") == {"e0": "1"}, "redis rolls nothing back"
        assert life.batch(["e0"], start=9)[0] == ["duplicate"], "its own position will finish it"
    client.delete("log")
    with Life(counting(place(url))) as life:
        assert life.batch(["e0", "e1"])[1].executed == 2
        assert life.batch(["e0", "e1"])[1].replayed == 2
    assert client.hgetall("done") == {"e0": "1", "e1": "1"}
    assert client.lrange("log", 0, -1) == ["e0", "e1"]


@pytest.mark.servers
def test_an_effect_that_changed_in_between_is_not_guessed_at(url: str, client: driver.Redis) -> None:
    client.set("log", "of another type")
    with Life(counting(place(url))) as life, pytest.raises(OncewhereError, match="RPUSH"):
        life.batch(["e0"])

    @effect(place(url), name="count")
    def changed(commands: Commands, event: str) -> int:
        commands.hincrby("done", event, 5)
        return 0

    with Life(changed) as life, pytest.raises(OncewhereError, match="do not begin with the same commands"):
        life.batch(["e0"])
    assert client.hgetall("done") == {"e0": "1"}


@pytest.mark.servers
def test_an_event_is_forgotten_after_its_retention_and_one_that_others_noted_is_a_duplicate(
    url: str, client: driver.Redis
) -> None:
    client.set("processed_event:e9", "1")
    with Life(counting(place(url, DedupeTable("processed_event", retention_s=0.2)))) as life:
        assert life.batch(["e0", "e9"])[0] == [2, "duplicate"]
        assert 0 < client.pttl("processed_event:e0") <= 200
        time.sleep(0.25)
        assert life.batch(["e0"])[1].executed == 1
    assert client.hgetall("done") == {"e0": "2"}


@pytest.mark.servers
def test_a_server_that_restarted_is_given_the_script_again_and_one_without_memory_applies_nothing(
    url: str, client: driver.Redis
) -> None:
    with Life(counting(place(url))) as life:
        life.batch(["e0"])
        client.script_flush()
        life.batch(["e1"], start=1)
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(UndecidedError, match="maxmemory"):
                life.batch(["e2"], start=2)
        finally:
            client.config_set("maxmemory", 0)
    assert client.hgetall("done") == {"e0": "1", "e1": "1"}


@pytest.mark.servers
@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda commands: commands.hget("done", "e0"), "cannot read .HGET."),
        (lambda commands: commands.execute_command("EVAL", "return 1", 0), "cannot run EVAL"),
        (lambda commands: commands.execute_command("NOSUCH", "x"), "knows no command NOSUCH"),
        (lambda commands: commands.rpush("log", *map(str, range(8_000))), "too long for a script"),
    ],
)
def test_what_cannot_be_part_of_the_script_is_refused_where_it_is_written(
    url: str, client: driver.Redis, use: Callable[[Any], None], told: str
) -> None:
    @effect(place(url))
    def misuse(commands: Commands, event: str) -> None:
        commands.hincrby("done", event, 1)
        use(commands)

    with Life(misuse) as life, pytest.raises(ConfigurationError, match=told):
        life.batch(["e0"])
    assert client.dbsize() == 0


@pytest.mark.servers
def test_at_least_once_sends_one_transaction_and_keeps_nothing(url: str, client: driver.Redis) -> None:
    for _ in range(2):
        with Life(counting(place(url, AtLeastOnce(acknowledged="a test")))) as life:
            life.batch(["e0"])
    assert client.hgetall("done") == {"e0": "2"}
    assert sorted(client.keys()) == ["done", "log"]


@pytest.mark.servers
def test_a_server_that_does_not_answer_or_may_forget_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(UnreachableError, match=r"place 'cache'. cannot be used"):
        place("redis://127.0.0.1:1/0").open("g")
    with pytest.raises(ConfigurationError, match=r"may forget .*appendonly no, appendfsync everysec"):
        place(url, acknowledged_loss=None).open("g")


KEEPS = {"appendonly": "yes", "appendfsync": "always"}
SERVER = {"redis_version": "7.2.4", "maxmemory": 0, "maxmemory_policy": "noeviction", "cluster_enabled": 0}


@pytest.mark.parametrize(
    ("told", "settings", "may_lose", "refusal"),
    [
        ({}, KEEPS, False, None),
        ({}, {}, False, "does not show its settings"),
        ({}, KEEPS | {"appendfsync": "everysec"}, False, "may forget"),
        ({}, {}, True, None),
        ({"redis_version": "6.2.1"}, KEEPS, False, "older than 7"),
        ({"maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, KEEPS, True, "may throw keys away"),
        ({"maxmemory": 100}, KEEPS, False, None),
        ({"cluster_enabled": 1}, KEEPS, False, "is a cluster"),
    ],
)
def test_what_the_server_says_of_itself_decides(
    told: dict[str, Any], settings: dict[str, str], may_lose: bool, refusal: str | None
) -> None:
    if refusal is None:
        check_server("cache", DEDUPE, SERVER | told, settings, may_lose=may_lose)
    else:
        with pytest.raises(ConfigurationError, match=refusal):
            check_server("cache", DEDUPE, SERVER | told, settings, may_lose=may_lose)


class Node(ValkeyServer):
    """A node of a cluster."""

    bus = 0

    def command(self) -> Sequence[str]:
        self.bus = ports.free_port()
        return [*super().command(), "--cluster-enabled", "yes", "--databases", "1", "--cluster-port", str(self.bus)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[driver.Redis]]:
    """Two nodes with half of the slots each."""
    nodes = []
    with contextlib.ExitStack() as stack:
        for nth in range(2):
            (tmp_path / f"node{nth}").mkdir()
            node = Node(tmp_path / f"node{nth}")
            stack.callback(node.stop)
            node.start()
            client = stack.enter_context(driver.Redis.from_url(node.dsn(), decode_responses=True))
            client.config_set("masterauth", "one for all")
            client.config_set("requirepass", "one for all")
            client.connection_pool.connection_kwargs.update(password="one for all")
            client.execute_command("CLUSTER ADDSLOTSRANGE", nth * 8192, nth * 8192 + 8191)
            nodes.append((node, client))
        nodes[0][1].execute_command("CLUSTER MEET", "127.0.0.1", nodes[1][0].port, nodes[1][0].bus)
        until = time.monotonic() + 20
        while any("cluster_state:ok" not in str(_told(client)) for _, client in nodes) and time.monotonic() < until:
            time.sleep(0.05)
        yield [client for _, client in nodes]


def _told(client: driver.Redis) -> object:
    told = client.execute_command("CLUSTER INFO")
    return told if isinstance(told, str) else [f"{name}:{value}" for name, value in told.items()]


@pytest.mark.servers
def test_in_a_cluster_all_keys_share_one_slot_whichever_node_has_it_or_are_refused(
    cluster: list[driver.Redis],
) -> None:
    first = f"redis://:one%20for%20all@127.0.0.1:{cluster[0].connection_pool.connection_kwargs['port']}/0"
    with pytest.raises(ConfigurationError, match=r"cluster.* one slot only.*\{cache\}:processed_event"):
        place(first).open("g")
    for tag, node in (("b", 0), ("a", 1)):  # slots 3300 and 15495
        at = place(first, DedupeTable(f"{{{tag}}}:event"))

        @effect(at)
        def elsewhere(commands: Commands, event: str, tag: str = tag) -> None:
            commands.incr(f"{{{tag}}}:total")
            commands.sadd(f"done:{event}", 1)

        @effect(at)
        def here(commands: Commands, event: str, tag: str = tag) -> None:
            commands.incr(f"{{{tag}}}:total")
            commands.publish("heard", event)

        with Life(elsewhere) as life, pytest.raises(ConfigurationError, match="SADD 'done:e0' is not in the slot"):
            life.batch(["e0"])
        assert cluster[node].dbsize() == 0
        for _ in range(2):
            with Life(here) as life:
                life.batch(["e0", "e1"])
        assert cluster[node].get(f"{{{tag}}}:total") == "2"


def test_what_is_declared_wrongly_is_refused_without_showing_the_password() -> None:
    for url, name in itertools.product(["http://:secret@h", "redis://:secret@h:port/0"], ["cache"]):
        with pytest.raises(ConfigurationError, match="URL of place 'cache' cannot be read") as refused:
            Redis(url, name=name, policy=DEDUPE)
        assert "secret" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="nobody has said why"):
        Redis("redis://h", name="cache", policy=DEDUPE, acknowledged_loss=" ")
    with pytest.raises(ConfigurationError, match=r"retention_s.* above zero"):
        DedupeTable("t", retention_s=0)
    with pytest.raises(ConfigurationError, match=r"for databases.*'cache' is Redis"):
        effect_many(place("redis://h"))


def test_the_sentence_for_redis_says_what_its_server_may_lose() -> None:
    assert "is lost, and never done twice" in guarantee(DEDUPE, "redis")
    assert guarantee(DEDUPE, "postgresql") == DEDUPE.guarantee
