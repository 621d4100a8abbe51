"""A batch at any place, in memory: calls in; stand-ins' results or recorded ones out, as each policy has it.

Who calls an outside system finds what was answered by the call's key, as its journal does; the others go by position.
Where a delivery fails, everything that it left is taken back but the claims and what was answered to them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from oncewhere.effects.dedupe import identity_of
from oncewhere.effects.idempotency import key_of
from oncewhere.effects.outbox import posting
from oncewhere.effects.place import Call, Tally, Work
from oncewhere.effects.policy import AtMostOnce, DedupeTable, IdempotencyKey, Outbox, UniqueConstraint
from oncewhere.errors import ConfigurationError, DuplicateEvent, EffectInDoubt, NotDone, OutcomeUnknown, ReplayError
from oncewhere.testing.seen import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.policy import Policy

Position = tuple[str, int, int, str, int]


class Book:
    """What would be in the databases: results by position, answers by key, and the events of each dedupe table.

    Attributes:
        claims: the keys of calls at most once of which nobody knows whether they happened.
        delivered: where records were read by now: topic, partition, offset.
    """

    def __init__(self) -> None:
        self.results: dict[Position, bytes] = {}
        self.answers: dict[str, bytes] = {}
        self.claims: set[str] = set()
        self.events: dict[tuple[str, str], tuple[str, int, int]] = {}
        self.delivered: set[tuple[str, int, int]] = set()


class FakeWork(Work):
    """One delivery.

    Args:
        book: what earlier deliveries left.
        earlier: the deliveries of the same record before it.
        named: True where the test says what the events' identity is.
        effects: what runs in an effect's stead: a function of its arguments without the connection, an exception to
            raise, or the value that it returns.
        connections: by place, the first argument of effects that run themselves.
    """

    def __init__(
        self,
        book: Book,
        *,
        earlier: Sequence[FakeWork],
        named: bool,
        effects: Mapping[Effect[..., Any], Any],
        connections: Mapping[str, Any],
    ) -> None:
        self._book = book
        self._earlier = earlier
        self._named = named
        self._undecided: set[str] = set()
        self._written: list[tuple[dict[Any, Any], Any]] = []
        self.abandoned = False
        self._effects = effects
        self._connections = connections
        self.runs: list[Run] = []

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Runs the stand-in, or gives what was recorded.

        Raises:
            DuplicateEvent: the same event was done at another position.
            EffectInDoubt: it may have happened, now or before, and the policy is not to repeat it.
            ReplayError: the record is redelivered, and this call was not recorded.
            RecordError: the policy goes by the event's identity, and the record has none.
            ConfigurationError: likewise, and the test names none.
        """
        self._check_named(call)
        effect, policy = call.effect, call.effect.place.policy
        if isinstance(policy, Outbox):
            self.runs.append(Run(effect=effect, args=args, kwargs=dict(kwargs)))
            return posting(call, policy, "", args, kwargs)
        raw = self._recall(call)
        recalled = raw is not None
        if raw is None:
            raw = effect.codec.encode(self._execute(call, args, kwargs))
            self._record(call, raw)
        result = effect.codec.decode(raw)
        self.runs.append(Run(effect=effect, args=args, kwargs=dict(kwargs), result=result, recalled=recalled))
        return result

    def run_each(self, calls: Sequence[Call], values: Sequence[Any], lanes: Sequence[object]) -> list[Any]:
        """The same for many records; an effect that takes a list gets those that are not recalled, together."""
        del lanes
        if not calls or not calls[0].effect.many:
            return [self._run_or_passed(call, value) for call, value in zip(calls, values, strict=True)]
        self._check_named(calls[0])
        effect = calls[0].effect
        found: list[Any] = [None] * len(calls)
        fresh = []
        for nth, call in enumerate(calls):
            try:
                raw = self._recall(call)
            except DuplicateEvent as duplicate:
                found[nth] = duplicate
                continue
            if raw is None:
                fresh.append(nth)
            else:
                found[nth] = effect.codec.decode(raw)
                self.runs.append(Run(effect=effect, args=(values[nth],), result=found[nth], recalled=True))
        results = self._stand_in(effect)([values[nth] for nth in fresh]) if fresh else []
        for nth, result in zip(fresh, results, strict=True):
            raw = effect.codec.encode(result)
            self._record(calls[nth], raw)
            found[nth] = effect.codec.decode(raw)
            self.runs.append(Run(effect=effect, args=(values[nth],), result=found[nth]))
        return found

    def decide(self) -> Tally:
        """Counts."""
        recalled = sum(run.recalled for run in self.runs)
        return Tally(executed=len(self.runs) - recalled, replayed=recalled)

    def abandon(self) -> None:
        """Takes back what it left, and whatever else it would leave; claims and their answers stay."""
        self.abandoned = True
        for book, key in self._written:
            book.pop(key, None)
        self._written = []

    def confirmed(self) -> None:
        """Nothing is kept open."""

    def _run_or_passed(self, call: Call, value: Any) -> Any:
        try:
            return self.run(call, (value,), {})
        except (DuplicateEvent, EffectInDoubt) as passed:
            return passed

    def _check_named(self, call: Call) -> None:
        policy = call.effect.place.policy
        if policy.needs_identity and not self._named:
            raise ConfigurationError(
                f"effect {call.effect.name!r} goes by the event's identity ({policy.name}), and the test names none.",
                hint="Write FakeTransaction(record, identity='event_id'), as consume(identity=…) has it.",
            )

    def _recall(self, call: Call) -> bytes | None:
        policy = call.effect.place.policy
        if isinstance(policy, AtMostOnce | IdempotencyKey):
            key = key_of(call, derive=policy.derive, group_id="")
            if key in self._book.claims:
                raise EffectInDoubt(key)
            return None if key in self._undecided else self._book.answers.get(key)
        where = (call.partition.topic, call.partition.number, call.offset)
        if isinstance(policy, DedupeTable):
            event = (call.effect.place.name, identity_of(call))
            if self._book.events.get(event, where) != where:
                raise DuplicateEvent
            self._write(self._book.events, event, where)
        if all(work.abandoned for work in self._earlier) or not recalls(policy):
            return None
        raw = self._book.results.get((*where, call.effect.name, call.nth))
        if raw is None and policy.records_results:
            raise ReplayError(
                f"effect {call.effect.name!r} (call {call.nth}) was not recorded when the record was first handled.",
                topic=call.partition.topic,
                partition=call.partition.number,
                offset=call.offset,
                hint="A handler must ask for the same effects in the same order when it sees the same record again.",
            )
        return raw

    def _record(self, call: Call, raw: bytes) -> None:
        policy = call.effect.place.policy
        if isinstance(policy, AtMostOnce | IdempotencyKey):
            key = key_of(call, derive=policy.derive, group_id="")
            # Answers are recorded at the end of a batch, and claims at once.
            if isinstance(policy, AtMostOnce):
                self._book.answers[key] = raw
                self._book.claims.discard(key)
            elif policy.answers is not None:
                self._write(self._book.answers, key, raw)
                self._undecided.add(key)
            return
        where = (call.partition.topic, call.partition.number, call.offset)
        self._write(self._book.results, (*where, call.effect.name, call.nth), raw)

    def _write(self, book: dict[Any, Any], key: Any, value: Any) -> None:
        """Writes down what a failure takes back; after one there is nothing that it could be written into."""
        if key not in book and not self.abandoned:
            self._written.append((book, key))
            book[key] = value

    def _execute(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Runs the stand-in; at most once, under a claim that stays unless it certainly did not happen."""
        function, policy = self._stand_in(call.effect), call.effect.place.policy
        if not isinstance(policy, AtMostOnce):
            return function(*args, **kwargs)
        key = key_of(call, derive=policy.derive, group_id="")
        self._book.claims.add(key)
        try:
            return function(*args, **kwargs)
        except NotDone:
            self._book.claims.discard(key)
            raise
        except OutcomeUnknown as unknown:
            raise EffectInDoubt(key) from unknown

    def _stand_in(self, effect: Effect[..., Any]) -> Callable[..., Any]:
        if effect in self._effects:
            stand_in = self._effects[effect]
            return stand_in if callable(stand_in) else partial(_given, stand_in)
        place = effect.place.name
        if place not in self._connections:
            raise ConfigurationError(
                f"The test says nothing of effect {effect.name!r} at {place!r}.",
                hint=f"Write FakeTransaction(record, effects={{{effect.name}: …}}), with a value or a function; or "
                f"connections={{{place!r}: db}} to run the effect itself.",
            )
        return partial(effect.function, self._connections[place])


def _given(stand_in: Any, *args: Any, **kwargs: Any) -> Any:
    """The value, whatever the effect is asked for; or the exception."""
    del args, kwargs
    if isinstance(stand_in, BaseException):
        raise stand_in
    return stand_in


def recalls(policy: Policy) -> bool:
    """True where a redelivered record gets what the first delivery returned, by its position."""
    return policy.records_results or isinstance(policy, UniqueConstraint)
