"""A connection that is cut, and a message that is held: nothing else stops, and what had left is heard out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oncewhere.proxy import Decision, connection, holding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conftest import World

    InWorld = Callable[[Callable[[World], Awaitable[Any]]], Any]


def test_cut_before_the_request_is_dropped_and_only_its_connection_ends(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        other_reader, other = await world.connect()
        other.write(b"a\n")
        await other_reader.readline()
        world.observer.plan[">>", "commit!"] = Decision.CUT_BEFORE
        reader, writer = await world.connect()
        writer.write(b"first\ncommit!\nlater\n")
        await reader.read()
        await world.until(lambda: world.server.ended == ["open", "finished"])
        assert world.server.received == [b"a\n", b"first\n"]
        assert "lines#2 >> later" not in world.observer.seen, "what never leaves is nobody's business"
        other.write(b"b\n")
        assert await other_reader.readline() == b"re b\n"
        assert not world.crossing.frozen

    in_world(scenario)


def test_cut_behind_the_request_it_is_delivered_and_its_answer_observed_only(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = Decision.CUT_AFTER
        world.server.answers.clear()
        reader, writer = await world.connect()
        writer.write(b"commit!\nlater\n")
        assert await reader.read() == b""
        writer.close()
        await world.quiet()
        assert world.server.ended == ["open"], "the server is heard out first"
        world.server.answers.set()
        await world.until(lambda: "lines#1 << commit!" in world.observer.seen)
        await world.until(lambda: world.server.ended == ["finished"])
        assert world.server.received == [b"commit!\n"]
        await world.until(lambda: "connections=0" in repr(world.crossing))

    in_world(scenario)


def test_cut_before_the_reply_it_is_observed_and_never_seen(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan["<<", "commit!"] = Decision.CUT_BEFORE
        reader, writer = await world.connect()
        writer.write(b"commit!\n")
        assert await reader.read() == b""
        assert world.server.received == [b"commit!\n"]

    in_world(scenario)


def test_a_server_that_never_answers_a_cut_connection_is_left_after_the_limit(
    in_world: InWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: World) -> None:
        monkeypatch.setattr(connection, "HEARING_LIMIT_S", 0.05)
        world.observer.plan[">>", "slow!"] = Decision.CUT_AFTER
        reader, writer = await world.connect()
        writer.write(b"slow!\n")
        assert await reader.read() == b""
        await world.until(lambda: world.server.ended == ["finished"])

    in_world(scenario)


def test_a_held_request_waits_with_all_behind_it_and_everything_else_goes_on(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        other_reader, other = await world.connect()
        other.write(b"a\n")
        await other_reader.readline()
        world.observer.plan[">>", "commit!"] = Decision.HOLD
        reader, writer = await world.connect()
        writer.write(b"first\ncommit!\nlater\n")
        assert await reader.readline() == b"re first\n"
        await world.quiet()
        other.write(b"b\n")
        assert await other_reader.readline() == b"re b\n"
        assert world.server.received[1] == b"first\n"
        (link,) = world.crossing.held
        assert world.crossing.release(link)
        assert await reader.readline() == b"re commit!\n"
        assert await reader.readline() == b"re later\n"
        assert not world.crossing.release(link), "nothing is held any more"
        writer.write(b"c\n")
        assert await reader.readline() == b"re c\n"

    in_world(scenario)


def test_a_held_reply_waits_and_the_connection_stays_open_both_ways(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan["<<", "commit!"] = Decision.HOLD
        reader, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.held)
        writer.write(b"later\n")
        await world.until(lambda: world.server.received == [b"commit!\nlater\n"])
        (link,) = world.crossing.held
        assert not world.crossing.is_left(link)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        world.crossing.release(world.crossing.held[0])
        assert await reader.readline() == b"re commit!\n"
        assert await reader.readline() == b"re later\n"
        writer.close()
        await world.until(lambda: world.crossing.is_left(link))

    in_world(scenario)


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_held_request_is_delivered_late_although_the_processor_has_gone(in_world: InWorld, abruptly: bool) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = Decision.HOLD
        _, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.held)
        (link,) = world.crossing.held
        assert not world.crossing.is_left(link)
        if abruptly:
            writer.transport.abort()
        else:
            writer.close()
        await world.until(lambda: world.crossing.is_left(link))
        await world.quiet()
        assert (world.server.received, world.server.ended) == ([b""], ["open"])
        world.crossing.release(world.crossing.held[0])
        await world.until(lambda: "lines#1 << commit!" in world.observer.seen)
        assert world.server.received == [b"commit!\n"]
        await world.until(lambda: world.server.ended == ["finished"])
        await world.until(lambda: "connections=0" in repr(world.crossing))

    in_world(scenario)


def test_a_held_reply_arrives_late_although_the_server_has_gone(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan["<<", "commit!"] = Decision.HOLD
        reader, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.held)
        (passing,) = world.crossing._connections
        passing.server.abort()
        await world.quiet()
        world.crossing.release(world.crossing.held[0])
        assert await reader.read() == b"re commit!\n"

    in_world(scenario)


def test_what_stands_behind_a_held_request_may_be_held_in_its_turn(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "one!"] = Decision.HOLD
        world.observer.plan[">>", "two!"] = Decision.HOLD
        reader, writer = await world.connect()
        writer.write(b"one!\ntwo!\n")
        await world.until(lambda: world.crossing.held)
        (link,) = world.crossing.held
        world.crossing.release(link)
        assert await reader.readline() == b"re one!\n"
        assert world.crossing.held == (link,)
        world.crossing.release(link)
        assert await reader.readline() == b"re two!\n"

    in_world(scenario)


def test_a_freeze_keeps_what_is_held_from_ever_leaving(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "commit!"] = Decision.HOLD
        _, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.held)
        (link,) = world.crossing.held
        world.crossing.freeze()
        assert not world.crossing.release(link)
        assert await world.crossing.reset() == ()
        assert world.server.received == [b""]

    in_world(scenario)


def test_who_sends_much_behind_a_held_request_is_no_longer_read(
    in_world: InWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: World) -> None:
        monkeypatch.setattr(holding, "HELD_LIMIT_BYTES", 1_000_000)
        world.observer.plan[">>", "commit!"] = Decision.HOLD
        _, writer = await world.connect()
        writer.write(b"commit!\n")
        await world.until(lambda: world.crossing.held)
        line = b"unread " + b"x" * 100_000 + b"\n"
        for _ in range(300):
            writer.write(line)
        await asyncio.sleep(0.2)
        (passing,) = world.crossing._connections
        assert sum(len(s.data) for held in passing._held.values() for s in held.segments) < 2_000_000
        world.crossing.release(world.crossing.held[0])
        await world.until(lambda: len(world.server.received[0]) == 8 + 300 * len(line))

    in_world(scenario)


def test_a_refused_request_never_reaches_its_server_and_its_answer_goes_with_the_next(in_world: InWorld) -> None:
    async def scenario(world: World) -> None:
        world.observer.plan[">>", "write!"] = Decision.REFUSE
        reader, writer = await world.connect()
        writer.write(b"write!\nnext\n")
        assert await reader.readline() == b"no write!\n"
        assert await reader.readline() == b"re next\n"
        assert world.server.received == [b"next\n"]
        assert not world.crossing.frozen

    in_world(scenario)


def test_a_refusal_that_nothing_follows_comes_by_itself(in_world: InWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REFUSAL_LIMIT_S", 0.05)

    async def scenario(world: World) -> None:
        world.observer.plan[">>", "write!"] = Decision.REFUSE
        reader, writer = await world.connect()
        writer.write(b"write!\n")
        assert await reader.readline() == b"no write!\n"
        assert world.server.received == [b""]

    in_world(scenario)
