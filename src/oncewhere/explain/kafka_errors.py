"""Kafka's errors as the runtime treats them: the table of failures comes in, texts go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere.runtime.failures import CONSUMER_HEALS, FAILURES, Treatment

from .entry import Entry, Topic, sentence

MEANING: Final[Mapping[Treatment, str]] = {
    Treatment.RETRIABLE: "The same call is repeated, within the transaction timeout.",
    Treatment.ABORTABLE: "The transaction is aborted, positions go back to the committed offsets; the producer lives.",
    Treatment.FATAL: "The producer is replaced by a new one of the same identity; positions go back.",
    Treatment.FENCED: "The run ends with `FencedError`: another producer has the identity.",
    Treatment.CONFIGURATION: "The run ends with `ConfigurationError`: a person must change something.",
}
"""What oncewhere's runtime does about it."""

OWN: Final[Mapping[Treatment, str]] = {
    Treatment.RETRIABLE: "In code of your own: repeat the same call. One of commit or abort that stays without an "
    "answer is unknown: replace the producer.",
    Treatment.ABORTABLE: "In code of your own: abort, then seek back to the committed offsets; abort does not rewind.",
    Treatment.FATAL: "In code of your own: close the producer, make one with the same transactional.id, and seek back.",
    Treatment.FENCED: "In code of your own: end the process, and find out who the other is.",
    Treatment.CONFIGURATION: "Mend what the reason names; repeating changes nothing.",
}
"""What code without oncewhere has to do about it."""

HEALS: Final = "A consumer reports it as a message, and mends it by itself: wait."


def entries() -> Iterator[Entry]:
    """Those of the producer, then those that only a consumer has."""
    for code, (treatment, reason) in FAILURES.items():
        yield Entry(
            code=code,
            topic=Topic.KAFKA,
            what=sentence(f"{treatment}: {reason}"),
            why=MEANING[treatment],
            remedy=OWN[treatment],
        )
    for code, reason in CONSUMER_HEALS.items():
        if code not in FAILURES:
            yield Entry(
                code=code, topic=Topic.KAFKA, what=sentence(f"consumer: {reason}"), why=HEALS, remedy="Nothing."
            )
