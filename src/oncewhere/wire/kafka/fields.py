"""What is worth logging of each API: the values of one request or reply go in, a small JSON-able mapping comes out.

Never record keys, values or headers, never a SASL token; lists are cut at `MAX_ENTRIES`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from oncewhere.wire.kafka.schema import Values, error_name
from oncewhere.wire.message import JSON

MAX_ENTRIES: Final = 32
"""Entries of a list that are kept in a message."""

Fields = dict[str, JSON]
Topics = dict[UUID, str]
"""Topic names by topic id, learned from Metadata (KIP-516: newer requests carry the id only)."""

# The fixed head of a record batch, magic 2 (KIP-98): base offset, length, leader epoch, magic, CRC, attributes, last
# offset delta, base and max timestamp, producer id, producer epoch, base sequence, number of records.
_BATCH: Final = struct.Struct(">qiibIhiqqqhii")
_BATCH_LENGTH_AT: Final = 12  # the length counts what follows it
_TRANSACTIONAL: Final = 0x10
_NO_SUCH_TOPIC: Final = 3  # UNKNOWN_TOPIC_OR_PARTITION
_ISOLATION: Final = ("read_uncommitted", "read_committed")


def limited(name: str, entries: Iterable[JSON]) -> Fields:
    """Returns at most `MAX_ENTRIES` entries under `name`, and under `…_left_out` how many more there are."""
    listed = list(entries)
    fields: Fields = {name: listed[:MAX_ENTRIES]}
    if len(listed) > MAX_ENTRIES:
        fields[f"{name}_left_out"] = len(listed) - MAX_ENTRIES
    return fields


def picked(values: Values, *names: str, **renamed: str) -> Fields:
    """Returns the named fields that this version has; `renamed` gives them the names that Kafka's users know."""
    wanted = dict(zip(names, names, strict=True)) | renamed
    return {new: values[old] for new, old in wanted.items() if old in values}


def errors(codes: Iterable[int]) -> Fields:
    """Returns the first code that is an error as `error`, or `NONE`; and every other one, if there are several."""
    names = list(dict.fromkeys(error_name(code) for code in codes if code))
    fields: Fields = {"error": names[0] if names else "NONE"}
    if len(names) > 1:
        fields |= limited("errors", names)
    return fields


def topic_name(topic: Values, topics: Topics) -> str:
    """Returns a topic's name, or its id where the name was never seen; nothing where it has neither."""
    name = topic.get("name") or topic.get("topic")
    topic_id: UUID | None = topic.get("topic_id")
    if name or topic_id is None:
        return str(name or "")
    return topics.get(topic_id, str(topic_id))


def _list(values: Values, name: str) -> list[Any]:
    """Returns an array; an empty one where this version has none, or where it is null."""
    return values.get(name) or []


def _each(values: Values, topics: Topics, *path: str) -> Iterator[tuple[str, Any]]:
    for topic in _list(values, path[0]):
        for entry in _list(topic, path[1]):
            yield topic_name(topic, topics), entry


# ---- transactions


def init_producer_id_request(values: Values, _: Topics) -> Fields:
    """InitProducerId: which transactional.id asks, and the identity that it claims to have."""
    return picked(values, "transactional_id", "producer_id", "producer_epoch", timeout_ms="transaction_timeout")


def producer_reply(values: Values, _: Topics) -> Fields:
    """InitProducerId and, from version 5 on, EndTxn: the producer id and epoch to go on with (KIP-890)."""
    return errors([values["error_code"]]) | picked(values, "producer_id", "producer_epoch")


def add_partitions_request(values: Values, topics: Topics) -> Fields:
    """AddPartitionsToTxn: what joins the transaction."""
    if "transactions" in values:  # version 4 and above: a batch, sent by brokers
        fields = limited("transactional_ids", [entry["transactional_id"] for entry in _list(values, "transactions")])
        return fields | {"transactional_id": next(iter(fields["transactional_ids"]), None)}  # type: ignore[arg-type]
    prefix = "v3_and_below_"
    fields = {name: values[prefix + name] for name in ("transactional_id", "producer_id", "producer_epoch")}
    partitions = _each(values, topics, prefix + "topics", "partitions")
    return fields | limited("partitions", [{"topic": topic, "partition": index} for topic, index in partitions])


