"""Every error that oncewhere raises, named by what the caller must do.

In: a sentence that says what is wrong; optionally a `hint` (what to do) and a `detail` (evidence, such as a log's
    tail).
Out: an exception whose `exit_code` the command line returns.
"""

from __future__ import annotations

from typing import ClassVar, Final

DETAIL_LINES: Final = 10
"""What of a server's log, or of a processor's last words, is shown where there is little room."""


class OncewhereError(Exception):
    """Something the user can act on; the command line prints it as one sentence, without a traceback.

    Args:
        message: what is wrong, in one sentence.
        hint: what to do about it, in one sentence.
        detail: evidence worth showing below the sentence (a log's tail, a program's own stderr).
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str | None = None, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def last_lines(self, limit: int = DETAIL_LINES) -> list[str]:
        """The end of the detail, line by line; nothing where there is none."""
        return (self.detail or "").splitlines()[-limit:]


class ConfigurationError(OncewhereError):
    """A setting, declaration or address is wrong: mend it; trying again changes nothing."""

    exit_code = 2


class StackError(OncewhereError):
    """A server that a run needs could not be fetched or started: nothing ran."""

    exit_code = 5


class InconclusiveError(OncewhereError):
    """Something ran, but what it shows proves neither that the guarantee held nor that it broke."""

    exit_code = 3


class UnreachableError(OncewhereError):
    """Kafka or a database does not answer at the address given: start it, or mend the address."""

    exit_code = 5


class FencedError(OncewhereError):
    """Another producer took this `transactional.id`, or a transaction outlived its timeout: find out which.

    Never answered by starting again blindly: two instances with one identity would fence each other for ever (KIP-98).
    So it has an exit code of its own, at which a supervisor does not restart.
    """

    exit_code = 6


class LedgerRefusedError(OncewhereError):
    """The ledger and Kafka's committed offset contradict each other: a person must choose; the hint says what."""


class NoProgressError(OncewhereError):
    """The same batch was attempted as often as the limit allows, and never committed: mend the cause that it names."""


class RecordError(OncewhereError):
    """One record could not be processed, and nothing of its batch was committed. Never carries the record's payload.

    Calls outside transactions (HTTP, mail, `Function`) that its batch had made stand, and are found again by their
    policy.

    Args:
        message: what went wrong, without the position (it is put in front).
        topic: topic of the record.
        partition: partition number of the record.
        offset: offset of the record.
        hint: what to do about it.
    """

    def __init__(self, message: str, *, topic: str, partition: int, offset: int, hint: str | None = None) -> None:
        super().__init__(f"{topic}[{partition}] at offset {offset}: {message}", hint=hint)
        self.topic = topic
        self.partition = partition
        self.offset = offset


class HandlerError(RecordError):
    """The handler, or an effect that it ran, raised: mend the code or the record; `__cause__` is what was raised."""


class DeserializationError(RecordError):
    """The record's bytes are not of the declared type: mend the type, or whoever wrote the record."""


class ReplayError(RecordError):
    """A redelivered record asks for an effect that was not recorded: the handler changed, or does not repeat itself.

    What was recorded is the truth: the effects of the first delivery are committed in their database. Deploy the
    handler that made them (same effect names, same order of calls) until the group has passed this offset.
    """


class NotDone(Exception):  # noqa: N818 - what became of an attempt, and no mistake of anybody's
    """An effect outside a transaction certainly did not happen: raise it in an effect of your own to have it repeated.

    Args:
        reason: why, in words; never the payload.
        retry_after_s: seconds that the downstream asks to be left alone for; None when it asks for nothing.
        permanent: True when a repetition would change nothing; the handler gets this error then.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.permanent = permanent


class OutcomeUnknown(Exception):  # noqa: N818 - likewise
    """Nobody knows whether an effect outside a transaction happened: raise it in an effect of your own.

    The policy decides what comes next: with `IdempotencyKey` the effect is repeated with the same key, with
    `AtMostOnce` it never is.

    Args:
        reason: why, in words; never the payload.
        retry_after_s: seconds that the downstream asks to be left alone for; None when it asks for nothing.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class EffectInDoubt(BaseException):
    """An effect with policy `AtMostOnce` may or may not have happened, and is never repeated: `tx.run` raises this.

    The runtime catches it: the record's outputs are dropped, its offset is passed, the call stays listed for a person
    (`oncewhere effects in-doubt`). A handler may catch it by name, to give another output. It is no `Exception`, so
    that a broad `except Exception` cannot take it for an ordinary failure.

    Args:
        key: the key under which the call is listed.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class DuplicateEvent(BaseException):
    """The same business event was published twice upstream: `tx.run` leaves the handler by raising this.

    The runtime catches it: the record's outputs are dropped, its offset is passed, the duplicate is counted. It is no
    `Exception`, so that a broad `except Exception` in a handler cannot swallow it by accident.
    """
