"""A batch at any place, in memory: calls in; stand-ins' results or recorded ones out, as each policy has it.

Who calls an outside system finds what was answered by the call's key, as its journal does; the others go by position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oncewhere.effects.dedupe import identity_of
from oncewhere.effects.idempotency import key_of
from oncewhere.effects.outbox import posting
from oncewhere.effects.place import Call, Tally, Work
from oncewhere.effects.policy import AtMostOnce, DedupeTable, IdempotencyKey, Outbox, UniqueConstraint
from oncewhere.errors import ConfigurationError, DuplicateEvent, EffectInDoubt, ReplayError
from oncewhere.testing.seen import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.policy import Policy

Position = tuple[str, int, int, str, int]


class Book:
    """What would be in the databases: results by position, answers by key, and the events of each dedupe table.

    Attributes:
        delivered: where records were read by now: topic, partition, offset.
    """

    def __init__(self) -> None:
        self.results: dict[Position, bytes] = {}
        self.answers: dict[str, bytes] = {}
        self.events: dict[tuple[str, str], tuple[str, int, int]] = {}
        self.delivered: set[tuple[str, int, int]] = set()


class FakeWork(Work):
    """One delivery.

    Args:
        book: what earlier deliveries left.
        redelivery: True where the record has been delivered before.
        named: True where the test says what the events' identity is.
        effects: what runs in an effect's stead: a function of its arguments without the connection, an exception to
            raise, or the value that it returns.
        connections: by place, the first argument of effects that run themselves.
    """

    def __init__(
        self,
        book: Book,
        *,
        redelivery: bool,
        named: bool,
        effects: Mapping[Effect[..., Any], Any],
        connections: Mapping[str, Any],
    ) -> None:
        self._book = book
        self._redelivery = redelivery
        self._named = named
        self._undecided: set[str] = set()
        self._effects = effects
        self._connections = connections
        self.runs: list[Run] = []

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Runs the stand-in, or gives what was recorded.

        Raises:
            DuplicateEvent: the same event was done at another position.
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
            raw = effect.codec.encode(self._execute(effect, args, kwargs))
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
        results = self._execute(effect, ([values[nth] for nth in fresh],), {}) if fresh else []
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
        """Nothing is open."""

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
            return None if key in self._undecided else self._book.answers.get(key)
        where = (call.partition.topic, call.partition.number, call.offset)
        if isinstance(policy, DedupeTable):
            seen = self._book.events.setdefault((call.effect.place.name, identity_of(call)), where)
            if seen != where:
                raise DuplicateEvent
        if not self._redelivery or not recalls(policy):
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
            if isinstance(policy, AtMostOnce) or policy.answers is not None:
                key = key_of(call, derive=policy.derive, group_id="")
                self._book.answers[key] = raw
                if isinstance(policy, IdempotencyKey):
                    self._undecided.add(key)  # answers are recorded at the end of a batch, and claims at once
            return
        where = (call.partition.topic, call.partition.number, call.offset)
        self._book.results[*where, call.effect.name, call.nth] = raw

    def _execute(self, effect: Effect[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if effect in self._effects:
            stand_in = self._effects[effect]
            if isinstance(stand_in, BaseException):
                raise stand_in
            return stand_in(*args, **kwargs) if callable(stand_in) else stand_in
        place = effect.place.name
        if place not in self._connections:
            raise ConfigurationError(
                f"The test says nothing of effect {effect.name!r} at {place!r}.",
                hint=f"Write FakeTransaction(record, effects={{{effect.name}: …}}), with a value or a function; or "
                f"connections={{{place!r}: db}} to run the effect itself.",
            )
        return effect.function(self._connections[place], *args, **kwargs)


def recalls(policy: Policy) -> bool:
    """True where a redelivered record gets what the first delivery returned, by its position."""
    return policy.records_results or isinstance(policy, UniqueConstraint)
