"""librdkafka's exceptions, as the runtime's own: one seam for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError

from oncewhere.errors import ConfigurationError
from oncewhere.runtime.failures import Failure, classify
from oncewhere.runtime.kafka.client_log import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import KafkaException

# A consumer reports what killed it as `_FATAL` alone, with the cause's own text behind it.
_CAUSES = {
    KafkaError(code).str(): KafkaError(code).name()
    for code in (KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID)
}


def cause_of_death(code: str, said: str) -> str:
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


def refused(exception: KafkaException) -> ConfigurationError:
    """What it raised when a client was made."""
    failure = failure_of(exception)
    return ConfigurationError(f"librdkafka refuses the settings: {failure.said}.", detail=failure.code)


def quietly(function: Callable[[], object]) -> None:
    """Runs the end of something that is being given up; an error there must not hide the one that caused it."""
    try:
        function()
    except Exception as error:  # noqa: BLE001
        logger.debug("while giving up: %s", error)
