"""What Redis commands mean: names and arguments go in; whether they write, and the keys that they name, come out.

Source: the command table that a server answers COMMAND with (Valkey 9.1: flag `write`, key positions), held to it by a
test against a real server; below it what Redis 8 and its modules add. PUBLISH and SPUBLISH do not have that flag, as
they store nothing, but whoever listens has heard; scripts and functions may write.

A command that no table knows counts as writing, with `effect: maybe`. The list so errs on the safe side: a harmless
command that is missing costs a crash point that shows nothing; a writing one that is missing would be a crash that no
drill ever tries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Final

MAX_KEYS: Final = 32
"""Keys that are remembered of one command or transaction."""

_WRITING: Final = {
    (0, 0, 0): """
        CLUSTER|FLUSHSLOT FLUSHALL FLUSHDB FUNCTION|DELETE FUNCTION|FLUSH FUNCTION|LOAD FUNCTION|RESTORE SWAPDB
    """,
    (1, 1, 1): """
        APPEND BITFIELD DECR DECRBY DELIFEQ EXPIRE EXPIREAT GEOADD GEORADIUS GEORADIUSBYMEMBER GETDEL GETEX GETSET HDEL
        HEXPIRE HEXPIREAT HGETDEL HGETEX HINCRBY HINCRBYFLOAT HMSET HPERSIST HPEXPIRE HPEXPIREAT HSET HSETEX HSETNX INCR
        INCRBY INCRBYFLOAT LINSERT LPOP LPUSH LPUSHX LREM LSET LTRIM MOVE PERSIST PEXPIRE PEXPIREAT PFADD PSETEX RESTORE
        RESTORE-ASKING RPOP RPUSH RPUSHX SADD SET SETBIT SETEX SETNX SETRANGE SORT SPOP SREM XACK XADD XAUTOCLAIM XCLAIM
        XDEL XSETID XTRIM ZADD ZDIFFSTORE ZINCRBY ZINTERSTORE ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK
        ZREMRANGEBYSCORE ZUNIONSTORE
    """,
    (1, 2, 1): """
        BLMOVE BRPOPLPUSH COPY GEOSEARCHSTORE LMOVE RENAME RENAMENX RPOPLPUSH SMOVE ZRANGESTORE
    """,
    (1, -1, 1): "DEL PFMERGE SDIFFSTORE SINTERSTORE SUNIONSTORE UNLINK",
    (1, -1, 2): "MSET MSETNX",
    (1, -2, 1): "BLPOP BRPOP BZPOPMAX BZPOPMIN",
    (2, -1, 1): "BITOP",
    (2, 2, 1): """
        PFDEBUG XGROUP|CREATE XGROUP|CREATECONSUMER XGROUP|DELCONSUMER XGROUP|DESTROY XGROUP|SETID
    """,
    (3, 3, 1): "MIGRATE",
}
"""By the first, last and step of the arguments that are keys, the command's name being number 0."""

_WRITING_ELSEWHERE: Final = {
    (1, 1, 1): """
        DELEX XACKDEL XDELEX XCFGSET VADD VREM VSETATTR
        JSON.ARRAPPEND JSON.ARRINSERT JSON.ARRPOP JSON.ARRTRIM JSON.CLEAR JSON.DEL JSON.FORGET JSON.MERGE JSON.MSET
        JSON.NUMINCRBY JSON.NUMMULTBY JSON.SET JSON.STRAPPEND JSON.TOGGLE
        BF.ADD BF.INSERT BF.MADD BF.RESERVE CF.ADD CF.ADDNX CF.DEL CF.INSERT CF.INSERTNX CF.RESERVE CMS.INCRBY
        TOPK.ADD TS.ADD TS.CREATE TS.DEL TS.INCRBY TS.DECRBY
    """,
}

_PUBLISHING: Final = {(1, 1, 1): "PUBLISH SPUBLISH"}

_COUNTED: Final = {
    "BLMPOP": 2,
    "BZMPOP": 2,
    "LMPOP": 1,
    "ZMPOP": 1,
    "EVAL": 2,
    "EVALSHA": 2,
    "FCALL": 2,
}
"""Commands that give the number of their keys, by the argument that does."""

SCRIPTS: Final = frozenset({"EVAL", "EVALSHA", "FCALL"})
"""One unit each: the server runs nothing in between, but does not roll back what a script did before it failed."""

_WITH_A_VALUE: Final = frozenset({b"EX", b"EXAT", b"IFDEQ", b"IFDNE", b"IFEQ", b"IFNE", b"PX", b"PXAT"})
"""Options of SET behind which stands what may look like another one."""

_BEFORE_SCORES: Final = frozenset({b"CH", b"GT", b"INCR", b"LT", b"NX", b"XX"})
"""Options of ZADD and GEOADD; what follows the last of them is a number, and then a member of any name."""

