"""A place in memory whose decisions are the ledger's own: batches in; effects and ledger rows of the world out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invariants import effect_is_new

from oncewhere.effects.ledger import LedgerRow, Standing, forget, move, moved, recall, stand
from oncewhere.effects.place import Tally, UndecidedError
from oncewhere.effects.policy import OffsetLedger, Policy
from oncewhere.effects.recorded import CallKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine_world import World

    from oncewhere.effects.place import Batch, Call, Start
    from oncewhere.records import Partition


class Bank:
    """A place in memory, with the ledger's own decisions."""

    name, system = "bank", "memory"
    policy: Policy = OffsetLedger()
    idle_limit_s = 0.5

    def __init__(self, world: World) -> None:
        self.world = world
        self._standings: dict[Partition, Standing] = {}

    def connection_type(self) -> type[None]:
        return type(None)

    def open(self, group_id: str) -> Bank:
        del group_id
        return self

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        self.world.process.call("read the ledger")
        for partition, start in starts.items():
            row = self.world.rows.get(partition)
            self._standings[partition] = stand(partition, row, start, group_id="group", place="bank")

    def released(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._standings.pop(partition, None)

    def begin(self, batch: Batch) -> BankWork:
        return BankWork(self.world, self._standings, batch)

    def close(self) -> None:
        pass


class BankWork:
    """One batch of the bank."""

    def __init__(self, world: World, standings: dict[Partition, Standing], batch: Batch) -> None:
        self._world = world
        self._standings = standings
        self._batch = batch
        self._executed: dict[Partition, dict[CallKey, bytes]] = {}
        self._done: list[bytes] = []
        self._recalled = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        key = CallKey(call.offset, call.effect.name, call.nth)
        raw = recall(self._standings[call.partition], call.partition, key)
        if raw is not None:
            self._recalled += 1
            return call.effect.codec.decode(raw)
        result = call.effect.function(None, *args, **kwargs)
        self._executed.setdefault(call.partition, {})[key] = call.effect.codec.encode(result)
        self._done.append(args[0])
        return result

    def decide(self) -> Tally:
        world = self._world
        chosen = world.process.call("decide", "answer lost", "request lost", "deadlock")
        if chosen in {"request lost", "deadlock"}:
            raise UndecidedError(chosen, unknown=chosen == "request lost")
        moves = [
            move(self._standings[span.partition], span, self._executed.get(span.partition, {}))
            for span in self._batch.spans
        ]
        for written in moves:
            row = None if written is None else world.rows.get(written.partition)
            if written is not None and world.compare_and_set:
                found = None if row is None else row.next_offset
                if found != written.expected:
                    raise UndecidedError("another instance was faster")
        for written in moves:
            if written is not None:
                row = LedgerRow(written.next_offset, written.covered_from, written.results)
                world.rows[written.partition] = row
        effects = world.broker.effects
        assert effects is not None
        for value in self._done:
            effects[value] = effects.get(value, 0) + 1
            effect_is_new(world.broker, value)
        if chosen == "answer lost":
            raise UndecidedError(chosen, unknown=True)
        for written in moves:
            if written is not None:
                self._standings[written.partition] = moved(written)
        world.process.after(chosen)
        return Tally(len(self._done), self._recalled)

    def abandon(self) -> None:
        pass

    def confirmed(self) -> None:
        for span in self._batch.spans:
            if span.partition in self._standings:
                self._standings[span.partition] = forget(self._standings[span.partition], span.end)
