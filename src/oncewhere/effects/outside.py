"""A place without transactions: calls in, attempts and their answers out, each by the place's policy.

An effect here takes hold when it runs, and nothing takes it back. So the order is another one than in a database: what
must be known *before* (a claim) is committed before the attempt, what must be known *after* (an answer) at the latest
when the batch is decided; and a call that a redelivered record makes again is found by its key.

    policy             before           attempts                        after
    IdempotencyKey     look for answer  repeated with the same key      answer kept when the batch is decided
    AtMostOnce         claim            repeated if surely not done     settle at once; unknown: in doubt
    AtLeastOnce        nothing          repeated                        nothing
    Compensate         see `compensating`
"""

from __future__ import annotations

import copy
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

from oncewhere.effects.calls import Entry, KeepsCalls, State
from oncewhere.effects.honours import check, require_policy
from oncewhere.effects.idempotency import Derive, key_of
from oncewhere.effects.intents import KeepsIntents
from oncewhere.effects.outbox import OpenOutbox, performed_by
from oncewhere.effects.place import Batch, Call, OpenPlace, Place, Start, Tally, UndecidedError, Work
from oncewhere.effects.policy import AtMostOnce, Compensate, IdempotencyKey, Outbox, Policy
from oncewhere.effects.repetition import Limits, Outcome, pause_s
from oncewhere.errors import ConfigurationError, EffectInDoubt, NotDone, OutcomeUnknown, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.effects.calls import CallJournal
    from oncewhere.effects.effect import Effect
    from oncewhere.records import Partition

C = TypeVar("C")


class Terms(NamedTuple):
    """On what terms one attempt is made.

    Attributes:
        key: of the call, the same on every attempt.
        keyed: whether the downstream is to be shown the key.
        call: which call it is, for errors.
    """

    key: str
    keyed: bool
    call: Call


class Means(Protocol):
    """What a system's effects are done with; open while the processor runs."""

    def given(self, terms: Terms) -> Any:
        """An effect's first argument, for one attempt."""

    def close(self) -> None:
        """Gives back what is open. Never raises."""


class OutsidePlace(Place[C]):
    """A system without transactions that effects reach; a system's module derives its own class.

    Args:
        name: your name for this place, such as `gateway`.
        policy: how duplicates are prevented.
        system: what it is, as `honours` names it.
        limits: how often and how long a call is attempted.
        concurrency: how many calls of `tx.run_each` may be under way at a time; those of one key never are.

    Raises:
        ConfigurationError: the name is empty, or the policy is none that the system can honour.
    """

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Made with a policy, or not at all."""
        require_policy(cls, given)
        return super().__new__(cls)

    def __init__(self, *, name: str, policy: Policy, system: str, limits: Limits, concurrency: int = 1) -> None:
        if not name:
            kind = type(self).__name__
            raise ConfigurationError("A place needs a name.", hint=f"Write {kind}(…, name='gateway', policy=…).")
        check(policy, system, place=name)
        if isinstance(policy, Outbox):
            check(policy.then, system, place=name)
        journal = _journal_of(policy)
        if journal is not None and not isinstance(journal, KeepsCalls):
            raise ConfigurationError(
                f"The policy of place {name!r} is to keep its calls in {journal!r}, which is no SQL place.",
                hint="Give it a Postgres(…), MySql(…) or Sqlite(…).",
            )
        if isinstance(policy, Compensate) and not isinstance(policy.journal, KeepsIntents):
            raise ConfigurationError(
                f"The policy of place {name!r} is to keep its intents in {policy.journal!r}, which is no SQL place.",
                hint="Give it a Postgres(…), MySql(…) or Sqlite(…).",
            )
        self._name = name
        self._policy = policy
        self._system = system
        self.limits = limits
        if concurrency < 1:
            raise ConfigurationError(f"Place {name!r} makes at least one call at a time.")
        self.concurrency = concurrency
        self.effects: dict[str, Effect[Any, Any]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}, {self._policy.name}>"

    @property
    def name(self) -> str:
        """The user's name for it."""
        return self._name

    @property
    def system(self) -> str:
        """What it is: `http`."""
        return self._system

    @property
    def policy(self) -> Policy:
        """How duplicates are prevented here."""
        return self._policy

    @property
    def idle_limit_s(self) -> None:
        """Nothing stays open there."""
        return

    def register(self, effect: Effect[Any, Any]) -> None:
        """Takes note of an effect that was declared here: it may have to be undone when no record asks for it."""
        self.effects[effect.name] = effect

    def means(self) -> Means:
        """What effects are done with; connects to nothing yet."""
        raise NotImplementedError

    def performing(self) -> OutsidePlace[C]:
        """The same place for the second processor of an outbox, with the policy by which calls are performed.

        Raises:
            ConfigurationError: this place has no outbox.
        """
        if not isinstance(self._policy, Outbox):
            raise ConfigurationError(
                f"Place {self._name!r} has policy {self._policy.name}: nothing waits in an outbox for it.",
                hint="Declare it with policy=Outbox('capture-requests', then=IdempotencyKey()).",
            )
        other = copy.copy(self)
        other._policy = performed_by(self._policy)  # noqa: SLF001  # one of us
        return other

    def open(self, group_id: str) -> OpenPlace:
        """Opens it, and checks or creates the table that the policy needs.

        Raises:
            ConfigurationError: a table has the wrong shape.
            UnreachableError: the database of the journal does not answer.
        """
        policy = self._policy
        if isinstance(policy, Outbox):
            return OpenOutbox(policy, group_id)
        if isinstance(policy, Compensate):
            from oncewhere.effects.compensating import open_compensating  # noqa: PLC0415  # which derives from here

            return open_compensating(self, policy, group_id)
        journal = None
        if isinstance(policy, AtMostOnce | IdempotencyKey) and (keeps := _journal_of(policy)) is not None:
            journal = keeps.call_journal(policy.table, create=policy.create, place=self._name, group_id=group_id)
            try:
                journal.prepare()
            except UndecidedError as error:
                journal.close()
                msg = f"The database that keeps the calls of place {self._name!r} cannot be used: {error.reason}."
                raise UnreachableError(msg, hint="Start it, or mend its address.") from error
            except BaseException:
                journal.close()
                raise
        return OpenOutside(self, group_id, self.means(), journal)


