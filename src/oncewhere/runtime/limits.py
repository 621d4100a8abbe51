"""How large a batch may grow, and how long: what the user says in; checked limits out."""

from __future__ import annotations

from dataclasses import dataclass

from oncewhere.errors import ConfigurationError

MAX_BATCH_RECORDS = 1_000  # with effects: one database transaction, one row of recorded results
MAX_STREAM_RECORDS = 100_000  # without: more than the fastest handler does between two commits
MAX_BATCH_BYTES = 16 * 1024 * 1024
COMMIT_INTERVAL_MS = 100  # Kafka Streams' own with exactly-once


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each batch.

    Attributes:
        max_batch_records: at most so many records.
        max_batch_bytes: no more records once their values have this size together, or outputs that wait have.
        commit_interval_s: seconds between the end of one transaction and that of the next, unless a batch is full.
        ahead: whether handlers without effects run while the batch before is being committed.
    """

    max_batch_records: int
    max_batch_bytes: int
    commit_interval_s: float
    ahead: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user says; see `Processor`.

    Attributes:
        commit_interval_ms: how long after one commit the next one follows, in milliseconds.
        max_batch_records: how many records one transaction takes at most; None where nobody said.
        max_batch_bytes: no more records once their values have this size together, or outputs that wait have.
    """

    commit_interval_ms: int
    max_batch_records: int | None
    max_batch_bytes: int

    def check(self, *, transaction_timeout_s: float) -> None:
        """Refuses what cannot be.

        Args:
            transaction_timeout_s: how long a transaction may stay open, in seconds.

        Raises:
            ConfigurationError: a batch would take nothing, or its transaction would time out before it ends.
        """
        if (self.max_batch_records is not None and self.max_batch_records < 1) or self.max_batch_bytes < 1:
            raise ConfigurationError("A batch takes at least one record and one byte.")
        timeout_ms = round(transaction_timeout_s * 1000)
        if not 0 <= self.commit_interval_ms < timeout_ms:
            given = f"commit_interval_ms={self.commit_interval_ms}"
            raise ConfigurationError(
                f"{given} is not between 0 and transaction.timeout.ms={timeout_ms}.",
                hint="A transaction must end before the coordinator gives it up.",
            )

    def limits(self, *, effects: bool) -> Limits:
        """The limits of a run.

        Args:
            effects: whether handlers have effects outside Kafka.
        """
        most = MAX_BATCH_RECORDS if effects else MAX_STREAM_RECORDS
        return Limits(
            self.max_batch_records or most,
            self.max_batch_bytes,
            self.commit_interval_ms / 1000,
            ahead=self.max_batch_records is None,
        )
