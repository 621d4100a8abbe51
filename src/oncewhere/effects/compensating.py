"""A place whose effects are undone where their Kafka transaction did not commit: calls in; intents and undos out.

Kafka's commit decides here, and the place follows it: what the group's committed offset has not passed is undone, and
done again when the record comes again, as another attempt with a key of its own. The order, each step by itself:

    a call          intent, the effect, settled
    a partition     taken (our token is written, what is owed is listed)
                    proved: a Kafka transaction that moves nothing has committed, so the group still counts us as owner
                    what is owed is undone: claimed, the undo, marked as undone

Why in this order, `tests/model/compensation_model.py` has; it finds the mistake in each other.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from oncewhere.effects.idempotency import Derive, attempt_key, key_of, undo_key
from oncewhere.effects.intents import Attempt, Intent, IntentState
from oncewhere.effects.outside import OpenOutside, OutsidePlace, Terms
from oncewhere.effects.place import Batch, Call, OwesUndo, Start, Tally, UndecidedError, Work
from oncewhere.effects.repetition import Outcome, pause_s
from oncewhere.errors import ConfigurationError, EffectInDoubt, NotDone, OutcomeUnknown, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.intents import IntentJournal
    from oncewhere.effects.outside import Means
    from oncewhere.effects.policy import Compensate
    from oncewhere.records import Partition

logger = logging.getLogger(__name__)


def open_compensating(place: OutsidePlace[Any], policy: Compensate, group_id: str) -> OpenCompensating:
    """Opens a place, and its journal.

    Raises:
        ConfigurationError: a table of the journal has the wrong shape.
        UnreachableError: the database of the journal does not answer.
    """
    journal = policy.journal.intent_journal(
        policy.table, policy.owners, create=policy.create, place=place.name, group_id=group_id
    )
    try:
        journal.prepare()
    except UndecidedError as error:
        journal.close()
        msg = f"The database that keeps the intents of place {place.name!r} cannot be used: {error.reason}."
        raise UnreachableError(msg, hint="Start it, or mend its address.") from error
    except BaseException:
        journal.close()
        raise
    return OpenCompensating(place, policy, group_id, place.means(), journal)


class OpenCompensating(OpenOutside, OwesUndo):
    """A place with its means and its journal open, owned by one running processor."""

    def __init__(
        self, place: OutsidePlace[Any], policy: Compensate, group_id: str, means: Means, intents: IntentJournal
    ) -> None:
        super().__init__(place, group_id, means, None)
        self.policy = policy
        self.intents = intents
        self._owed: list[Intent] = []

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Takes the partitions, and lists what is owed; nothing is undone yet."""
        self._owed = [intent for intent in self._owed if intent.partition not in starts]
        if starts:
            self._owed += self.intents.take(starts)

    def released(self, partitions: Iterable[Partition]) -> None:
        """Whoever takes these partitions owes what we owe of them."""
        gone = set(partitions)
        self._owed = [intent for intent in self._owed if intent.partition not in gone]

    def undo(self) -> tuple[int, int]:
        """Undoes what is owed."""
        undone = doubtful = 0
        while self._owed:
            state = self._undo(self._owed[0])
            del self._owed[0]
            undone += state is IntentState.UNDONE
            doubtful += state is IntentState.IN_DOUBT
        return undone, doubtful

    def begin(self, batch: Batch) -> CompensatingWork:  # type: ignore[override]  # a work all the same
        """Begins a batch."""
        return CompensatingWork(self, batch)

    def close(self) -> None:
        """Closes the means and the journal."""
        super().close()
        self.intents.close()

    def _undo(self, intent: Intent) -> IntentState | None:
        """What became of it; None where another instance was faster."""
        effect = self._effect(intent)
        if intent.state is not IntentState.UNDOING:
            if not self.intents.claim_undo(intent):
                return None
        elif not self.policy.keyed_undo:
            # A crash left its undo begun, and nothing would tell a second one from the first.
            return IntentState.IN_DOUBT if self.intents.move(intent, IntentState.IN_DOUBT) else None
        call = Call(effect, intent.partition, intent.offset, intent.nth, None)
        key = attempt_key(intent.key, intent.attempt)
        attempt = Attempt(key, None if intent.result is None else effect.codec.decode(intent.result))
        arguments = effect.arguments.unpack(intent.arguments)
        terms = Terms(undo_key(key), keyed=True, call=call)
        after = IntentState.UNDONE
        try:
            attempts_at(
                self,
                lambda: effect.undo(self.means.given(terms), attempt, arguments),
                repeats_unknown=self.policy.keyed_undo,
            )
        except UndecidedError as error:
            if not error.unknown:
                self.intents.move(intent, intent.state)  # it certainly did not happen, and is owed as before
                raise
            if self.policy.keyed_undo:
                raise
            after = IntentState.IN_DOUBT
        except Exception:
            # It has failed for good, and may have been done in part: a person has to look.
            logger.exception("the undo of %s failed", effect)
            after = IntentState.IN_DOUBT
        if not self.intents.move(intent, after):
            raise UndecidedError("another instance took our undo for a crash")
        return after

    def _effect(self, intent: Intent) -> Effect[..., Any]:
        effect = self.place.effects.get(intent.effect)
        if effect is None:
            raise ConfigurationError(
                f"Place {self.place.name!r} owes the undo of effect {intent.effect!r} for {intent.partition} at offset "
                f"{intent.offset}, and there is no such effect any more.",
                hint="Declare it (its name is in @effect(…, name=…)) until the group has passed this offset.",
            )
        return effect


