"""A crossing forwards, freezes exactly, hears servers out, and opens again: against a server of our own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from oncewhere.errors import ConfigurationError
from oncewhere.proxy import Crossing, Decision, crossing, sockets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conftest import World

    InWorld = Callable[[Callable[[World], Awaitable[Any]]], Any]


def test_bytes_pass_both_ways_and_are_counted(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"hello\n")
        assert await reader.readline() == b"re hello\n"
        counters = world.crossing.counters["lines"]
        assert (counters.connections, counters.bytes_to_server, counters.bytes_to_processor) == (1, 6, 9)
        assert world.observer.seen == ["lines#1 >> hello", "lines#1 << hello"]

    in_world(scenario)


def test_neither_side_waits_for_more_bytes_before_it_sends(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"hello\n")
        await reader.readline()
        (connection,) = world.crossing._connections
        for side in (connection.processor, connection.server):
            of = side._transport.get_extra_info("socket")
            assert of.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    in_world(scenario)


def test_a_link_is_named_by_its_place_its_number_and_the_processors_port(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        ports = []
        for _ in range(2):
            reader, writer = await world.connect()
            ports.append(writer.get_extra_info("sockname")[1])
            writer.write(b"a\n")
            await reader.readline()
        first, second = world.observer.links[0], world.observer.links[-1]
        assert [(link.number, link.client_port) for link in (first, second)] == [(1, ports[0]), (2, ports[1])]
        assert first.server == f"127.0.0.1:{world.server.port}"

    in_world(scenario)


def test_before_the_request_is_not_forwarded_and_nothing_behind_it(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = Decision.FREEZE_BEFORE
        reader, writer = await world.connect()
        writer.write(b"first\nunread segment\ncommit!\nlater\n")
        await world.until(lambda: world.crossing.frozen)
        writer.write(b"much later\n")
        await world.quiet()
        assert world.server.received == [b"first\nunread segment\n"]
        assert world.observer.seen[:2] == ["lines#1 >> first", "lines#1 >> commit!"]
        assert ">> later" not in " ".join(world.observer.seen)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)

    in_world(scenario)


def test_delivered_the_request_is_forwarded_and_its_answer_only_observed(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = Decision.FREEZE_AFTER
        world.server.answers.clear()
        reader, writer = await world.connect()
        writer.write(b"commit!\nlater\n")
        await world.until(lambda: world.crossing.frozen)
        resetting = asyncio.create_task(world.crossing.reset())
        await world.quiet()
        assert not resetting.done(), "the server is heard out first"
        world.server.answers.set()
        assert await resetting == ()
        assert world.server.received == [b"commit!\n"]
        assert world.observer.seen == ["lines#1 >> commit!", "lines#1 << commit!"]
        assert await reader.read() == b""

    in_world(scenario)


def test_replied_the_answer_is_observed_and_never_seen(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan["<<", "commit!"] = Decision.FREEZE_BEFORE
        reader, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.frozen)
        assert world.server.received == [b"commit!\n"]
        assert await world.crossing.reset() == ()
        assert await reader.read() == b""

    in_world(scenario)


@pytest.mark.parametrize("decision", [Decision.FREEZE_BEFORE, Decision.FREEZE_AFTER])
def test_no_byte_slips_through_on_any_other_link(in_world: InWorld, decision: Decision) -> None:
    """Twenty other connections send without a pause, in both directions; nothing moves once the freeze is decided."""

    async def scenario(world: World) -> None:
        others = [await world.connect() for _ in range(20)]
        _, writer = await world.connect()
        for other_reader, other_writer in others:
            other_writer.write(b"ping\n")
            await other_reader.readline()
        handed: dict[str, int] = {}

        def at_decision() -> None:
            counters = world.crossing.counters["lines"]
            handed.update(to_server=counters.bytes_to_server, to_processor=counters.bytes_to_processor)

        world.observer.at_decision = at_decision
        world.observer.plan[">>", "commit!"] = decision

        async def babble(other_writer: asyncio.StreamWriter) -> None:
            while True:
                other_writer.write(b"ping\n" * 50)
                await asyncio.sleep(0)

        babbling = [asyncio.create_task(babble(other_writer)) for _, other_writer in others]
        await asyncio.sleep(0.02)
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.frozen)
        await world.quiet()
        for task in babbling:
            task.cancel()
        counters = world.crossing.counters["lines"]
        own = len(b"commit!\n") if decision is Decision.FREEZE_AFTER else 0
        assert counters.bytes_to_server == handed["to_server"] + own
        assert counters.bytes_to_processor == handed["to_processor"]
        assert sum(map(len, world.server.received)) == counters.bytes_to_server, "what was handed over, and no more"
        assert counters.bytes_dropped > 0
        received = 0
        for other_reader, _ in others:
            received += len(other_reader._buffer)  # type: ignore[attr-defined]
        assert received + 20 * len(b"re ping\n") == counters.bytes_to_processor

    in_world(scenario)


def test_what_was_handed_to_a_slow_server_before_the_freeze_still_arrives(in_world: InWorld) -> None:
    """As the kernel of a killed process still sends what the process had written."""

    async def scenario(world: World) -> None:
        big = b"unread " + b"x" * 4_000_000 + b"\n"
        _, slow = await world.connect()
        _, writer = await world.connect()
        await world.until(lambda: len(world.server.received) == 2)
        world.server.reads.clear()
        await world.quiet()
        slow.write(big)
        await world.until(lambda: world.crossing.counters["lines"].bytes_to_server == len(big))
        world.observer.plan[">>", "commit!"] = Decision.FREEZE_BEFORE
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.frozen)
        slow.write(b"unread more\n")
        await world.quiet()
        world.server.reads.set()
        await world.until(lambda: len(world.server.received[0]) == len(big))
        await world.quiet()
        assert sorted(map(len, world.server.received)) == [0, len(big)]

    in_world(scenario)


def test_freeze_may_come_from_anywhere_and_stops_the_rest_of_a_chunk(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"a\n")
        await reader.readline()
        world.crossing.freeze()
        writer.write(b"b\n")
        await world.quiet()
        assert world.server.received == [b"a\n"]

    in_world(scenario)


def test_a_request_on_another_link_that_had_left_is_heard_out_too(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.server.answers.clear()
        _, other = await world.connect()
        other.write(b"insert!\n")
        await world.until(lambda: world.server.received == [b"insert!\n"])
        _, writer = await world.connect()
        world.observer.plan[">>", "commit!"] = Decision.FREEZE_BEFORE
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.frozen)
        world.server.answers.set()
        assert await world.crossing.reset() == ()
        assert world.observer.seen == ["lines#1 >> insert!", "lines#2 >> commit!", "lines#1 << insert!"]

    in_world(scenario)


def test_a_request_that_is_never_answered_is_returned_after_the_limit(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "slow!"] = Decision.FREEZE_AFTER
        _, writer = await world.connect()
        writer.write(b"slow!\n")
        await world.until(lambda: world.crossing.frozen)
        (unanswered,) = await world.crossing.reset(answer_limit_s=0.05)
        assert (str(unanswered.link), unanswered.message.kind) == ("lines#1", "slow!")

    in_world(scenario)


def test_the_victims_death_does_not_close_the_way_to_the_server(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = Decision.FREEZE_AFTER
        world.server.answers.clear()
        _, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.frozen)
        writer.transport.abort()
        await world.quiet()
        assert world.server.ended == ["open"]
        world.server.answers.set()
        assert await world.crossing.reset() == ()
        await world.until(lambda: world.server.ended == ["finished"])

    in_world(scenario)


def test_after_a_reset_the_next_life_finds_the_same_port(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = Decision.FREEZE_BEFORE
        _, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.frozen)
        await world.crossing.reset()
        assert not world.crossing.frozen
        reader, writer = await world.connect()
        writer.write(b"commit!\n")
        assert await reader.readline() == b"re commit!\n"
        assert world.observer.links[-1].number == 2
        assert world.server.received == [b"", b"commit!\n"]

    in_world(scenario)


def test_a_connection_to_a_frozen_crossing_is_closed(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.crossing.freeze()
        reader, writer = await world.connect()
        writer.write(b"commit!\n")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert world.server.received == []

    in_world(scenario)


def test_what_the_observer_raises_freezes_and_surfaces_in_reset(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = LookupError("a mistake in the drill")
        _, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.frozen)
        await world.quiet()
        assert isinstance(world.crossing.failure, LookupError)
        assert world.server.received == [b""]
        with pytest.raises(LookupError, match="a mistake in the drill"):
            await world.crossing.reset()
        assert not world.crossing.frozen
        assert await world.crossing.reset() == ()

    in_world(scenario)


def test_what_a_link_raises_surfaces_too(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        _, writer = await world.connect()
        writer.write(b"break\n")
        await world.until(lambda: world.crossing.frozen)
        with pytest.raises(RuntimeError, match="a link that is broken"):
            await world.crossing.reset()

    in_world(scenario)


def test_a_link_may_answer_by_itself(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"knock\n")
        assert await reader.readline() == b"nobody home\n"
        assert world.server.received in ([], [b""])

    in_world(scenario)


def test_a_server_may_speak_first(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.server.greeting = b"re welcome\n"
        reader, _ = await world.connect()
        assert await reader.readline() == b"re welcome\n"

    in_world(scenario)


def test_an_unfinished_line_follows_when_the_processor_finishes(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"a\nhalf a line")
        writer.write_eof()
        assert await reader.read() == b"re a\nre half a line\n"
        assert world.server.received == [b"a\nhalf a line"]
        assert world.server.ended == ["finished"]
        await world.until(lambda: "connections=0" in repr(world.crossing))

    in_world(scenario)


def test_a_processor_that_dies_without_a_freeze_ends_the_connection(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        reader, writer = await world.connect()
        writer.write(b"a\n")
        await reader.readline()
        writer.transport.abort()
        await world.until(lambda: world.server.ended[0] != "open")
        await world.until(lambda: "connections=0" in repr(world.crossing))

    in_world(scenario)


def test_the_processor_is_not_read_while_the_server_does_not_read(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        _, writer = await world.connect()
        await world.until(lambda: world.server.received == [b""])
        world.server.reads.clear()
        await world.quiet()
        line = b"unread " + b"x" * 100_000 + b"\n"
        for _ in range(300):
            writer.write(line)
        await asyncio.sleep(0.3)
        passed = world.crossing.counters["lines"].bytes_to_server
        assert passed < 20_000_000, "at most what the kernels hold between us"
        world.server.reads.set()
        await world.until(lambda: len(world.server.received[0]) == 300 * len(line))

    in_world(scenario)


def test_a_server_that_refuses_is_a_closed_connection() -> None:
    async def main() -> None:
        unused = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = unused.sockets[0].getsockname()[1]
        unused.close()
        await unused.wait_closed()
        async with Crossing(lambda *_: Decision.FORWARD) as crossing:
            host, proxy_port = await crossing.open_postgres("127.0.0.1", port, name="bank")
            reader, writer = await asyncio.open_connection(host, proxy_port)
            writer.write(b"anything")
            assert await reader.read() == b""
            writer.close()
            assert (crossing.counters["bank"].connections, crossing.counters["bank"].refused) == (1, 1)

    asyncio.run(main())


@pytest.mark.parametrize("address", [("127.0.0.1", 99_999), ("no host at all..", 1)])
def test_an_address_that_is_none_is_a_closed_connection(address: tuple[str, int]) -> None:
    """A broker names what it likes in its Metadata."""

    async def main() -> None:
        async with Crossing(lambda *_: Decision.FORWARD) as open_crossing:
            reader, writer = await asyncio.open_connection(*await open_crossing.open_postgres(*address))
            assert await reader.read() == b""
            writer.close()

    asyncio.run(main())


def test_every_bootstrap_server_gets_its_own_port() -> None:
    async def main() -> None:
        async with Crossing(lambda *_: Decision.FORWARD) as crossing:
            opened = (await crossing.open_kafka("127.0.0.1:9092, localhost:9093")).split(",")
            assert len(opened) == len(set(opened)) == 2
            assert await crossing.open_kafka("127.0.0.1:9092") == opened[0], "the same server, the same port"
            with pytest.raises(ConfigurationError, match="no address"):
                await crossing.open_kafka("localhost")

    asyncio.run(main())


def test_a_closed_crossing_leaves_nothing_listening(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        await world.crossing.close()
        with pytest.raises(ConnectionRefusedError):
            await world.connect()

    in_world(scenario)


def test_what_is_sent_before_the_server_has_accepted_is_not_lost(
    in_world: InWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: World) -> None:
        accepting = asyncio.Event()
        connect = sockets.Side.connect

        async def late(side: sockets.Side, *where: Any) -> bool:
            await accepting.wait()
            return await connect(side, *where)

        monkeypatch.setattr(sockets.Side, "connect", late)
        reader, writer = await world.connect()
        writer.write(b"early\n")
        writer.write_eof()
        await world.quiet()
        assert world.observer.seen == [], "nobody is asked about what cannot move yet"
        accepting.set()
        assert await reader.read() == b"re early\n"

    in_world(scenario)


def test_a_freeze_while_the_server_has_not_accepted_closes_the_connection(
    in_world: InWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: World) -> None:
        accepting = asyncio.Event()
        connect = sockets.Side.connect

        async def late(side: sockets.Side, *where: Any) -> bool:
            await accepting.wait()
            return await connect(side, *where)

        monkeypatch.setattr(sockets.Side, "connect", late)
        reader, writer = await world.connect()
        writer.write(b"early!\n")
        await world.quiet()
        world.crossing.freeze()
        accepting.set()
        assert await reader.read() == b""
        assert (await world.crossing.reset(), world.observer.seen) == ((), [])
        assert world.server.received in ([], [b""])

    in_world(scenario)


def test_a_server_that_never_closes_is_aborted_after_the_limit(
    in_world: InWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: World) -> None:
        monkeypatch.setattr(crossing, "CLOSE_LIMIT_S", 0.05)
        _, writer = await world.connect()
        await world.until(lambda: world.server.received == [b""])
        world.server.reads.clear()
        await world.quiet()
        writer.write(b"unread " + b"x" * 8_000_000 + b"\n")
        await world.until(lambda: world.crossing.counters["lines"].bytes_to_server > 0)
        assert await world.crossing.reset() == ()
        assert "connections=0" in repr(world.crossing)
        world.server.reads.set()

    in_world(scenario)


def test_brokers_that_metadata_names_are_opened_on_demand() -> None:
    """Two brokers: the first names the second, and the processor finds each behind a port of the crossing."""

    async def main() -> None:
        asked: list[tuple[int, int]] = []
        ports: list[int] = []

        def broker(number: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(asyncio.IncompleteReadError):
                    while True:
                        size, _, _, correlation_id = struct.unpack(">ihhi", await reader.readexactly(12))
                        await reader.readexactly(size - 8)
                        asked.append((number, correlation_id))
                        nodes = b"".join(
                            struct.pack(">ih", node, 9) + b"127.0.0.1" + struct.pack(">i", port)
                            for node, port in enumerate(ports)
                        )
                        body = struct.pack(">ii", correlation_id, len(ports)) + nodes + struct.pack(">i", 0)
                        writer.write(struct.pack(">i", len(body)) + body)
                writer.close()

            return serve

        servers = [await asyncio.start_server(broker(number), "127.0.0.1", 0) for number in range(2)]
        ports += [server.sockets[0].getsockname()[1] for server in servers]

        async def metadata(port: int, correlation_id: int) -> list[int]:
            """Asks for Metadata, version 0, at a port; returns the ports of the brokers that are named."""
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = struct.pack(">hhihi", 3, 0, correlation_id, -1, 0)
            writer.write(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            answer = await reader.readexactly(size)
            writer.close()
            return [struct.unpack_from(">i", answer, 8 + 19 * node + 15)[0] for node in range(2)]

        async with Crossing(lambda *_: Decision.FORWARD) as open_crossing:
            bootstrap = await open_crossing.open_kafka(f"127.0.0.1:{ports[0]}")
            named = await metadata(int(bootstrap.rpartition(":")[2]), 1)
            assert set(named).isdisjoint(ports)
            assert named[0] == int(bootstrap.rpartition(":")[2])
            assert await metadata(named[1], 2) == named
            assert asked == [(0, 1), (1, 2)]
            assert open_crossing.counters["kafka"].unknown_bytes == 0
        for server in servers:
            server.close()

    asyncio.run(main())