def _journal_of(policy: Policy) -> KeepsCalls | None:
    if isinstance(policy, Outbox):
        return _journal_of(policy.then)
    if isinstance(policy, AtMostOnce):
        return policy.claims
    return policy.answers if isinstance(policy, IdempotencyKey) else None


class OpenOutside(OpenPlace):
    """A place with its means open, owned by one running processor."""

    def __init__(self, place: OutsidePlace[Any], group_id: str, means: Means, journal: CallJournal | None) -> None:
        self.place = place
        self.group_id = group_id
        self.means = means
        self.journal = journal
        self._closed_until = 0.0

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read: each call is looked for by its key."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def begin(self, batch: Batch) -> OutsideWork:
        """Begins a batch."""
        del batch
        return OutsideWork(self)

    def close(self) -> None:
        """Closes the means and the journal."""
        self.means.close()
        if self.journal is not None:
            self.journal.close()

    def leave_alone(self, seconds: float) -> None:
        """The downstream asked not to be called for so long."""
        self._closed_until = time.monotonic() + seconds

    def wait_for_opening(self) -> None:
        """Waits as long as the downstream asked, within the limits.

        Raises:
            UndecidedError: that is longer than a call may take; nothing was sent.
        """
        left_s = self._closed_until - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(left_s, self.place.limits.total_s))
        if self._closed_until > time.monotonic():
            raise UndecidedError(f"{self.place.name!r} asks to be left alone for longer than a call may take")


