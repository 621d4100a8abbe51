"""The topics of outputs, asked of the cluster before anything is decided: a name in; an error out where it has none.

librdkafka would find out too: that a topic does not exist by `topic.metadata.propagation.max.ms`, after half a minute
and after the effects; and that it has too few partitions when the transaction begins, when no record can be blamed for
it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_LIMIT_S = 15.0  # for the cluster's answer; without one the transaction itself will tell


class OutputTopics:
    """The topics that outputs go to, each asked for once.

    Args:
        client: gives the producer that asks.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._partitions: dict[str, int] = {}

    def expect(self, topic: str, partition: int = -1) -> None:
        """Makes sure that an output has somewhere to go.

        Args:
            topic: the topic's name.
            partition: the partition's number, or -1 for any. A number is looked at only once the topic was found; the
                cluster is asked again where there were fewer the last time.

        Raises:
            ConfigurationError: the topic does not exist.
            ValueError: it has no such partition.
        """
        known = self._partitions.get(topic)
        if partition < 0:
            if known is None:
                self._ask(topic)
        elif known is not None and partition >= known:
            count = self._ask(topic)
            if count is not None and partition >= count:
                raise ValueError(f"{topic!r} has no partition {partition}: it has {count}, counted from 0")

    def _ask(self, topic: str) -> int | None:
        """How many partitions a topic has; None where nobody tells."""
        try:
            found = self._client().list_topics(topic, timeout=ANSWER_LIMIT_S).topics[topic]
        except KafkaException:
            return None
        if found.error is None:
            self._partitions[topic] = len(found.partitions)
            return len(found.partitions)
        if found.error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}:  # noqa: SLF001 - its public name
            raise ConfigurationError(f"The output topic {topic!r} does not exist.", hint="Create it first.")
        return None