def add_partitions_reply(values: Values, topics: Topics) -> Fields:
    """AddPartitionsToTxn: the coordinator's answer."""
    codes = [values.get("error_code", 0)]
    old = {"topic_results": _list(values, "results_by_topic_v3_and_below")}
    for result in (*_list(values, "results_by_transaction"), old):
        for _, entry in _each(result, topics, "topic_results", "results_by_partition"):
            codes.append(entry["partition_error_code"])
    return errors(codes)


def add_offsets_request(values: Values, _: Topics) -> Fields:
    """AddOffsetsToTxn: whose offsets join the transaction."""
    return picked(values, "transactional_id", "producer_id", "producer_epoch", group="group_id")


def end_txn_request(values: Values, _: Topics) -> Fields:
    """EndTxn: commit or abort."""
    return picked(values, "transactional_id", "producer_id", "producer_epoch", "committed")


def produce_request(values: Values, topics: Topics) -> Fields:
    """Produce: who writes how many records where, from the heads of the record batches."""
    fields: Fields = picked(values, "transactional_id", "acks")
    entries: list[JSON] = []
    total = size = 0
    for topic, partition in _each(values, topics, "topic_data", "partition_data"):
        records = partition["records"] or b""
        count = 0
        for producer_id, epoch, transactional, in_batch in record_batches(records):
            count += in_batch
            if "producer_id" not in fields:
                fields |= {"producer_id": producer_id, "producer_epoch": epoch, "transactional": transactional}
        entries.append({"topic": topic, "partition": partition["index"], "records": count})
        total += count
        size += len(records)
    return fields | {"records": total, "record_bytes": size} | limited("partitions", entries)


def record_batches(records: bytes | memoryview) -> Iterator[tuple[int, int, bool, int]]:
    """Reads the heads of record batches: producer id, producer epoch, transactional or not, number of records."""
    at = 0
    while at + _BATCH.size <= len(records):
        head = _BATCH.unpack_from(records, at)
        length, magic, attributes, producer_id, epoch, count = head[1], head[3], head[5], *head[9:11], head[12]
        if magic != 2 or length < _BATCH.size - _BATCH_LENGTH_AT or count < 0:
            return
        yield producer_id, epoch, bool(attributes & _TRANSACTIONAL), count
        at += _BATCH_LENGTH_AT + length


def produce_reply(values: Values, topics: Topics) -> Fields:
    """Produce: where the records stand."""
    partitions = list(_each(values, topics, "responses", "partition_responses"))
    entries: list[JSON] = [
        {
            "topic": topic,
            "partition": entry["index"],
            "base_offset": entry["base_offset"],
            "error": error_name(entry["error_code"]),
        }
        for topic, entry in partitions
    ]
    return errors(entry["error_code"] for _, entry in partitions) | limited("partitions", entries)


# ---- offsets


def offset_commit_request(values: Values, topics: Topics) -> Fields:
    """OffsetCommit and TxnOffsetCommit."""
    fields = picked(
        values,
        "transactional_id",
        "producer_id",
        "producer_epoch",
        "member_id",
        "group_instance_id",
        group="group_id",
        generation="generation_id" if "generation_id" in values else "generation_id_or_member_epoch",
    )
    entries: list[JSON] = [
        {"topic": topic, "partition": entry["partition_index"], "offset": entry["committed_offset"]}
        for topic, entry in _each(values, topics, "topics", "partitions")
    ]
    return fields | limited("offsets", entries)


def offset_commit_reply(values: Values, topics: Topics) -> Fields:
    """OffsetCommit and TxnOffsetCommit."""
    return errors(entry["error_code"] for _, entry in _each(values, topics, "topics", "partitions"))


def _groups(values: Values) -> list[Values]:
    """OffsetFetch asks for several groups from version 8 on; before, the body itself is the one."""
    return _list(values, "groups") if "groups" in values else [values]


