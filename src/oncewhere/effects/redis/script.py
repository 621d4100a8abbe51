"""The one script of a Redis place: what a batch does for each event in; the script's arguments, and its answer, out.

Redis runs a script alone, and rolls nothing back. So the script first looks at every event's key, and touches nothing
unless each still holds what we read there; then it applies the events' commands in order, and writes each event's
record when its last command is done. Where a command fails (a key of another type), what came before it has taken hold:
the record then says how many commands are done, and the next attempt goes on behind them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from oncewhere.effects.dedupe import Known, Position
from oncewhere.effects.recorded import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oncewhere.effects.dedupe import Claim

Words = tuple[bytes, ...]
"""One command: its name and its arguments."""

MAX_WORDS = 7_000  # of one command; Lua unpacks fewer than 8,000 values (LUAI_MAXCSTACK)

SCRIPT = """#!lua
-- KEYS: one for each event.
-- ARGV: the retention in ms (0: none); then for each event: what stands at its key, its record, how many of its
-- commands are done, how many there are; and for each command how many words it has, and the words.
local retention = tonumber(ARGV[1])
local starts = {}
local at = 2
for nth, key in ipairs(KEYS) do
  if (redis.call('GET', key) or '') ~= ARGV[at] then
    return {'taken', nth}
  end
  starts[nth] = at
  local count = tonumber(ARGV[at + 3])
  at = at + 4
  for _ = 1, count do
    at = at + 1 + tonumber(ARGV[at])
  end
end
for nth, key in ipairs(KEYS) do
  local record, done = ARGV[starts[nth] + 1], tonumber(ARGV[starts[nth] + 2])
  local start, count = starts[nth] + 4, tonumber(ARGV[starts[nth] + 3])
  at = start
  for command = 1, count do
    local last = at + tonumber(ARGV[at])
    if command > done then
      local answer = redis.pcall(unpack(ARGV, at + 1, last))
      if type(answer) == 'table' and answer.err then
        if command > 1 then
          local digest = redis.sha1hex(table.concat(ARGV, '\\n', start, at - 1))
          redis.call('SET', key, 'torn ' .. (command - 1) .. ' ' .. digest .. ' ' .. record)
        end
        return {'refused', nth, command, answer.err}
      end
    end
    at = last + 1
  end
  if retention > 0 then
    redis.call('SET', key, record, 'PX', retention)
  else
    redis.call('SET', key, record)
  end
end
return {'done'}
"""

_TORN = b"torn "
_RECORD = msgspec.msgpack.Decoder(tuple[str, str, int, int, bytes])


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a batch does for one event.

    Attributes:
        key: the event's key.
        found: what stands there; empty where nothing does.
        record: what shall stand there.
        commands: what is applied.
        done: how many of them were applied before a command failed.
    """

    key: bytes
    found: bytes
    record: bytes
    commands: Sequence[Words]
    done: int = 0


class Torn(NamedTuple):
    """An event some of whose commands are done.

    Attributes:
        position: where it was read.
        done: how many commands.
        digest: of those commands.
    """

    position: Position
    done: int
    digest: str


class Answer(NamedTuple):
    """What the script says.

    Attributes:
        kind: `done`; `taken`: a key holds something else by now, nothing was applied; `refused`: a command failed.
        event: the number of the event, from 1.
        command: the number of its command, from 1.
        reason: why the command failed.
    """

    kind: str
    event: int = 0
    command: int = 0
    reason: str = ""


def record_of(claim: Claim) -> bytes:
    """What stands at the key of an event that was done."""
    return msgspec.msgpack.encode((*claim.position, pack(claim.results)))


def read(found: bytes) -> Known | Torn:
    """What stands at an event's key; an event that somebody else noted there is known without its position."""
    if found.startswith(_TORN):
        _, done, digest, record = found.split(b" ", 3)
        return Torn(_position(record)[0], int(done), digest.decode())
    try:
        position, results = _position(found)
        return Known(position, unpack(results))
    except msgspec.DecodeError:
        return Known(None)


def arguments(deeds: Sequence[Deed], *, retention_s: float | None) -> list[bytes]:
    """The script's ARGV."""
    given = [_number(0 if retention_s is None else max(1, round(retention_s * 1000)))]
    for deed in deeds:
        given += (deed.found, deed.record, _number(deed.done), _number(len(deed.commands)), *_flat(deed.commands))
    return given


def digest_of(commands: Sequence[Words]) -> str:
    """The digest of commands, as the script makes it."""
    return hashlib.sha1(b"\n".join(_flat(commands)), usedforsecurity=False).hexdigest()


def answer_of(reply: Sequence[bytes | int]) -> Answer:
    """The script's reply, understood."""
    said = [one.decode(errors="replace") if isinstance(one, bytes) else one for one in reply]
    kind, event, command, reason = [*said, *("", 0, 0, "")[len(said) :]]
    return Answer(str(kind), int(event), int(command), str(reason))


def _position(record: bytes) -> tuple[Position, bytes]:
    group_id, topic_id, partition, offset, results = _RECORD.decode(record)
    return Position(group_id, topic_id, partition, offset), results


def _flat(commands: Sequence[Words]) -> list[bytes]:
    return [word for words in commands for word in (_number(len(words)), *words)]


def _number(number: int) -> bytes:
    return str(number).encode()
