"""Mistakes to plant in the runtime: the exploration must find each, or it proves nothing."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from simulated_kafka import metadata

from oncewhere.runtime.ending import Ending
from oncewhere.runtime.engine import Engine
from oncewhere.runtime.failures import Treatment, outcome
from oncewhere.runtime.growing import Growing
from oncewhere.runtime.kafka import writer
from oncewhere.runtime.kafka.reader import Reader
from oncewhere.runtime.positions import Positions
from oncewhere.runtime.states import Call, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from engine_world import World


class Mistake(StrEnum):
    """A mistake to plant in the runtime; the exploration must find each."""

    NO_REWIND = "no-rewind"
    """An abort leaves the consumer's positions where they are."""
    REUSE_PRODUCER = "reuse-producer"
    """A producer is used again after an EndTxn whose outcome is unknown."""
    NO_GENERATION = "no-generation"
    """Offsets are sent without the group's metadata."""
    UNSTABLE = "unstable"
    """The committed offset is read while a transaction holds offsets."""
    KEEP_GROWING = "keep-growing"
    """The batch that grows survives the rewind."""
    KEEP_LEFTOVER = "keep-leftover"
    """Records that were taken and not handled survive the rewind."""
    READ_AHEAD_OF_REVOKE = "read-ahead-of-revoke"
    """Records of a partition that went while they were taken are handled."""
    LATE_POSITIONS = "late-positions"
    """Positions are taken when a batch commits, and not when it is sealed."""
    DRAIN_WHAT_FAILED = "drain-what-failed"
    """A batch that failed while the run was told to stop is finished like a good one."""
    HANDLE_BEFORE_REWIND = "handle-before-rewind"
    """Records are handled that were taken before asking a place led to a rewind."""
    PASS_OVER = "pass-over"
    """What was taken together with new partitions counts as handled by the batch that is finished for them."""
    NO_CAS = "no-cas"
    """The ledger row is written without comparing it."""
    COUNT_IN_HAND = "count-in-hand"
    """A record that was taken when a rebalance comes, within the same `take`, counts as handled."""
    FINISH_WHAT_IS_LOST = "finish-what-is-lost"
    """A batch whose partitions were lost is finished when some are revoked within the same `take`."""
    TRUST_THE_CONSUMER = "trust-the-consumer"
    """Records that a consumer gives again by itself are handled again."""
    SEEK_WHAT_HALTED = "seek-what-halted"
    """A partition that is not read any more is sought like every other."""


@contextmanager
def planted(world: World, mistakes: Iterable[Mistake]) -> Iterator[None]:
    """The runtime, with these mistakes in it, and without the net that catches what comes of some of them."""
    with ExitStack() as stack:
        for mistake in mistakes:
            _PLANT[mistake](world, stack)
            if mistake is not Mistake.SEEK_WHAT_HALTED:
                stack.enter_context(patch.object(Positions, "covered", lambda _, batch: batch.records))
        yield


def _no_rewind(_: World, stack: ExitStack) -> None:
    stack.enter_context(patch.object(Reader, "_seek", lambda *_: None))


def _reuse_producer(_: World, stack: ExitStack) -> None:
    def guess(call: Call, failure: Any) -> Outcome:
        if call is Call.COMMIT and failure.treatment is Treatment.RETRIABLE:
            return Outcome.ABORTABLE
        return outcome(call, failure)

    stack.enter_context(patch.object(writer, "outcome", guess))


def _no_generation(_: World, stack: ExitStack) -> None:
    stack.enter_context(patch.object(Reader, "metadata", lambda _: metadata(-1, "")))


def _unstable(world: World, _: ExitStack) -> None:
    world.broker.stable_reads = False


def _keep_growing(_: World, stack: ExitStack) -> None:
    give_up = Growing.give_up

    def keeps(self: Any) -> None:
        batch = self.batch
        give_up(self)
        self.batch = None if batch is None else replace(batch, prepared=False, direct=False)

    stack.enter_context(patch.object(Growing, "give_up", keeps))


