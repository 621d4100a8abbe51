"""Redis connections as scripts in the order of the wire: `>>` the processor, `<<` the server, `!` a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire import Direction
from oncewhere.wire.identity import MAX_IDENTITIES
from oncewhere.wire.redis import RedisLink, link, values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Step, Wire

SHOWN = ("commands", "keys", "effect", "watched", "partial", "outcome", "error", "errors", "reason")


def command(*arguments: str | bytes) -> bytes:
    parts = [part.encode() if isinstance(part, str) else part for part in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


OK = b"+OK\r\n"
QUEUED = b"+QUEUED\r\n"

SCRIPTS: dict[str, list[Step]] = {
    "single": [
        (">>", command("SET", "processed:e-1", "secret")),
        ("<<", OK),
        (">>", command("get", "processed:e-1")),
        ("<<", bulk(b"secret")),
        (">>", command("INCR", b"count\xff")),
        ("<<", b":1\r\n"),
    ],
    "pipelined": [
        (">>", command("SET", "a", "1", "NX") + command("GET", "a")),
        (">>", command("DEL", "a", "b") + command("LPUSH", "a", "x")),
        ("<<", b"$-1\r\n" + bulk(b"1") + b":0\r\n" + b"-WRONGTYPE secret value\r\n"),
    ],
    "transaction": [
        (">>", command("WATCH", "a")),
        ("<<", OK),
        (">>", command("MULTI") + command("SET", "a", "secret") + command("GET", "b") + command("EXEC")),
        ("<<", OK + QUEUED + QUEUED + b"*2\r\n+OK\r\n-ERR secret\r\n"),
        (">>", command("multi") + command("incr", "n") + command("exec")),
        ("<<", OK + QUEUED + b"*-1\r\n"),
        (">>", command("MULTI") + command("GET", "b") + command("EXEC")),
        ("<<", OK + QUEUED + b"*1\r\n$-1\r\n"),
        (">>", command("MULTI") + command("SET", "c", "1") + command("DISCARD")),
        ("<<", OK + QUEUED + OK),
    ],
    "resp3": [
        (">>", command("HELLO", "3", "AUTH", "app", "secret") + command("CLIENT", "TRACKING", "ON")),
        ("<<", b"%2\r\n+server\r\n+valkey\r\n+proto\r\n:3\r\n" + OK),
        (">>", command("HSET", "h", "f", "secret") + command("HGETALL", "h")),
        ("<<", b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nh\r\n:1\r\n"),
        ("<<", b"|1\r\n+ttl\r\n:3600\r\n%1\r\n$1\r\nf\r\n=10\r\ntxt:secret\r\n"),
        (">>", command("MULTI") + command("SET", "k", "v") + command("EXEC") + command("ZADD", "z", "1", "m")),
        ("<<", OK + QUEUED + b"_\r\n" + b"!11\r\nERR  secret\r\n"),
        (">>", command("ZSCORE", "z", "m") + command("SISMEMBER", "s", "m") + command("SMEMBERS", "s")),
        ("<<", b",1.5\r\n#t\r\n~2\r\n+a\r\n(123456789012345678901234567890\r\n"),
    ],
    "scripts": [
        (">>", command("EVAL", "redis.call('set', KEYS[1], 'secret')", "1", "k", "secret")),
        (">>", command("EVALSHA", "x", "1", "k")),
        ("<<", b"*2\r\n:1\r\n*1\r\n:2\r\n" + b"-NOSCRIPT No matching script.\r\n"),
        (">>", command("FCALL", "settle", "2", "a", "b", "secret")),
        ("<<", b"-WRONGTYPE of secret script: settle, on @user_function:7.\r\n"),
    ],
    "inline": [
        (">>", b'PING\r\nSET greeting "hello secret"\r\n\r\nget greeting\n'),
        ("<<", b"+PONG\r\n+OK\r\n$12\r\nhello secret\r\n"),
    ],
    "conditional": [
        (">>", command("SADD", "seen", "e-1") + command("SADD", "seen", "e-1")),
        ("<<", b":1\r\n:0\r\n"),
        (">>", command("SET", "e-1", "1", "NX", "GET") + command("set", "e-1", "1", "get", "nx")),
        ("<<", b"$-1\r\n" + bulk(b"secret")),
        (">>", command("ZADD", "z", "NX", "1", "e-1") + command("BF.MADD", "b", "e-1", "e-2")),
        ("<<", b":0\r\n*2\r\n:0\r\n#f\r\n"),
    ],
    "silent": [
        (">>", command("CLIENT", "REPLY", "SKIP") + command("SET", "a", "1") + command("SET", "b", "1")),
        ("<<", OK),
        (">>", command("CLIENT", "REPLY", "OFF") + command("SET", "c", "1") + command("CLIENT", "REPLY", "ON")),
        ("<<", OK),
        (">>", command("SET", "d", "1")),
        ("<<", OK),
    ],
}  # fmt: skip


def play(wire: Wire, *script: Step) -> list[str]:
    return wire.play(RedisLink(), script).lines(*SHOWN)


def test_writing_commands_are_told_with_their_keys(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["single"]) == [
        ">> SET#0! keys=['processed:e-1'] effect=writes",
        "<< SET#0! outcome=done",
        ">> INCR#2! keys=['count\\\\xff'] effect=writes",
        "<< INCR#2! outcome=done",
    ]


def test_answers_are_matched_in_order(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["pipelined"]) == [
        ">> SET#0! keys=['a'] effect=writes",
        ">> DEL#2! keys=['a', 'b'] effect=writes",
        ">> LPUSH#3! keys=['a'] effect=writes",
        "<< SET#0! outcome=not done",
        "<< DEL#2! outcome=not done",
        "<< LPUSH#3! outcome=not done error=WRONGTYPE",
    ]


def test_a_transaction_is_one_unit(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["transaction"]) == [
        ">> EXEC#4! commands=['SET', 'GET'] keys=['a'] effect=writes watched=True",
        "<< EXEC#4! outcome=done errors=1",
        ">> EXEC#7! commands=['INCR'] keys=['n'] effect=writes",
        "<< EXEC#7! outcome=not done reason=a watched key has changed",
        ">> EXEC#10 commands=['GET'] keys=[] effect=reads",
        "<< EXEC#10",
        ">> DISCARD#13 commands=['SET']",
        "<< DISCARD#13",
    ]


def test_resp3_pushes_and_attributes_are_no_answers(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["resp3"]) == [
        ">> HSET#2! keys=['h'] effect=writes",
        "<< HSET#2! outcome=done",
        ">> EXEC#6! commands=['SET'] keys=['k'] effect=writes",
        ">> ZADD#7! keys=['z'] effect=writes",
        "<< EXEC#6! outcome=not done reason=a watched key has changed",
        "<< ZADD#7! outcome=not done error=ERR",
    ]


def test_a_script_is_one_unit_that_is_not_rolled_back(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["scripts"]) == [
        ">> EVAL#0! keys=['k'] effect=maybe",
        ">> EVALSHA#1! keys=['k'] effect=maybe",
        "<< EVAL#0! outcome=done",
        "<< EVALSHA#1! outcome=not done error=NOSCRIPT",
        ">> FCALL#2! keys=['a', 'b'] effect=maybe",
        "<< FCALL#2! outcome=unknown error=WRONGTYPE",
    ]


def test_a_condition_that_does_not_hold_changes_nothing(wire: Wire) -> None:
    replies = wire.play(RedisLink(), SCRIPTS["conditional"]).lines("outcome")
    assert [line for line in replies if line.startswith("<<")] == [
        "<< SADD#0! outcome=done",
        "<< SADD#1! outcome=not done",
        "<< SET#2! outcome=done",
        "<< SET#3! outcome=not done",
        "<< ZADD#4! outcome=not done",
        "<< BF.MADD#5! outcome=not done",
    ]


def test_inline_commands_are_read(wire: Wire) -> None:
    assert play(wire, *SCRIPTS["inline"]) == [
        ">> SET#1! keys=['greeting'] effect=writes",
        "<< SET#1! outcome=done",
    ]


def test_a_command_without_an_answer_has_an_unknown_outcome_at_once(wire: Wire) -> None:
    transcript = wire.play(RedisLink(), SCRIPTS["silent"])
    assert transcript.lines("outcome") == [
        ">> SET#1! outcome=unknown",
        ">> SET#2!",
        "<< SET#2! outcome=done",
        ">> SET#4! outcome=unknown",
        ">> SET#6!",
        "<< SET#6! outcome=done",
    ]
    assert [message.expects_reply for message in transcript.messages[:2]] == [False, True]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_split_gives_the_same_messages_and_bytes(wire: Wire, name: str) -> None:
    wire.assert_every_split_is_the_same(RedisLink, SCRIPTS[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_byte_is_changed_and_no_value_is_told(wire: Wire, name: str) -> None:
    link = RedisLink()
    transcript = wire.assert_untouched(link, SCRIPTS[name])
    assert link.unknown_bytes == 0
    assert "secret" not in str(transcript.messages)


@pytest.mark.parametrize(
    ("sent", "answer", "expected"),
    [
        (command("SET", "a", "1", "GET"), b"$-1\r\n", "SET#0! outcome=done"),
        (command("SET", "a", "1", "NX"), b"_\r\n", "SET#0! outcome=not done"),
        (command("SETNX", "a", "1"), b":0\r\n", "SETNX#0! outcome=not done"),
        (command("SET", "a", "1", "XX", "GET"), b"$-1\r\n", "SET#0! outcome=not done"),
        (command("SET", "a", "1", "XX", "GET"), b"$1\r\n0\r\n", "SET#0! outcome=done"),
        (command("SET", "a", "get", "NX"), b"$-1\r\n", "SET#0! outcome=not done"),
        (command("SET", "get", "nx", "GET"), b"$1\r\n0\r\n", "SET#0! outcome=done"),
        (command("SET", "a", "1", "IFEQ", "get"), b"$-1\r\n", "SET#0! outcome=not done"),
        (command("SET", "a", "1", "IFEQ", "0", "GET"), b"$-1\r\n", "SET#0! outcome=not done"),
        (command("SET", "a", "1", "IFEQ", "nx", "GET"), b"$1\r\n0\r\n", "SET#0! outcome=unknown"),
        (command("SET", "a", "1", "IFNE", "xx", "GET"), b"_\r\n", "SET#0! outcome=done"),
        (command("SADD", "a", "e-1", "e-2"), b":1\r\n", "SADD#0! outcome=done"),
        (command("ZADD", "a", "1", "NX"), b":0\r\n", "ZADD#0! outcome=done"),
        (command("ZADD", "a", "XX", "1", "e-1"), b":0\r\n", "ZADD#0! outcome=done"),
        (command("ZADD", "a", "XX", "CH", "1", "e-1"), b":0\r\n", "ZADD#0! outcome=not done"),
        (command("ZADD", "a", "NX", "INCR", "1", "e-1"), b"$-1\r\n", "ZADD#0! outcome=not done"),
        (command("ZADD", "a", "NX", "INCR", "0", "e-1"), b"$1\r\n0\r\n", "ZADD#0! outcome=done"),
        (command("GEOADD", "a", "NX", "1", "2", "e-1"), b":0\r\n", "GEOADD#0! outcome=not done"),
        (command("BF.ADD", "a", "e-1"), b":0\r\n", "BF.ADD#0! outcome=not done"),
        (command("BF.ADD", "a", "e-1"), b"#f\r\n", "BF.ADD#0! outcome=not done"),
        (command("BF.ADD", "a", "e-1"), b"#t\r\n", "BF.ADD#0! outcome=done"),
        (command("BF.MADD", "a", "e-1", "e-2"), b"*2\r\n:0\r\n:1\r\n", "BF.MADD#0! outcome=done"),
        (command("CF.ADDNX", "a", "e-1"), b":0\r\n", "CF.ADDNX#0! outcome=not done"),
        (command("PFADD", "a", "e-1"), b":0\r\n", "PFADD#0! outcome=not done"),
        (command("EXPIRE", "a", "5"), b":0\r\n", "EXPIRE#0! outcome=not done"),
        (command("EXPIRE", "a", "5"), b":1\r\n", "EXPIRE#0! outcome=done"),
        (command("LINSERT", "a", "BEFORE", "x", "y"), b":-1\r\n", "LINSERT#0! outcome=not done"),
        (command("HSET", "a", "f", "1"), b":0\r\n", "HSET#0! outcome=done"),
        (command("BLPOP", "a", "b", "5"), b"*-1\r\n", "BLPOP#0! outcome=not done"),
        (command("BLPOP", "a", "b", "5"), b"*2\r\n$1\r\na\r\n$1\r\nx\r\n", "BLPOP#0! outcome=done"),
        (command("SET", "a", "1"), b"-MOVED 3999 127.0.0.1:6381\r\n", "SET#0! outcome=not done error=MOVED"),
        (command("MIGRATE", "h", "1", "k", "0", "9"), b"-IOERR timeout\r\n", "MIGRATE#0! outcome=unknown error=IOERR"),
        (command("PUBLISH", "settled", "x"), b":3\r\n", "PUBLISH#0! outcome=done"),
        (command("EXEC"), b"-ERR EXEC without MULTI\r\n", None),
        (command("FROBNICATE", "k"), b"+OK\r\n", "FROBNICATE#0! outcome=done"),
        (command("XGROUP", "CREATE", "s", "g", "$"), OK, "XGROUP CREATE#0! outcome=done"),
        (command("FUNCTION", "LIST"), b"*0\r\n", None),
        (command("CONFIG", "GET", "*"), b"*0\r\n", None),
    ],
)
def test_what_an_answer_means(wire: Wire, sent: bytes, answer: bytes, expected: str | None) -> None:
    lines = wire.play(RedisLink(), [(">>", sent), ("<<", answer)]).lines("outcome", "error")
    assert lines[1:] == ([f"<< {expected}"] if expected else [])


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (("MSET", "a", "1", "b", "2"), ["a", "b"]),
        (("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "t", ">", ">"), ["s", "t"]),
        (("BLPOP", "a", "b", "0"), ["a", "b"]),
        (("RENAME", "a", "b"), ["a", "b"]),
        (("BITOP", "AND", "d", "a", "b"), ["d", "a", "b"]),
        (("LMPOP", "2", "a", "b", "LEFT"), ["a", "b"]),
        (("EVAL", "return 1", "99999999999", "a"), []),
        (("EVAL", "return 1"), []),
        (("MSETEX", "2", "a", "1", "b", "2", "EX", "5"), ["a", "b"]),
        (("FLUSHALL",), []),
        (("SPUBLISH", "channel", "x"), ["channel"]),
        (("SET",), []),
    ],
)
def test_which_keys_a_command_names(wire: Wire, arguments: tuple[str, ...], keys: list[str]) -> None:
    (line,) = play(wire, (">>", command(*arguments)))
    assert f"keys={keys} " in line


def test_nothing_of_a_command_is_forwarded_before_it_is_complete() -> None:
    link = RedisLink()
    sent = command("SET", "a", "x" * 1000)
    assert link.from_processor(sent[:-1]) == []
    (segment,) = link.from_processor(sent[-1:])
    assert segment.data == sent
    assert segment.message is not None


def test_nothing_of_the_answer_to_a_write_is_forwarded_before_it_is_complete() -> None:
    link = RedisLink()
    link.from_processor(command("EVAL", "return {1, 2}", "0"))
    assert link.from_server(b"*2\r\n:1\r\n") == []
    (segment,) = link.from_server(b":2\r\n")
    assert segment.data == b"*2\r\n:1\r\n:2\r\n"


def test_the_answer_to_a_read_passes_as_it_comes() -> None:
    link = RedisLink()
    link.from_processor(command("GET", "a"))
    assert b"".join(segment.data for segment in link.from_server(b"$1000\r\nabc")) == b"$1000\r\nabc"


def test_a_large_command_passes_in_parts_and_is_told_with_its_last(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MAX_HELD_BYTES", 100)
    monkeypatch.setattr(link, "MAX_HELD_REPLY_BYTES", 100)
    front, last = command("SET", "a", "x" * 300)[:-5], command("SET", "a", "x" * 300)[-5:]
    redis = RedisLink()
    assert [(s.data, s.message) for s in redis.from_processor(front)] == [(front, None)]
    (segment,) = redis.from_processor(last)
    assert segment.data == last
    assert segment.message is not None
    assert segment.message.fields["partial"] is True
    assert len(redis.from_server(b"$300\r\n" + b"x" * 200)) == 1
    (reply,) = redis.from_server(b"x" * 100 + b"\r\n")
    assert reply.message is not None
    assert (reply.message.fields["outcome"], reply.message.fields["partial"]) == ("done", True)


def test_only_the_front_of_a_large_command_is_kept() -> None:
    redis = RedisLink()
    redis.from_processor(b"*100002\r\n" + bulk(b"DEL"))
    for number in range(0, 100001, 1000):
        redis.from_processor(b"".join(bulk(b"%090d" % (number + n)) for n in range(1000)))
    assert len(redis._requests._leaves) <= values.MAX_LEAVES
    assert sum(map(len, redis._requests._held)) <= link.MAX_HELD_BYTES


def test_commands_of_a_transaction_that_was_refused_ran_by_themselves(wire: Wire) -> None:
    lines = play(
        wire,
        (">>", command("MULTI") + command("SET", "a", "1") + command("GET", "a") + command("EXEC")),
        ("<<", b"-NOPERM no multi\r\n" + OK + b"$1\r\n1\r\n" + b"-ERR EXEC without MULTI\r\n"),
    )
    assert lines[1:] == [
        "<< SET#1! keys=['a'] effect=writes outcome=done",
        "<< EXEC#3! outcome=not done error=ERR",
    ]


def test_a_command_that_the_transaction_refuses_aborts_all_of_it(wire: Wire) -> None:
    lines = play(
        wire,
        (">>", command("MULTI") + command("SET", "a") + command("SET", "b", "1") + command("EXEC")),
        ("<<", OK + b"-ERR wrong number of arguments\r\n" + QUEUED + b"-EXECABORT discarded\r\n"),
    )
    assert lines[-1] == "<< EXEC#3! outcome=not done error=EXECABORT"


@pytest.mark.parametrize("sent", [command("SUBSCRIBE", "news"), command("MONITOR"), command("PSYNC", "?", "-1")])
def test_a_connection_that_listens_turns_opaque_and_says_why(wire: Wire, sent: bytes) -> None:
    redis = RedisLink()
    transcript = wire.assert_untouched(redis, [(">>", sent), ("<<", b"*3\r\n+hello"), (">>", command("SET", "a", "1"))])
    assert transcript.lines() == ["<< opaque#1"]
    assert "listens" in str(redis.opaque)
    assert "listens" in str(transcript.messages[0].fields["reason"])
    assert redis.unknown_bytes == len(b"*3\r\n+hello" + command("SET", "a", "1"))


def test_a_server_that_goes_away_in_an_answer_leaves_it_unknown() -> None:
    redis = RedisLink()
    redis.from_processor(command("EVAL", "return {1, 2}", "0"))
    assert redis.from_server(b"*2\r\n:1\r\n:") == []
    (segment,) = redis.ended(Direction.REPLY)
    assert segment.data == b"*2\r\n:1\r\n:"
    assert segment.message is not None
    assert segment.message.fields["outcome"] == "unknown"


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abc", b"*2\r\n+SET\r\n", b"*1\r\n$x\r\n", b"*9999999999999999\r\n"],
)
def test_a_stream_that_is_not_redis_passes_untouched(wire: Wire, data: bytes) -> None:
    redis = RedisLink()
    wire.assert_untouched(redis, [(">>", data), (">>", b"more"), ("<<", b"an answer")])
    assert redis.unknown_bytes >= len(b"more" + b"an answer")
    assert "opaque" in repr(redis)


def test_a_line_without_an_end_is_not_waited_for(wire: Wire) -> None:
    redis = RedisLink()
    wire.assert_untouched(redis, [(">>", b"SET a " + b"x" * values.MAX_LINE_BYTES)])
    assert redis.opaque


@given(
    name=st.sampled_from(sorted(SCRIPTS)),
    step=st.integers(0, 30),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    extra=st.binary(max_size=30),
)
def test_mutated_traffic_is_forwarded_untouched(
    wire: Wire, name: str, step: int, edits: list[tuple[int, int]], extra: bytes
) -> None:
    script = list(SCRIPTS[name])
    at = step % len(script)
    script[at] = (script[at][0], wire.mutated(script[at][1], edits) + extra)
    wire.assert_untouched(RedisLink(), script)


@given(
    data=st.lists(
        st.tuples(
            st.sampled_from([">>", "<<"]),
            st.one_of(
                st.binary(min_size=1, max_size=60),
                st.text(alphabet="*$:+-_>%|~=!0123\r\nGET", min_size=1, max_size=40).map(str.encode),
            ),
        ),
        max_size=10,
    )
)
def test_random_bytes_are_forwarded_untouched(wire: Wire, data: list[Step]) -> None:
    wire.assert_untouched(RedisLink(), data)


def counted(arguments: Sequence[bytes]) -> list[str | None]:
    """An effect is an HINCRBY of `done`; its identity is the field."""
    front = [argument.decode() for argument in arguments[:3]]
    return [front[2]] if front[:2] == ["HINCRBY", "done"] else []


def test_the_identities_of_effects_are_told_with_the_command_or_the_transaction_that_makes_them(wire: Wire) -> None:
    def count(event: str, key: str = "done") -> bytes:
        return command("HINCRBY", key, event, "1")

    script: list[Step] = [
        (">>", count("e-1") + count("e-1", "other")),
        (">>", command("MULTI") + count("e-2") + count("e-3", "other") + count("e-2") + command("EXEC")),
    ]
    assert wire.play(RedisLink(counted), script).lines("identities") == [
        ">> HINCRBY#0! identities=['e-1']",
        ">> HINCRBY#1!",
        ">> EXEC#6! identities=['e-2', 'e-2']",
    ]
    assert wire.play(RedisLink(), script).lines("identities")[0] == ">> HINCRBY#0!"


def test_of_too_many_identities_it_is_told_that_some_are_left_out(wire: Wire) -> None:
    sent = command("MULTI") + command("HINCRBY", "done", "e", "1") * (MAX_IDENTITIES + 5) + command("EXEC")
    (message,) = wire.play(RedisLink(counted), [(">>", sent)]).messages
    assert message.fields["identities"] == ["e"] * MAX_IDENTITIES + [None]