_READING: Final = """
    BITCOUNT BITFIELD_RO BITPOS CLUSTERSCAN DBSIZE DUMP EVALSHA_RO EVAL_RO EXISTS EXPIRETIME FCALL_RO GEODIST
    GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HEXPIRETIME HGET
    HGETALL HKEYS HLEN HMGET HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSTRLEN HTTL HVALS KEYS LCS LINDEX LLEN
    LOLWUT LPOS LRANGE MGET PEXPIRETIME PFCOUNT PTTL RANDOMKEY SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER
    SMEMBERS SMISMEMBER SORT_RO SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TOUCH TTL TYPE XLEN XPENDING XRANGE
    XREAD XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX
    ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION JSON.GET
    JSON.MGET JSON.TYPE FT.SEARCH FT.AGGREGATE BF.EXISTS CF.EXISTS TS.GET TS.RANGE VSIM DIGEST
"""
_CONNECTION: Final = """
    ASKING AUTH BGREWRITEAOF BGSAVE DEBUG DISCARD ECHO EXEC FAILOVER HELLO INFO LASTSAVE MONITOR MULTI PFSELFTEST PING
    PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT READONLY READWRITE REPLCONF REPLICAOF RESET ROLE SAVE SELECT SHUTDOWN SLAVEOF
    SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC TIME UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH
"""
"""About the connection or the server, not about data."""

_CONTAINERS: Final = """
    ACL CLIENT CLUSTER COMMAND COMMANDLOG CONFIG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT SLOWLOG
    XGROUP XINFO
"""
"""Commands whose first argument says what they do; those of them that write are in the table with it."""

_SUBCOMMANDED: Final = frozenset(_CONTAINERS.split())
_HARMLESS: Final = frozenset((_READING + _CONNECTION).split())
_NO_KEYS: Final = (0, 0, 0)
_KEYS: Final = {
    name.replace("|", " "): positions
    for table in (_WRITING, _WRITING_ELSEWHERE, _PUBLISHING)
    for positions, names in table.items()
    for name in names.split()
}
_KNOWN: Final = frozenset(_KEYS) | frozenset(_COUNTED) | {"MSETEX", "XREADGROUP"}


class Effect(StrEnum):
    """Whether a command changes what others see; `MAYBE` where its name does not tell."""

    READS = "reads"
    MAYBE = "maybe"
    WRITES = "writes"


@dataclass(frozen=True, slots=True)
class Command:
    """What one command means.

    Attributes:
        name: in upper case; with the subcommand where the first argument is one.
        effect: whether it writes.
        keys: the front of the keys (or channels) that it names, at most `MAX_KEYS`.
        options: in upper case, of SET, ZADD and GEOADD; what their answers mean depends on them.
    """

    name: str
    effect: Effect
    keys: tuple[bytes, ...] = ()
    options: frozenset[bytes] = frozenset()


def read(arguments: Sequence[bytes]) -> Command:
    """Returns what a command means; `arguments` begin with its name, and may be cut."""
    name = _text(arguments[0])
    if name in _SUBCOMMANDED and len(arguments) > 1:
        name = f"{name} {_text(arguments[1])}"
    effect = _effect(name)
    if effect is Effect.READS:
        return Command(name, effect)
    return Command(name, effect, tuple(_keys(name, arguments))[:MAX_KEYS], frozenset(_options(name, arguments)))


def writing() -> frozenset[str]:
    """Returns the names that have the flag `write`; for the test that holds this table to a server's."""
    listed = {name.replace("|", " ") for names in _WRITING.values() for name in names.split()}
    return frozenset(listed | (_KNOWN - set(_KEYS) - SCRIPTS))


def _text(argument: bytes) -> str:
    return argument[:40].decode(errors="backslashreplace").upper()


def _effect(name: str) -> Effect:
    if name in SCRIPTS:
        return Effect.MAYBE
    if name in _KNOWN:
        return Effect.WRITES
    return Effect.READS if name in _HARMLESS or name.split(" ", 1)[0] in _SUBCOMMANDED else Effect.MAYBE


def _options(name: str, arguments: Sequence[bytes]) -> Iterator[bytes]:
    """Yields the options, and no key, value or member that is spelled like one."""
    match name:
        case "SET":
            words = (word.upper() for word in arguments[3:])
            for word in words:
                yield word
                if word in _WITH_A_VALUE:
                    next(words, None)
        case "GEOADD" | "ZADD":
            yield from takewhile(_BEFORE_SCORES.__contains__, (word.upper() for word in arguments[2:]))


def _keys(name: str, arguments: Sequence[bytes]) -> Sequence[bytes]:
    if at := _COUNTED.get(name):
        return _counted(arguments, at, 1)
    if name == "MSETEX":
        return _counted(arguments, 1, 2)
    if name == "XREADGROUP":
        at = next((at for at, argument in enumerate(arguments) if argument.upper() == b"STREAMS"), len(arguments))
        rest = arguments[at + 1 :]
        return rest[: len(rest) // 2]
    first, last, step = _KEYS.get(name, _NO_KEYS)
    if not first:
        return ()
    end = last + 1 if last >= 0 else len(arguments) + last + 1
    return arguments[first : max(end, first) : step]


def _counted(arguments: Sequence[bytes], at: int, step: int) -> Sequence[bytes]:
    given = arguments[at] if at < len(arguments) else b""
    count = int(given) if given.isdigit() and len(given) < 7 else 0
    return arguments[at + 1 : at + 1 + count * step : step]
