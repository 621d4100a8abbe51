"""One batch at a Redis place: calls in, commands collected or results recalled, and one script out, the decision."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

from oncewhere.effects.dedupe import Events, Known, identity_of
from oncewhere.effects.place import Batch, Call, OpenPlace, Start, Tally, UndecidedError, Work
from oncewhere.effects.policy import DedupeTable
from oncewhere.effects.redis.script import Answer, Deed, Torn, Words, digest_of, read, record_of
from oncewhere.errors import DuplicateEvent, OncewhereError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.records import Partition


class Collected(Protocol):
    """What an effect is given."""

    collected: list[Words]


class Server(Protocol):
    """A Redis server, reached by the driver; each method raises `UndecidedError` when it does not answer."""

    def commands(self) -> Collected:
        """What an effect is given to collect its commands in."""

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What stands at these keys."""

    def apply(self, deeds: Sequence[Deed]) -> Answer:
        """Runs the script."""

    def transact(self, commands: Sequence[Words]) -> None:
        """Applies commands in a MULTI of their own.

        Raises:
            OncewhereError: one of them failed; the others took hold.
        """

    def close(self) -> None:
        """Closes the connection. Never raises."""


class OpenRedis(OpenPlace):
    """A Redis place with its one connection, owned by one running processor.

    Args:
        name: the place's name.
        policy: how duplicates are prevented there; a `DedupeTable`, or else nothing is kept.
        group_id: the consumer group.
        server: where to.
    """

    def __init__(self, name: str, policy: object, group_id: str, server: Server) -> None:
        self.name = name
        self.dedupe = policy if isinstance(policy, DedupeTable) else None
        self.group_id = group_id
        self.server = server

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read: each event has a key of its own."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def begin(self, batch: Batch) -> RedisWork:
        """Begins a batch."""
        return RedisWork(self, batch)

    def close(self) -> None:
        """Closes the connection."""
        self.server.close()


class RedisWork(Work):
    """One batch: nothing is sent but the question which events are known, until `decide` sends all of it at once."""

    def __init__(self, opened: OpenRedis, batch: Batch) -> None:
        self._opened = opened
        self._events = Events(opened.group_id, batch)
        self._found: dict[str, bytes] = {}
        self._torn: dict[str, Torn] = {}
        self._commands: defaultdict[str, list[Words]] = defaultdict(list)
        self._loose: list[Words] = []
        self._executed = 0
        self._replayed = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Collects the effect's commands, or gives its recorded result."""
        codec, dedupe = call.effect.codec, self._opened.dedupe
        raw = None if dedupe is None else self._recall(call)
        if raw is not None:
            self._replayed += 1
            return codec.decode(raw)
        given = self._opened.server.commands()
        raw = codec.encode(call.effect.function(given, *args, **kwargs))
        if dedupe is None:
            self._loose += given.collected
        else:
            self._events.record(call, raw)
            self._commands[identity_of(call)] += given.collected
        self._executed += 1
        return codec.decode(raw)

    def run_each(self, calls: Sequence[Call], values: Sequence[Any], lanes: Sequence[object]) -> list[Any]:
        """Runs one effect for many records, one after the other: nothing waits for the server in between."""
        del lanes
        found: list[Any] = []
        for call, value in zip(calls, values, strict=True):
            try:
                found.append(self.run(call, (value,), {}))
            except DuplicateEvent as duplicate:
                found.append(duplicate)
        return found

    def decide(self) -> Tally:
        """Sends the script; when it returns, commands and records have taken hold together.

        Raises:
            UndecidedError: nothing took hold, or the answer was lost.
            OncewhereError: a command failed. What came before it took hold, and is recorded.
        """
        if self._opened.dedupe is None:
            if self._loose:
                self._opened.server.transact(self._loose)
        elif self._events.claims:
            self._judge(self._opened.server.apply(self._deeds()))
        return Tally(executed=self._executed, replayed=self._replayed)

    def abandon(self) -> None:
        """Nothing was sent."""

    def confirmed(self) -> None:
        """Nothing is kept in memory."""

    def _recall(self, call: Call) -> bytes | None:
        events = self._events
        if events.known is None:
            events.known = self._learn(events.asked_by(call))
        torn = self._torn.get(identity_of(call))
        if torn is not None and torn.position == (self._opened.group_id, *_place(call)):
            events.known.pop(identity_of(call), None)  # a redelivery of what was done in part: the rest is executed
        return events.recall(call)

    def _learn(self, identities: list[str]) -> dict[str, Known]:
        keys = [self._key(identity) for identity in identities]
        known: dict[str, Known] = {}
        for identity, found in zip(identities, self._opened.server.get(keys), strict=True):
            if found is None:
                continue
            self._found[identity] = found
            said = read(found)
            if isinstance(said, Torn):
                self._torn[identity] = said
                said = Known(said.position)
            known[identity] = said
        return known

    def _key(self, identity: str) -> bytes:
        assert self._opened.dedupe is not None  # noqa: S101 - only then there are keys
        return f"{self._opened.dedupe.table}:{identity}".encode()

    def _deeds(self) -> list[Deed]:
        return [
            Deed(
                key=self._key(identity),
                found=self._found.get(identity, b""),
                record=record_of(claim),
                commands=self._commands[identity],
                done=self._done_before(identity),
            )
            for identity, claim in self._events.claims.items()
        ]

    def _done_before(self, identity: str) -> int:
        torn = self._torn.get(identity)
        if torn is None:
            return 0
        if digest_of(self._commands[identity][: torn.done]) != torn.digest:
            raise OncewhereError(
                f"The first {torn.done} commands of event {identity!r} took hold in {self._opened.name!r} before one "
                "failed, and its effects do not begin with the same commands any more.",
                hint=f"Let them begin with the same; or set right by hand what they did, and delete the key "
                f"{self._key(identity).decode()!r} to do all of it again.",
            )
        return torn.done

    def _judge(self, answer: Answer) -> None:
        if answer.kind == "taken":
            raise UndecidedError(f"another instance recorded one of these events in {self._opened.name!r}")
        if answer.kind == "refused":
            identity = list(self._events.claims)[answer.event - 1]
            command = self._commands[identity][answer.command - 1][0].decode(errors="replace")
            raise OncewhereError(
                f"Redis ({self._opened.name!r}) refuses command {answer.command} of event {identity!r}, {command}: "
                f"{answer.reason}. What came before it in the batch took hold, and is recorded.",
                hint="Mend the key or the effect, and start again: the effect goes on with this command.",
            )


def _place(call: Call) -> tuple[str, int, int]:
    return call.partition.topic_id, call.partition.number, call.offset
