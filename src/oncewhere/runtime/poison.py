"""Records that fail: an error of one record in; another attempt, a rejection, or the end of the run out.

A failed record may have done half of its work. What is staged is dropped; what is in the open Kafka transaction, or in
a place's database transaction, can only be taken back with the whole batch. So a batch whose record left something
behind begins again, and this time *carefully*: each record's outputs are held back until its handler has returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oncewhere.effects.outside.work import noted
from oncewhere.effects.place import UndecidedError
from oncewhere.errors import DeserializationError, HandlerError, OncewhereError, RecordError
from oncewhere.runtime.events import RecordRejected
from oncewhere.runtime.rejection import DeadLetter, Stop, letter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.records import Message, Partition
    from oncewhere.runtime.batch import Batch
    from oncewhere.runtime.events import Listener
    from oncewhere.runtime.producing import Send
    from oncewhere.runtime.subscription import Subscription

CAREFUL_BATCHES = 20  # after a batch had to begin again: where there is one poison record there are more


class PoisonError(UndecidedError):
    """One record took its batch with it. More is known of that record now, so the next attempt is not the same one."""


class Poison:
    """What is known of records that failed, while this process lives.

    Args:
        emit: takes events.
    """

    def __init__(self, emit: Listener) -> None:
        self._emit = emit
        self._failures: dict[tuple[str, int, int], tuple[int, BaseException]] = {}
        self._careful = 0

    @property
    def careful(self) -> bool:
        """True while each record's outputs are to be held back until its handler has returned."""
        return self._careful > 0

    def be_careful(self) -> None:
        """A batch begins again because of one record."""
        self._careful = CAREFUL_BATCHES

    def committed(self, ends: Mapping[Partition, int]) -> None:
        """A batch is done, and everything before its ends."""
        if self._careful:
            self._careful -= 1
        if self._failures:
            done = {(partition.topic, partition.number): end for partition, end in ends.items()}
            self._failures = {at: told for at, told in self._failures.items() if at[2] >= done.get(at[:2], 0)}

    def judge(self, subscription: Subscription, message: Message, error: BaseException) -> None:
        """Raises what ends the run; returns when the record may be tried again or rejected.

        Raises:
            HandlerError: the handler raised, and the policy is to stop.
            DeserializationError: the decoder raised, and the policy is to stop.
            UndecidedError: it is nobody's fault; the batch begins again.
            OncewhereError: a mistake in the program or its configuration, which no record can be blamed for.
        """
        if not isinstance(error, Exception) or isinstance(error, UndecidedError):
            raise error
        if isinstance(error, OncewhereError) and not isinstance(error, RecordError):
            raise error
        if isinstance(subscription.on_error, Stop):
            self._emit(_rejected(subscription, message, _own(error), self.told(message)[0] + 1))
            if isinstance(error, OncewhereError):
                raise error
            raise handler_error(message, "the handler raised", error) from error

    def told(self, message: Message) -> tuple[int, BaseException | None]:
        """How often the record has failed so far, and how the last time."""
        return self._failures.get(_at(message), (0, None)) if self._failures else (0, None)

    def failed(self, message: Message, error: BaseException) -> int:
        """It has failed once more; how often now."""
        attempt = self.told(message)[0] + 1
        self._failures[_at(message)] = (attempt, error)
        return attempt


def _at(message: Message) -> tuple[str, int, int]:
    return (message.topic(), message.partition(), message.offset())


def _where(message: Message) -> str:
    return f"{message.topic()}[{message.partition()}]@{message.offset()}"


def begin_again(message: Message, error: BaseException) -> PoisonError:
    """The batch of a record that left something behind."""
    return PoisonError(
        f"{_where(message)} failed ({type(error).__name__}), and its batch begins again without what it left"
    )


def reject(
    subscription: Subscription,
    message: Message,
    error: BaseException,
    *,
    attempt: int,
    batch: Batch,
    send: Send,
) -> None:
    """Lets the batch go on without the record.

    Raises:
        UndecidedError: its dead letter cannot be sent now; the batch begins again.
        OncewhereError: it never can.
    """
    policy, error = subscription.on_error, _own(error)
    if isinstance(policy, DeadLetter):
        try:
            send(*letter(policy.topic, message, error, attempt))
        except (UndecidedError, OncewhereError):
            raise
        except Exception as refused:
            raise OncewhereError(
                f"The dead letter of {_where(message)} cannot be sent to {policy.topic!r}: {refused}.",
                hint="Raise message.max.bytes here and max.message.bytes of that topic; or declare Skip().",
            ) from refused
    batch.rejected.append(_rejected(subscription, message, error, attempt))


def _own(error: BaseException) -> BaseException:
    """What the record's own code raised; a handler's `raise X from Y` stays X."""
    if isinstance(error, RecordError) and error.__cause__ is not None:
        return error.__cause__  # it is our own sentence about it
    return error


def _rejected(subscription: Subscription, message: Message, error: BaseException, attempt: int) -> RecordRejected:
    return RecordRejected(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        error=type(error).__name__,
        attempt=attempt,
        action=subscription.on_error.action,
    )


def handler_error(message: Any, what: str, error: BaseException) -> HandlerError:
    """What a record's own code raised, with the record's position and without its payload."""
    return HandlerError(
        f"{what} {type(error).__name__}; nothing of its batch was committed (calls outside transactions stand, and are "
        "found again by their policy).",
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        hint=noted(error),
    )


def undecodable(message: Message, error: Exception) -> DeserializationError:
    """What its decoder raised; it does not show the bytes."""
    found = DeserializationError(
        f"its value cannot be decoded ({type(error).__name__}).",
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
    )
    found.__cause__ = error
    return found
