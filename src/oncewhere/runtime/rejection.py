"""What becomes of a record that cannot be processed: the policy in, a dead letter out.

A poison record is one for which the handler or the decoder fails every time. Its batch must not fail with it for
ever, and nothing may be lost in silence: so either the run stops (the default: a person decides), or the record's
original bytes go to a dead-letter topic *in the same transaction* as its offset, or it is skipped and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from oncewhere.records import Message

MAX_MESSAGE_CHARACTERS = 1_000  # of an error's own text in a dead letter's header


@dataclass(frozen=True, slots=True)
class Stop:
    """The run ends with the error; nothing of the batch is committed. The default.

    Calls outside transactions stand, and are found again by their policy.
    """

    action: ClassVar[str] = "stop"
    max_attempts: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Skip:
    """The record is passed over and counted; its payload is not kept anywhere.

    Attributes:
        max_attempts: how often its handler is called before that, while this process lives.
    """

    max_attempts: int = 1
    action: ClassVar[str] = "skip"

    def __post_init__(self) -> None:
        _check(self.max_attempts)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The record goes to another topic, in the transaction that commits its offset: original bytes, and why.

    Its headers are the record's own, and after them `oncewhere.topic`, `.partition`, `.offset`, `.timestamp_ms`,
    `.attempt`, `.error.class` and `.error.message`.

    Attributes:
        topic: the dead-letter topic; it must exist.
        max_attempts: how often the handler is called before that, while this process lives.
    """

    topic: str
    max_attempts: int = 1
    action: ClassVar[str] = "dead-letter"

    def __post_init__(self) -> None:
        _check(self.max_attempts)
        if not self.topic:
            raise ConfigurationError("DeadLetter needs a topic.", hint="Write DeadLetter('payment-rejected').")


OnError = Stop | Skip | DeadLetter
"""What to do about a record that cannot be processed."""


def letter(topic: str, message: Message, error: BaseException, attempt: int) -> tuple[Any, ...]:
    """The dead letter of a record, as arguments of librdkafka's produce.

    Args:
        topic: the dead-letter topic.
        message: the record, as it was consumed.
        error: what its last attempt raised.
        attempt: how many there were.
    """
    kind, milliseconds = message.timestamp()
    cls = type(error)
    about: dict[str, str] = {
        "topic": message.topic(),
        "partition": str(message.partition()),
        "offset": str(message.offset()),
        "timestamp_ms": str(milliseconds) if kind else "",
        "attempt": str(attempt),
        "error.class": f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins."),
        "error.message": str(error)[:MAX_MESSAGE_CHARACTERS],
    }
    headers = [*(message.headers() or []), *((f"oncewhere.{name}", text.encode()) for name, text in about.items())]
    return (topic, message.value(), message.key(), -1, None, None, milliseconds if kind else 0, headers)


def _check(max_attempts: int) -> None:
    if max_attempts < 1:
        raise ConfigurationError("max_attempts is at least 1.")
