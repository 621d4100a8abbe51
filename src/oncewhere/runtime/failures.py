"""What each of Kafka's errors means, as a table: an error code in, a treatment and a reason in words out.

librdkafka classifies most errors itself (`retriable()`, `txn_requires_abort()`, `fatal()`), and it knows its own
state best; so its word goes first, except for fencing, which it reports as just another fatal error. The table
answers for errors that carry no such word, and gives every one a reason in words. A code that is in no table is
fatal: a producer in an unknown state must not go on. Codes are named as librdkafka names them; local ones begin with
an underscore.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from oncewhere.errors import ConfigurationError, FencedError, OncewhereError
from oncewhere.runtime.states import Call, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


class Treatment(StrEnum):
    """What must be done about an error."""

    RETRIABLE = "retriable"
    """Repeat the same call, within its time limit."""
    ABORTABLE = "abortable"
    """Abort the transaction, rewind; the producer lives."""
    FATAL = "fatal"
    """Replace the producer, rewind."""
    FENCED = "fenced"
    """Stop: another producer has our identity."""
    CONFIGURATION = "configuration"
    """Stop: a person must change something."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of Kafka, as the session treats it.

    Attributes:
        code: the vendor's name, such as `_FENCED`, `ILLEGAL_GENERATION`.
        treatment: what must be done.
        reason: why, in words.
        said: what librdkafka said.
    """

    code: str
    treatment: Treatment
    reason: str
    said: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


_R, _A, _F, _X, _C = (
    Treatment.RETRIABLE,
    Treatment.ABORTABLE,
    Treatment.FATAL,
    Treatment.FENCED,
    Treatment.CONFIGURATION,
)

FAILURES: Mapping[str, tuple[Treatment, str]] = MappingProxyType(
    {
        # Repeat.
        "_TIMED_OUT": (_R, "no answer in time"),
        "_TIMED_OUT_QUEUE": (_R, "the request waited too long to be sent"),
        "_TRANSPORT": (_R, "the connection to the broker broke"),
        "_ALL_BROKERS_DOWN": (_R, "no broker can be reached at the moment"),
        "_WAIT_COORD": (_R, "the coordinator is not known yet"),
        "_PREV_IN_PROGRESS": (_R, "the previous call is still under way"),
        "_CONFLICT": (_R, "another call on this producer is under way"),
        "_RETRY": (_R, "librdkafka asks for another try"),
        "_QUEUE_FULL": (_R, "the producer's queue is full until the broker takes more"),
        "CONCURRENT_TRANSACTIONS": (_R, "the coordinator is still finishing the previous transaction"),
        "COORDINATOR_LOAD_IN_PROGRESS": (_R, "the coordinator is loading its log"),
        "COORDINATOR_NOT_AVAILABLE": (_R, "the coordinator is moving to another broker"),
        "NOT_COORDINATOR": (_R, "the coordinator has moved to another broker"),
        "REQUEST_TIMED_OUT": (_R, "the broker could not finish in time"),
        "NETWORK_EXCEPTION": (_R, "the broker's connection broke"),
        "UNSTABLE_OFFSET_COMMIT": (_R, "a transaction with offsets of this group is still open (KIP-447)"),
        "NOT_LEADER_FOR_PARTITION": (_R, "the partition's leader has moved"),
        "LEADER_NOT_AVAILABLE": (_R, "the partition has no leader at the moment"),
        "NOT_ENOUGH_REPLICAS": (_R, "too few in-sync replicas at the moment"),
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND": (_R, "too few in-sync replicas at the moment"),
        "KAFKA_STORAGE_ERROR": (_R, "the broker cannot reach its disk, and another one takes the partition over"),
        "INVALID_MSG": (_R, "the request was damaged on its way: its checksum is wrong"),
        "UNKNOWN_TOPIC_ID": (_R, "the broker does not know the topic's id yet, or it was made anew"),
        "THROTTLING_QUOTA_EXCEEDED": (_R, "a quota is used up for the moment"),
        # Abort and rewind; the group has moved on, or a record was not taken.
        "ILLEGAL_GENERATION": (_A, "the group has rebalanced since these records were read (KIP-447)"),
        "UNKNOWN_MEMBER_ID": (_A, "the group no longer knows this member (KIP-447)"),
        "REBALANCE_IN_PROGRESS": (_A, "the group is rebalancing"),
        "STALE_MEMBER_EPOCH": (_A, "the group has rebalanced since these records were read (KIP-848)"),
        "FENCED_MEMBER_EPOCH": (_A, "the group has thrown this member out (KIP-848)"),
        "FENCED_INSTANCE_ID": (_A, "another member has this group.instance.id"),
        "TRANSACTION_ABORTABLE": (_A, "the broker asks to abort (KIP-890)"),
        "INVALID_PRODUCER_ID_MAPPING": (
            _A,
            "the coordinator forgot this producer (idle for transactional.id.expiration.ms)",
        ),
        "UNKNOWN_PRODUCER_ID": (_A, "the broker forgot this producer's sequence numbers (KIP-360)"),
        "OUT_OF_ORDER_SEQUENCE_NUMBER": (_A, "the broker missed a record of this producer (KIP-360)"),
        "_MSG_TIMED_OUT": (_A, "an output was not taken within message.timeout.ms"),
        "_PURGE_QUEUE": (_A, "outputs were purged"),
        "_PURGE_INFLIGHT": (_A, "outputs were purged in flight"),
        "MSG_SIZE_TOO_LARGE": (_A, "an output is larger than message.max.bytes allows"),
        "RECORD_LIST_TOO_LARGE": (_A, "outputs are larger than the topic's segment allows"),
        "INVALID_MSG_SIZE": (_A, "an output has a size that the broker refuses"),
        "INVALID_RECORD": (_A, "the broker refuses an output (a compacted topic needs keys)"),
        "POLICY_VIOLATION": (_A, "a policy of the broker refuses an output"),
        "_UNKNOWN_TOPIC": (_A, "an output's topic does not exist"),
        "_UNKNOWN_PARTITION": (_A, "an output's partition does not exist"),
        "UNKNOWN_TOPIC_OR_PART": (_A, "an output's topic does not exist"),
        "TOPIC_AUTHORIZATION_FAILED": (_A, "the principal may not write to an output's topic"),
        "OPERATION_NOT_ATTEMPTED": (_A, "another partition of the same request failed"),
        # Replace the producer.
        "_FATAL": (_F, "librdkafka gave up on this producer"),
        "_STATE": (_F, "the producer is not in the state that we took it to be in"),
        "_GAPLESS_GUARANTEE": (_F, "an output was lost in the middle of a sequence"),
        "INVALID_TXN_STATE": (_F, "the coordinator does not know this transaction (librdkafka issue 4849)"),
        "DUPLICATE_SEQUENCE_NUMBER": (_F, "the broker saw a sequence number twice"),
        "TRANSACTION_COORDINATOR_FENCED": (_F, "a coordinator that has been replaced tried to end the transaction"),
        "UNKNOWN": (_F, "the broker met an error that it has no name for; its own log has"),
        "TOPIC_EXCEPTION": (_F, "an output's topic has a name that Kafka does not allow, or may not be written to"),
        "INVALID_TIMESTAMP": (_F, "an output's timestamp is farther from the broker's clock than the topic allows"),
        "OFFSET_METADATA_TOO_LARGE": (_F, "the text beside a committed offset is too long (oncewhere writes none)"),
        "INVALID_COMMIT_OFFSET_SIZE": (_F, "the offsets of one commit are more than the offsets topic takes at once"),
        "INVALID_REQUIRED_ACKS": (_F, "the broker does not take acks as it was set"),
        "UNSUPPORTED_COMPRESSION_TYPE": (_F, "the broker does not take compression.type as it was set"),
        "INVALID_GROUP_ID": (_F, "Kafka does not take the name of the group"),
        "INVALID_REQUEST": (_F, "the broker finds the request malformed"),
        "_DESTROY": (_F, "the producer is closing"),
        # Stop.
        "_FENCED": (_X, "a newer producer has this transactional.id, or the transaction timed out"),
        "PRODUCER_FENCED": (_X, "a newer producer has this transactional.id"),
        "INVALID_PRODUCER_EPOCH": (
            _X,
            "a newer producer has this transactional.id, or the transaction timed out",
        ),
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": (_C, "the principal may not use this transactional.id"),
        "GROUP_AUTHORIZATION_FAILED": (_C, "the principal may not use this group"),
        "CLUSTER_AUTHORIZATION_FAILED": (_C, "the principal may not write idempotently"),
        "SASL_AUTHENTICATION_FAILED": (_C, "the broker refuses the credentials"),
        "_AUTHENTICATION": (_C, "the broker refuses the credentials"),
        "INVALID_TRANSACTION_TIMEOUT": (
            _C,
            "transaction.timeout.ms exceeds the broker's transaction.max.timeout.ms",
        ),
        "UNSUPPORTED_VERSION": (_C, "the broker is too old for transactions with group fencing (2.5)"),
        "_UNSUPPORTED_FEATURE": (_C, "the broker is too old for transactions with group fencing (2.5)"),
        "UNSUPPORTED_FOR_MESSAGE_FORMAT": (_C, "the topic's message format is too old for transactions"),
        "_INVALID_ARG": (_C, "librdkafka refuses a setting or argument"),
    },
)

CONSUMER_HEALS: Mapping[str, str] = MappingProxyType(
    {
        "_PARTITION_EOF": "the end of a partition was reached",
        "_MAX_POLL_EXCEEDED": "a batch took longer than max.poll.interval.ms; the group goes on without us",
        "_ALL_BROKERS_DOWN": "no broker can be reached at the moment",
        "_TRANSPORT": "the connection to a broker broke",
        "_RESOLVE": "a broker's name cannot be resolved at the moment",
        "_TIMED_OUT": "a broker did not answer in time",
        "_TIMED_OUT_QUEUE": "a request waited too long to be sent",
        "_WAIT_COORD": "the group's coordinator is not known yet",
        "COORDINATOR_LOAD_IN_PROGRESS": "the group's coordinator is loading its log",
        "COORDINATOR_NOT_AVAILABLE": "the group's coordinator is moving to another broker",
        "NOT_COORDINATOR": "the group's coordinator has moved to another broker",
        "REBALANCE_IN_PROGRESS": "the group is rebalancing",
        "ILLEGAL_GENERATION": "the group has rebalanced; this member joins again",
        "UNKNOWN_MEMBER_ID": "the group no longer knows this member; it joins again",
        "STALE_MEMBER_EPOCH": "the group has rebalanced; this member catches up (KIP-848)",
        "FENCED_MEMBER_EPOCH": "the group has thrown this member out; it joins again (KIP-848)",
        "NOT_LEADER_FOR_PARTITION": "a partition's leader has moved",
        "LEADER_NOT_AVAILABLE": "a partition has no leader at the moment",
        "UNKNOWN_LEADER_EPOCH": "the metadata is being refreshed",
        "FENCED_LEADER_EPOCH": "the metadata is being refreshed",
        "OFFSET_NOT_AVAILABLE": "the new leader is catching up",
        "REQUEST_TIMED_OUT": "the broker could not finish in time",
    },
)
"""Errors that a consumer reports as messages and mends by itself: wait. Any other is fatal to the run."""


def classify(
    code: str,
    *,
    said: str = "",
    fatal: bool = False,
    abortable: bool = False,
    retriable: bool = False,
) -> Failure:
    """An error as a `Failure`.

    Args:
        code: the vendor's name of the code.
        said: what librdkafka said, for people.
        fatal: librdkafka's `fatal()`.
        abortable: librdkafka's `txn_requires_abort()`.
        retriable: librdkafka's `retriable()`.
    """
    treatment, reason = FAILURES.get(code, (Treatment.FATAL, "unknown to oncewhere, therefore fatal"))
    if treatment not in {Treatment.FENCED, Treatment.CONFIGURATION}:
        if fatal:
            treatment = Treatment.FATAL
        elif abortable:
            treatment = Treatment.ABORTABLE
        elif retriable:
            treatment = Treatment.RETRIABLE
    return Failure(code, treatment, reason, said)


def outcome(call: Call, failure: Failure) -> Outcome:
    """How a call ended that did not end well. A retriable error comes here when its time limit is over.

    A retriable error of COMMIT or ABORT is the answer that was lost: EndTxn may have been carried out, or may still
    be. One of SEND_OFFSETS costs the producer too: a late TxnOffsetCommit of the same epoch would overwrite the
    offsets of its next transaction.
    """
    match failure.treatment:
        case Treatment.FENCED:
            return Outcome.FENCED
        case Treatment.ABORTABLE if call in {Call.PRODUCE, Call.SEND_OFFSETS, Call.COMMIT}:
            return Outcome.ABORTABLE
        case Treatment.RETRIABLE if call is Call.PRODUCE:
            return Outcome.ABORTABLE
        case Treatment.RETRIABLE if call in {Call.COMMIT, Call.ABORT}:
            return Outcome.UNKNOWN
        case _:
            return Outcome.FATAL


def consumer_error(code: str, *, said: str, fatal: bool) -> OncewhereError | None:
    """What an error means that a consumer reports as a message: None when it mends itself, or what must end the run."""
    if code in CONSUMER_HEALS and not fatal:
        return None
    if code in {"FENCED_INSTANCE_ID", "UNRELEASED_INSTANCE_ID"}:
        return FencedError(
            f"Another member of the group has this instance's group.instance.id ({code}).",
            hint="Another instance runs with the same transactional.id, from which it is taken unless it is given. "
            "Give each its own.",
            detail=said,
        )
    failure = classify(code, said=said, fatal=fatal)
    if failure.treatment is Treatment.CONFIGURATION or code in {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"}:
        return ConfigurationError(f"Kafka's consumer cannot go on: {failure}.", detail=said)
    return OncewhereError(f"Kafka's consumer cannot go on: {failure}.", detail=said)
