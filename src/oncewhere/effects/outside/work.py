"""One batch where nothing is taken back: a call is found by its key, or attempted until its outcome is known."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

from oncewhere.effects.calls import Entry, State
from oncewhere.effects.idempotency import Derive, key_of
from oncewhere.effects.outside.means import Terms
from oncewhere.effects.place import Call, Tally, UndecidedError, Work
from oncewhere.effects.policy import AtMostOnce, IdempotencyKey
from oncewhere.effects.repetition import Outcome, pause_s
from oncewhere.errors import EffectInDoubt, NotDone, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oncewhere.effects.outside.opened import OpenOutside


_CLAIM_KEPT = "The claim of effect"


def claim_kept(effect: str) -> str:
    """What is noted beside an effect's own error, where a claim stands: the next attempt will be in doubt."""
    return (
        f"{_CLAIM_KEPT} {effect!r} is kept, since nobody knows whether it happened: it is in doubt when its record "
        "comes again. Raise NotDone(…, permanent=True) in the effect for what certainly did not happen."
    )


def noted(error: BaseException) -> str | None:
    """That note, where an error has it."""
    notes = getattr(error, "__notes__", ())
    return next((note for note in notes if isinstance(note, str) and note.startswith(_CLAIM_KEPT)), None)


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
        if isinstance(self._policy, AtMostOnce):
            self._settle(key, raw)
        elif isinstance(self._policy, IdempotencyKey) and self._policy.answers is not None:
            self._answers.append((call, key, raw))
        self._executed += 1
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
        tally = Tally(executed=self._executed + self._opened.settled, replayed=self._replayed)
        self._executed = self._opened.settled = 0
        return tally

    def abandon(self) -> None:
        """Nothing can be taken back; what was done is found again by its key."""
        if isinstance(self._policy, AtMostOnce):
            self._opened.settled += self._executed
            self._executed = 0

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
        attempts = 0
        nothing_done = True  # no attempt is under way, and none was of unknown outcome
        try:
            while True:
                opened.wait_for_opening(until=began + limits.total_s)
                attempts += 1
                told: NotDone | OutcomeUnknown
                nothing_done = False
                try:
                    return call.effect.function(opened.means.given(terms), *args, **kwargs)
                except NotDone as error:
                    nothing_done = True
                    if error.permanent:
                        raise
                    outcome, told = Outcome.NOT_DONE, error
                except OutcomeUnknown as error:
                    outcome, told = Outcome.UNKNOWN, error
                except Exception as error:
                    if at_most_once:
                        error.add_note(claim_kept(call.effect.name))
                    raise
                opened.heed(told)
                pause = pause_s(
                    limits,
                    outcome,
                    repeats_unknown=not at_most_once,
                    attempts=attempts,
                    elapsed_s=time.monotonic() - began,
                    asked_s=told.retry_after_s,
                )
                if pause is None:
                    self._give_up(key, outcome, told)
                time.sleep(pause)
        except BaseException as error:
            # Under `AtMostOnce` an attempt of unknown outcome is the last one: so nothing happened before this one.
            if at_most_once and nothing_done:
                self._release(key, interrupted=not isinstance(error, Exception))
            raise

    def _release(self, key: str, *, interrupted: bool) -> None:
        """Gives a claim back; where the run is being interrupted, that comes first, and a claim may stay."""
        if self._opened.journal is None:
            return
        try:
            self._opened.journal.release(key)
        except UndecidedError:
            if not interrupted:
                raise

    def _give_up(self, key: str, outcome: Outcome, told: NotDone | OutcomeUnknown) -> NoReturn:
        opened = self._opened
        if outcome is Outcome.UNKNOWN and isinstance(self._policy, AtMostOnce):
            if opened.journal is not None:
                opened.journal.doubt(key)
            raise EffectInDoubt(key)
        raise UndecidedError(f"{opened.place.name!r}: {told.reason}", unknown=outcome is Outcome.UNKNOWN)