class OutsideWork(Work):
    """One batch at such a place."""

    def __init__(self, opened: OpenOutside) -> None:
        self._opened = opened
        self._policy = opened.place.policy
        self._answers: list[tuple[Call, str, bytes]] = []
        self._executed = 0
        self._replayed = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Executes the effect, or gives its recorded result.

        Raises:
            EffectInDoubt: it may have happened before, and the policy is not to repeat it.
        """
        codec = call.effect.codec
        key = self._key(call)
        raw = self._recall(key)
        if raw is not None:
            self._replayed += 1
            return codec.decode(raw)
        if isinstance(self._policy, AtMostOnce):
            self._claim(call, key)
        raw = codec.encode(self._attempts(call, key, args, kwargs))
        self._executed += 1
        if isinstance(self._policy, AtMostOnce):
            self._settle(key, raw)
        elif isinstance(self._policy, IdempotencyKey) and self._policy.answers is not None:
            self._answers.append((call, key, raw))
        return codec.decode(raw)

    def run_each(self, calls: Sequence[Call], values: Sequence[Any], lanes: Sequence[object]) -> list[Any]:
        """Runs one effect for many records, several lanes at a time where the place and its policy allow it."""
        # With a journal of claims each call is two commits on one connection: nothing is gained beside it.
        workers = 1 if isinstance(self._policy, AtMostOnce) else min(self._opened.place.concurrency, len(calls))
        if workers <= 1:
            return [self._run_or_doubt(call, value) for call, value in zip(calls, values, strict=True)]
        keys = [self._key(call) for call in calls]
        journal = self._opened.journal
        known = {} if journal is None else journal.find(keys)
        found: list[Any] = [None] * len(calls)
        raws: dict[int, bytes] = {}
        queues: dict[object, list[int]] = {}
        for nth, key in enumerate(keys):
            if key in known:
                found[nth] = calls[nth].effect.codec.decode(self._judged(known[key]))
                self._replayed += 1
            else:
                queues.setdefault(lanes[nth], []).append(nth)
        failed = threading.Event()

        def drain(queue: list[int]) -> None:
            for nth in queue:
                if failed.is_set():
                    return  # the batch begins again; what is not asked for yet is asked for then
                try:
                    raws[nth] = calls[nth].effect.codec.encode(
                        self._attempts(calls[nth], keys[nth], (values[nth],), {})
                    )
                except BaseException:
                    failed.set()
                    raise

        with ThreadPoolExecutor(workers, thread_name_prefix=f"oncewhere-{self._opened.place.name}") as pool:
            lanes_done = [pool.submit(drain, queue) for queue in queues.values()]
        for lane in lanes_done:
            lane.result()
        for nth, raw in raws.items():
            found[nth] = calls[nth].effect.codec.decode(raw)
            self._executed += 1
            if isinstance(self._policy, IdempotencyKey) and self._policy.answers is not None:
                self._answers.append((calls[nth], keys[nth], raw))
        return found

    def _run_or_doubt(self, call: Call, value: Any) -> Any:
        try:
            return self.run(call, (value,), {})
        except EffectInDoubt as doubt:
            return doubt

    def decide(self) -> Tally:
        """Keeps the answers: after this a redelivered record does not ask again."""
        if self._answers and self._opened.journal is not None:
            self._opened.journal.keep(self._answers)
        return Tally(executed=self._executed, replayed=self._replayed)

    def abandon(self) -> None:
        """Nothing can be taken back; what was done is found again by its key."""

    def confirmed(self) -> None:
        """Nothing is kept in memory."""

    def _key(self, call: Call) -> str:
        policy = self._policy
        derive = policy.derive if isinstance(policy, AtMostOnce | IdempotencyKey) else Derive.POSITION
        return key_of(call, derive=derive, group_id=self._opened.group_id)

    def _recall(self, key: str) -> bytes | None:
        journal = self._opened.journal
        if journal is None:
            return None
        entry = journal.find([key]).get(key)
        if entry is None:
            return None
        return self._judged(entry)

    def _judged(self, entry: Entry) -> bytes:
        if entry.state is State.SETTLED and entry.result is not None:
            return entry.result
        if entry.state is State.CLAIMED and self._opened.journal is not None:
            # Its owner has crashed, or is a zombie; from here on it cannot settle the claim any more.
            self._opened.journal.doubt(entry.key)
        raise EffectInDoubt(entry.key)

    def _claim(self, call: Call, key: str) -> None:
        journal = self._opened.journal
        assert journal is not None  # noqa: S101 - the policy names one
        if not journal.claim(call, key):
            raise UndecidedError(f"another instance claimed a call of {call.effect.name!r} at the same moment")

    def _settle(self, key: str, raw: bytes) -> None:
        journal = self._opened.journal
        assert journal is not None  # noqa: S101 - the policy names one
        if not journal.settle(key, raw):
            raise UndecidedError("another instance found our claim, and took it for a crash: it stays in doubt")

    def _attempts(self, call: Call, key: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Runs the effect until it is known what became of it, or the limits are reached."""
        opened, limits = self._opened, self._opened.place.limits
        at_most_once = isinstance(self._policy, AtMostOnce)
        terms = Terms(key, isinstance(self._policy, IdempotencyKey), call)
        began = time.monotonic()
        attempts, ever_unknown = 0, False
        try:
            while True:
                opened.wait_for_opening()
                attempts += 1
                told: NotDone | OutcomeUnknown
                try:
                    return call.effect.function(opened.means.given(terms), *args, **kwargs)
                except NotDone as error:
                    if error.permanent:
                        raise
                    outcome, told = Outcome.NOT_DONE, error
                except OutcomeUnknown as error:
                    outcome, told = Outcome.UNKNOWN, error
                    ever_unknown = True
                pause = pause_s(
                    limits,
                    outcome,
                    repeats_unknown=not at_most_once,
                    attempts=attempts,
                    elapsed_s=time.monotonic() - began,
                    asked_s=told.retry_after_s,
                )
                if pause is None:
                    raise self._gave_up(key, outcome, told)
                time.sleep(pause)
        except (NotDone, UndecidedError):
            # Under `AtMostOnce` an attempt of unknown outcome is the last one: so nothing happened before this one.
            if at_most_once and not ever_unknown and opened.journal is not None:
                opened.journal.release(key)
            raise

    def _gave_up(self, key: str, outcome: Outcome, told: NotDone | OutcomeUnknown) -> BaseException:
        opened = self._opened
        if told.retry_after_s is not None:
            opened.leave_alone(told.retry_after_s)
        if outcome is Outcome.UNKNOWN and isinstance(self._policy, AtMostOnce):
            if opened.journal is not None:
                opened.journal.doubt(key)
            return EffectInDoubt(key)
        return UndecidedError(f"{opened.place.name!r}: {told.reason}", unknown=outcome is Outcome.UNKNOWN)
