"""librdkafka's exceptions, as the runtime's own: one seam for all of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException

from oncewhere.errors import ConfigurationError, OncewhereError
from oncewhere.runtime.failures import Failure, classify
from oncewhere.runtime.kafka.client_log import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oncewhere.runtime.settings import Settings
    from oncewhere.runtime.states import Call

CAUSE_LIMIT_S = 1.0  # for a dead producer to tell what killed it
PAUSE_S = 0.02  # between two questions

# A consumer reports what killed it as `_FATAL` alone, with the cause's own text behind it.
_CAUSES = {
    KafkaError(code).str(): KafkaError(code).name()
    for code in (KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID)
}

TO_CHANGE: Mapping[str, tuple[str, str]] = {
    "INVALID_TRANSACTION_TIMEOUT": (
        "transaction.timeout.ms",
        "Lower it, or raise transaction.max.timeout.ms on the brokers (15 min unless set).",
    ),
}
"""By error code: the setting to change, and what to write instead."""

CURES: Mapping[str, str] = {
    "MSG_SIZE_TOO_LARGE": "Raise message.max.bytes here, and max.message.bytes of the topic.",
    "_UNKNOWN_PARTITION": "Produce to a partition that the topic has, or give it more of them.",
}
"""By error code: what to do about an output that is refused."""


def consumer_code(code: str, said: str) -> str:
    """The code behind a consumer's `_FATAL`, where its text tells; the code itself otherwise."""
    if code == "_FATAL":
        return next((name for text, name in _CAUSES.items() if text in said), code)
    return code


def failure_of(exception: KafkaException) -> Failure:
    """What librdkafka raised, classified."""
    error = exception.args[0]
    return classify(
        error.name(),
        said=error.str(),
        fatal=error.fatal(),
        abortable=error.txn_requires_abort(),
        retriable=error.retriable(),
    )


def cause_of_death(failure: Failure, producer: Any) -> Failure:
    """What killed a producer, where `produce` says no more than that it is dead; any other failure as it is.

    Every other call of a dead producer tells, a moment later than `produce` refuses; `begin_transaction` does nothing
    where it still lives.

    Args:
        failure: how `produce` failed.
        producer: librdkafka's; its transaction is open.
    """
    deadline = time.monotonic() + CAUSE_LIMIT_S
    while failure.code == "_FATAL" and time.monotonic() < deadline:
        try:
            producer.begin_transaction()
        except KafkaException as error:
            if error.args[0].fatal():
                return failure_of(error)
        time.sleep(PAUSE_S)
    return failure


def refused(exception: KafkaException) -> ConfigurationError:
    """What it raised when a client was made."""
    failure = failure_of(exception)
    return ConfigurationError(f"librdkafka refuses the settings: {failure.said}.", detail=failure.code)


def unfit(call: Call, failure: Failure, settings: Settings) -> ConfigurationError:
    """What a person must change, for a failure that only a person can end.

    Args:
        call: which failed.
        failure: how.
        settings: the client's, in which the one may stand that is to be changed.
    """
    if (found := TO_CHANGE.get(failure.code)) is None:
        return ConfigurationError(f"Kafka refuses to go on ({call}): {failure}.", detail=failure.said)
    name, hint = found
    return ConfigurationError(
        f"{name}={settings[name]} cannot be: the brokers refuse it ({failure}).", hint=hint, detail=failure.said
    )


def unsendable(topic: str, error: Exception) -> OncewhereError:
    """An output that was refused when no record could be blamed for it any more.

    Args:
        topic: where it was to go.
        error: what `produce` raised.
    """
    failure = failure_of(error) if isinstance(error, KafkaException) else None
    return OncewhereError(
        f"An output to {topic!r} that waited for its transaction is refused: {failure or error}.",
        hint=CURES.get(failure.code if failure else "", "Mend what the handler gives to tx.produce."),
        detail=failure.said if failure else type(error).__name__,
    )


def quietly(function: Callable[[], object]) -> None:
    """Runs the end of something that is being given up; an error there must not hide the one that caused it."""
    try:
        function()
    except Exception as error:  # noqa: BLE001
        logger.debug("while giving up: %s", error)