def offset_fetch_request(values: Values, _: Topics) -> Fields:
    """OffsetFetch: whose positions are asked for."""
    groups: list[JSON] = [group["group_id"] for group in _groups(values)]
    return limited("groups", groups) | picked(values, "require_stable")


def offset_fetch_reply(values: Values, topics: Topics) -> Fields:
    """OffsetFetch: where the group goes on."""
    codes = [values.get("error_code", 0)]
    entries: list[JSON] = []
    for group in _groups(values):
        codes.append(group.get("error_code", 0))
        for topic, entry in _each(group, topics, "topics", "partitions"):
            codes.append(entry["error_code"])
            offset = entry["committed_offset"]
            entries.append({"topic": topic, "partition": entry["partition_index"], "offset": offset})
    return errors(codes) | limited("offsets", entries)


def fetch_request(values: Values, topics: Topics) -> Fields:
    """Fetch: with which isolation.level what is read."""
    level = values["isolation_level"]
    names = [topic_name(topic, topics) for topic in _list(values, "topics")]
    isolation = _ISOLATION[level] if level in range(len(_ISOLATION)) else level
    return {"isolation_level": isolation} | limited("topics", names)


# ---- groups


def group_request(values: Values, _: Topics) -> Fields:
    """JoinGroup, SyncGroup, Heartbeat, LeaveGroup and the heartbeats of KIP-848 and KIP-1071."""
    fields = picked(
        values,
        "member_id",
        "member_epoch",
        group="group_id",
        generation="generation_id",
        group_instance_id="instance_id" if "instance_id" in values else "group_instance_id",
        session_timeout_ms="session_timeout",
        rebalance_timeout_ms="rebalance_timeout",
        subscribed="subscribed_topic_names",
    )
    if isinstance(fields.get("subscribed"), list):
        fields |= limited("subscribed", fields["subscribed"])  # type: ignore[arg-type]
    if "members" in values:
        fields |= limited(
            "members", [picked(entry, "member_id", "group_instance_id") for entry in _list(values, "members")]
        )
    return fields


def group_reply(values: Values, topics: Topics) -> Fields:
    """The coordinator's answer to any of them."""
    codes = [values["error_code"], *(member.get("error_code", 0) for member in _list(values, "members"))]
    fields = errors(codes) | picked(values, "member_id", "member_epoch", "leader", generation="generation_id")
    if "generation_id" in values:
        fields["members"] = len(_list(values, "members"))
    assignment = values.get("assignment")
    if isinstance(assignment, Mapping):
        given = _each(dict(assignment), topics, "topic_partitions", "partitions")
        fields |= limited("assigned", [{"topic": topic, "partition": index} for topic, index in given])
    return fields


# ---- who and where


def metadata_reply(values: Values, _: Topics) -> Fields:
    """Metadata: the topics that were asked for and are not there; all else of it is no news."""
    topics = _list(values, "topics")
    return limited("missing", [t["name"] for t in topics if t.get("name") and t["error_code"] == _NO_SUCH_TOPIC])


def api_versions_request(values: Values, _: Topics) -> Fields:
    """ApiVersions: which client this is."""
    return picked(values, "client_software_name", "client_software_version")


def api_versions_reply(values: Values, _: Topics) -> Fields:
    """ApiVersions: the features that the cluster has finalized, such as `transaction.version`."""
    finalized = _list(values, "finalized_features")[:MAX_ENTRIES]
    features = {entry["name"]: entry["max_version_level"] for entry in finalized}
    return errors([values["error_code"]]) | {"features": features}


def find_coordinator_request(values: Values, _: Topics) -> Fields:
    """FindCoordinator: of what."""
    kind = {0: "group", 1: "transaction", 2: "share"}.get(values.get("key_type", 0), "unknown")
    keys = [values["key"]] if "key" in values else _list(values, "coordinator_keys")
    return {"key_type": kind} | limited("keys", keys)


def find_coordinator_reply(values: Values, _: Topics) -> Fields:
    """FindCoordinator: which nodes."""
    entries = _list(values, "coordinators") if "coordinators" in values else [values]
    return errors(entry["error_code"] for entry in entries) | limited("nodes", [entry["node_id"] for entry in entries])