def _keep_leftover(_: World, stack: ExitStack) -> None:
    give_up = Growing.give_up

    def keeps(self: Any) -> None:
        kept = self.intake.kept
        give_up(self)
        self.intake.put_back(kept)

    stack.enter_context(patch.object(Growing, "give_up", keeps))


def _read_ahead_of_revoke(_: World, stack: ExitStack) -> None:
    def take(self: Any, max_records: int, wait_s: float) -> Any:
        self._gone.clear()
        return self._consume(max_records, 0) or (self._consume(1, wait_s) if wait_s else [])

    stack.enter_context(patch.object(Reader, "take", take))


def _late_positions(_: World, stack: ExitStack) -> None:
    advance = Ending.advance

    def late(self: Any, wait_s: float) -> Any:
        if self.batch is not None and not self.batch.with_offsets:
            self.batch.ends = self._session.reader.positions()
        return advance(self, wait_s)

    stack.enter_context(patch.object(Ending, "advance", late))


def _drain_what_failed(_: World, stack: ExitStack) -> None:
    recover = Engine._recover

    def late(self: Any, error: Any) -> None:
        if not self._stopping():
            recover(self, error)

    stack.enter_context(patch.object(Engine, "_recover", late))


def _handle_before_rewind(_: World, stack: ExitStack) -> None:
    follow = Engine._follow_group

    def handles(self: Any, messages: Any) -> Any:
        kept = self._growing.intake.kept
        follow(self, messages)
        self._growing.intake.drop()
        self._growing.intake.put_back(kept)
        return messages

    stack.enter_context(patch.object(Engine, "_follow_group", handles))


def _pass_over(_: World, stack: ExitStack) -> None:
    follow, seal = Engine._follow_group, Positions.seal

    def passes(self: Any, messages: Any) -> Any:
        with patch.object(Positions, "seal", lambda positions, batch, _: seal(positions, batch, [])):
            return follow(self, messages)

    stack.enter_context(patch.object(Engine, "_follow_group", passes))


def _no_cas(world: World, _: ExitStack) -> None:
    world.compare_and_set = False


def _count_in_hand(_: World, stack: ExitStack) -> None:
    positions = Reader.positions

    def counts(self: Any) -> Any:
        self._in_hand = []
        return positions(self)

    stack.enter_context(patch.object(Reader, "positions", counts))


def _finish_what_is_lost(_: World, stack: ExitStack) -> None:
    release = Engine._release

    def finishes(self: Any, partitions: Any, lost: bool) -> None:
        astray, self._astray = self._astray, None
        release(self, partitions, lost)
        self._astray = self._astray or astray

    stack.enter_context(patch.object(Engine, "_release", finishes))


def _trust_the_consumer(_: World, __: ExitStack) -> None:
    """The net is taken away with every mistake."""


def _seek_what_halted(_: World, stack: ExitStack) -> None:
    stack.enter_context(patch.object(Reader, "_halt", lambda *_: None))


_PLANT: Mapping[Mistake, Callable[[World, ExitStack], None]] = {
    Mistake.NO_REWIND: _no_rewind,
    Mistake.REUSE_PRODUCER: _reuse_producer,
    Mistake.NO_GENERATION: _no_generation,
    Mistake.UNSTABLE: _unstable,
    Mistake.KEEP_GROWING: _keep_growing,
    Mistake.KEEP_LEFTOVER: _keep_leftover,
    Mistake.READ_AHEAD_OF_REVOKE: _read_ahead_of_revoke,
    Mistake.LATE_POSITIONS: _late_positions,
    Mistake.DRAIN_WHAT_FAILED: _drain_what_failed,
    Mistake.HANDLE_BEFORE_REWIND: _handle_before_rewind,
    Mistake.PASS_OVER: _pass_over,
    Mistake.NO_CAS: _no_cas,
    Mistake.COUNT_IN_HAND: _count_in_hand,
    Mistake.FINISH_WHAT_IS_LOST: _finish_what_is_lost,
    Mistake.TRUST_THE_CONSUMER: _trust_the_consumer,
    Mistake.SEEK_WHAT_HALTED: _seek_what_halted,
}
