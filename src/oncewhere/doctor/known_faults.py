"""Faults of client libraries that break the guarantee, as a table; each with the place where it was told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFault:
    """One fault of one library.

    Attributes:
        library: its name, such as `librdkafka` (in confluent-kafka for Python, Go, .NET, JavaScript).
        since: the first version that has it; empty for all.
        fixed: the first version without it; empty where there is none yet.
        breaks: True where it breaks the guarantee by itself, False where it can be lived with.
        what: what happens, without a full stop.
        around: what to do where there is no fix, a sentence and a space; may be empty.
        reference: where it was told.
    """

    library: str
    since: str = ""
    fixed: str = ""
    breaks: bool
    what: str
    around: str = ""
    reference: str


KNOWN_FAULTS: Final = (
    KnownFault(
        library="librdkafka",
        breaks=False,
        what="speaks the transaction protocol of before KIP-890: an EndTxn that was given up can end the next "
        "transaction of the same producer",
        around="After a commit or abort without an answer, replace the producer by one with the same transactional.id "
        "(oncewhere's runtime does). ",
        reference="confluentinc/librdkafka issue 5423",
    ),
    KnownFault(
        library="librdkafka",
        breaks=False,
        what="abort_transaction can fail with a fatal INVALID_TXN_STATE right after begin and produce",
        around="Flush before you abort, and replace the producer after a fatal error (oncewhere's runtime does). ",
        reference="confluentinc/librdkafka issue 4849",
    ),
    KnownFault(
        library="librdkafka",
        breaks=False,
        what="outputs that a new leader refused count as delivered when it takes later ones, and are missing in a "
        "committed transaction",
        around="Set max.in.flight.requests.per.connection=1 (oncewhere's runtime does). ",
        reference="confluentinc/confluent-kafka-go issue 921",
    ),
    KnownFault(
        library="librdkafka",
        since="2.1.0",
        breaks=False,
        what="a consumer goes back by itself, without a word, when a second change of leader meets the answer about "
        "the first: records are processed twice in committed transactions",
        around="Set auto.offset.reset=error, and begin from the committed offsets (oncewhere's runtime does). ",
        reference="KIP-320; shown by oncewhere's tests/runtime/test_step_back.py",
    ),
    KnownFault(
        library="librdkafka",
        fixed="1.5.3",
        breaks=True,
        what="a read_committed consumer is given records of aborted transactions where they are compressed",
        reference="confluentinc/librdkafka issue 3020, and its change log for v1.5.3",
    ),
    KnownFault(
        library="librdkafka",
        fixed="1.6.0",
        breaks=True,
        what="a commit that the broker refused (the producer was fenced) seems to succeed; and offsets are not "
        "fenced by the group's generation (KIP-447)",
        reference="confluentinc/librdkafka, its change log for v1.6.0",
    ),
    KnownFault(
        library="librdkafka",
        fixed="1.7.0",
        breaks=True,
        what="a commit seems to succeed although its messages timed out, where the cluster was down before any "
        "partition joined the transaction: outputs are lost",
        reference="confluentinc/librdkafka, its change log for v1.7.0",
    ),
    KnownFault(
        library="librdkafka",
        since="1.7.0",
        fixed="1.8.2",
        breaks=False,
        what="a transactional producer can stand still for ever after an abort, with brokers of 2.7 and later",
        reference="confluentinc/confluent-kafka-python issue 1125",
    ),
    KnownFault(
        library="franz-go",
        fixed="1.21.4",
        breaks=True,
        what="the seek after an aborted transaction can be undone by an offset that was still being loaded: records "
        "are missed; and a commit that the broker did not confirm (UNKNOWN_SERVER_ERROR) is told as done",
        reference="twmb/franz-go pull request 1348, and its change log for v1.21.4",
    ),
    KnownFault(
        library="franz-go",
        fixed="1.21.6",
        breaks=True,
        what="after an EndTransaction whose outcome is unconfirmed, the next transaction can commit the records of the "
        "one that failed",
        reference="twmb/franz-go, its change log for v1.21.6",
    ),
    KnownFault(
        library="sarama",
        breaks=False,
        what="offsets are only fenced by the group's generation where the code passes the group's metadata "
        "(AddOffsetsToTxnWithGroupMetadata, of May 2026): without it a zombie can commit offsets",
        around="Use that function, from a version that has it. ",
        reference="IBM/sarama pull request 3593",
    ),
)

JAVA: Final = "kafka-clients"
"""Of which no fault is known here; that it is this one tells which settings matter."""

LIBRARIES: Final = (*dict.fromkeys(fault.library for fault in KNOWN_FAULTS), JAVA)


def is_watched(library: str) -> bool:
    """Whether faults of a library are collected here, so that "none is known" says something."""
    return any(fault.library == library for fault in KNOWN_FAULTS)


def concerns(fault: KnownFault, library: str, version: str) -> bool:
    """Whether a version of a library has a fault."""
    if fault.library != library:
        return False
    number = numbers(version)
    return (not fault.since or number >= numbers(fault.since)) and (not fault.fixed or number < numbers(fault.fixed))


def numbers(version: str) -> tuple[int, ...]:
    """`v1.21.6` and `1.21.6-rc1` as (1, 21, 6): three numbers, to be compared."""
    found = [int(one) for one in _NUMBERS.findall(version)[:3]]
    return tuple(found + [0] * (3 - len(found)))
