"""The table of peers: a name in; what to start, in which environment, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FAST, SLOW = 4_000_000, 300_000  # records of one run: enough for some seconds once all members have their share


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to write the processor.

    Attributes:
        kind: what it is built with (`build.KINDS`).
        program: what follows in its command line; a Python file stands in `peers/`.
        about: one line for the report.
        environment: options that make it this peer.
        records: how many a run of the throughput measurement consumes.
        members: how many members of the group one process is.
        by_hand: whether several processes share the partitions by hand rather than by joining a group.
    """

    kind: str
    program: str
    about: str
    environment: Mapping[str, str] = field(default_factory=dict)
    records: int = FAST
    members: int = 1
    by_hand: bool = False


_OURS = "oncewhere_peer.py"
_LOOP = "hand_written.py"
_STREAMS = "StreamsTopology"

PEERS: Mapping[str, Peer] = {
    "oncewhere": Peer("project", _OURS, "our runtime, a handler per record"),
    "oncewhere-batch": Peer("project", _OURS, "our runtime, a handler per batch", {"PEER_HANDLER": "batch"}),
    "oncewhere-alo": Peer("project", _OURS, "our runtime without transactions", {"PEER_GUARANTEE": "at-least-once"}),
    "hand-written": Peer("project", _LOOP, "the fastest loop on confluent-kafka, two producers", by_hand=True),
    "hand-written-1": Peer("project", _LOOP, "the same with one producer", {"PEER_PRODUCERS": "1"}, by_hand=True),
    "hand-written-alo": Peer(
        "project",
        _LOOP,
        "the same without transactions",
        {"PEER_PRODUCERS": "1", "PEER_GUARANTEE": "at-least-once"},
        by_hand=True,
    ),
    "hand-written-poll": Peer("project", "hand_written_poll.py", "confluent-kafka, poll() and json", records=SLOW),
    "kafka-streams": Peer("java", _STREAMS, "Kafka Streams, exactly_once_v2, one thread"),
    "kafka-streams-2": Peer("java", _STREAMS, "the same with two threads", {"PEER_THREADS": "2"}, members=2),
    "kafka-streams-alo": Peer("java", _STREAMS, "the same, at_least_once", {"PEER_GUARANTEE": "at-least-once"}),
    "java-client": Peer("java", "PlainClient", "the plain Java client"),
    "franz-go": Peer("go", "", "franz-go, GroupTransactSession"),
    "quix": Peer("quix", "quix.py", "Quix Streams, exactly-once", records=SLOW),
    "aiokafka": Peer("aiokafka", "aiokafka_peer.py", "aiokafka, getmany()", records=SLOW),
}