class CompensatingWork(Work):
    """One batch at such a place."""

    def __init__(self, opened: OpenCompensating, batch: Batch) -> None:
        self._opened = opened
        self._ends = {span.partition: span.end for span in batch.spans}
        self._executed = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Executes the effect, after its intent is written.

        Raises:
            EffectInDoubt: an earlier attempt's undo may have happened or not.
        """
        opened = self._opened
        key = key_of(call, derive=Derive.POSITION, group_id=opened.group_id)
        number = opened.intents.intend(call, key, call.effect.arguments.pack(args, kwargs))
        terms = Terms(attempt_key(key, number), keyed=True, call=call)
        raw = call.effect.codec.encode(
            attempts_at(
                opened,
                lambda: call.effect.function(opened.means.given(terms), *args, **kwargs),
                repeats_unknown=False,  # what is unknown is undone, and done again as another attempt
            )
        )
        if not opened.intents.settle(key, number, raw):
            raise UndecidedError("another instance has undone our intent")
        self._executed += 1
        return call.effect.codec.decode(raw)

    def run_each(self, calls: Sequence[Call], values: Sequence[Any], lanes: Sequence[object]) -> list[Any]:
        """Runs one effect for many records, one after the other: each is two commits on one connection."""
        del lanes
        return [self._run_or_doubt(call, value) for call, value in zip(calls, values, strict=True)]

    def decide(self) -> Tally:
        """Nothing is left to decide: Kafka does."""
        return Tally(executed=self._executed, replayed=0)

    def abandon(self) -> None:
        """What was done is undone when the partitions are taken again."""

    def confirmed(self) -> None:
        """Forgets the batch's intents; where that fails, whoever takes the partitions next does so."""
        if self._executed:
            with contextlib.suppress(UndecidedError):
                self._opened.intents.confirmed(self._ends)

    def _run_or_doubt(self, call: Call, value: Any) -> Any:
        try:
            return self.run(call, (value,), {})
        except EffectInDoubt as doubt:
            return doubt


def attempts_at(opened: OpenOutside, attempt: Callable[[], Any], *, repeats_unknown: bool) -> Any:
    """Makes attempts within the place's limits; gives what one returned.

    Raises:
        NotDone: it was refused for good.
        UndecidedError: the limits are reached, or nobody knows and it is not to be repeated.
        Exception: whatever else it raised.
    """
    limits = opened.place.limits
    began, attempts, unknown = time.monotonic(), 0, False
    while True:
        opened.wait_for_opening(until=began + limits.total_s)
        attempts += 1
        told: NotDone | OutcomeUnknown
        try:
            return attempt()
        except NotDone as error:
            if error.permanent:
                raise
            outcome, told = Outcome.NOT_DONE, error
        except OutcomeUnknown as error:
            outcome, told, unknown = Outcome.UNKNOWN, error, True
        opened.heed(told)
        pause = pause_s(
            limits,
            outcome,
            repeats_unknown=repeats_unknown,
            attempts=attempts,
            elapsed_s=time.monotonic() - began,
            asked_s=told.retry_after_s,
        )
        if pause is None:
            raise UndecidedError(f"{opened.place.name!r}: {told.reason}", unknown=unknown)
        time.sleep(pause)
