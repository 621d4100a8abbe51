"""The histories of a run come in; what the wire showed of the processor goes out, as one `Observed`.

Whether that is what it should be is not said here; `drill.observations` says what was not declared, and the sections
say what the guarantee needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from oncewhere.drill.footprints import Footprint, footprints
from oncewhere.drill.history import Event, Happened, Wire, ids_by_life
from oncewhere.drill.observations import Observation
from oncewhere.drill.repeated_keys import RepeatedKeys, repeated_keys
from oncewhere.wire.message import Direction

NAMES_KEPT = 8
TRANSACTION_APIS = ("InitProducerId", "Produce", "TxnOffsetCommit", "EndTxn")
IMPLICIT_ADD_VERSION = 5
"""From this version of EndTxn on a client speaks the transaction protocol of KIP-890: each has an epoch of its own."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """Who read what, and how.

    Attributes:
        client_id: of the consumer.
        groups: the groups that this client named, in the same life.
        topics: what was read.
        isolation_level: with what.
    """

    client_id: str
    groups: list[str]
    topics: list[str]
    isolation_level: str


class SeenAt(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at one effect's place.

    Attributes:
        writes: True where anything was written there.
        footprints: for an SQL system, which tables were written together in one database transaction.
        keys: for HTTP, how idempotency keys repeated.
        unique_keys: by table, the unique keys that the database itself says it has; empty where it was not asked.
    """

    writes: bool
    footprints: list[Footprint] = []
    keys: RepeatedKeys | None = None
    unique_keys: dict[str, list[list[str]]] = {}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was seen and not declared; see `drill.observations`."""

    kind: str
    place: str
    sentence: str
    examples: list[str] = []


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What the wire showed in the trials of one run.

    Attributes:
        run: the run's name.
        trials: how many histories were read.
        starts: how often the processor was started in them.
        restarts: how many of these came after a life in the same trial that had a transactional.id as well.
        transactional_ids: all that were seen, a few at most; `number_of_ids` counts them.
        number_of_ids: how many different ones there were.
        same_after_restart: True where each restart used an id of the life before; None where nothing was restarted.
        offsets: requests that committed positions of the group, by their kind.
        offsets_with_generation: True where each TxnOffsetCommit named a member and its generation; None without one.
        records_inside: records produced inside a transaction, by topic.
        records_outside: records produced outside of any, by topic.
        api_versions: by transactional API, the versions that were used.
        cluster_features: what the cluster has finalized, such as `transaction.version`.
        clients: client libraries with their versions.
        transaction_timeout_ms: what producers asked for.
        session_timeout_ms: what members asked for.
        max_poll_interval_ms: likewise (`rebalance.timeout`).
        group_instance_ids: static members; an empty list where membership was dynamic.
        fetches: who read what, and how.
        places: by effect.
        undeclared: what was seen and is not declared.
    """

    run: str
    trials: int
    starts: int
    restarts: int = 0
    transactional_ids: list[str] = []
    number_of_ids: int = 0
    same_after_restart: bool | None = None
    offsets: dict[str, int] = {}
    offsets_with_generation: bool | None = None
    records_inside: dict[str, int] = {}
    records_outside: dict[str, int] = {}
    api_versions: dict[str, list[int]] = {}
    cluster_features: dict[str, int] = {}
    clients: list[str] = []
    transaction_timeout_ms: list[int] = []
    session_timeout_ms: list[int] = []
    max_poll_interval_ms: list[int] = []
    group_instance_ids: list[str] = []
    fetches: list[Fetched] = []
    places: dict[str, SeenAt] = {}
    undeclared: list[Seen] = []

    @property
    def offsets_in_the_transaction(self) -> bool | None:
        """True where positions were committed by TxnOffsetCommit and never plainly; None where none were."""
        if not self.offsets:
            return None
        return "OffsetCommit" not in self.offsets

    @property
    def protocol(self) -> int | None:
        """The transaction protocol's version that the client spoke: 1 (KIP-98), or 2 (KIP-890); None without EndTxn."""
        versions = self.api_versions.get("EndTxn")
        return None if not versions else 2 if min(versions) >= IMPLICIT_ADD_VERSION else 1


Trial = Sequence[Event]


def observed(
    run: str, trials: Iterable[Iterable[Event]], undeclared: Iterable[Observation], effects: Iterable[str]
) -> Observed:
    """What the histories say together.

    Args:
        run: the run's name.
        trials: one history for each trial.
        undeclared: what the drill saw that was not declared.
        effects: the names of the effects' places.
    """
    histories = [tuple(events) for events in trials]
    sent = [[e for e in events if isinstance(e, Wire) and _left(e)] for events in histories]
    lives = [ids for events, requests in zip(histories, sent, strict=True) for ids in ids_by_life(events, requests)]
    kept = [r for requests in sent for r in requests]
    commits = [r for r in kept if r.kind in {"OffsetCommit", "TxnOffsetCommit"} and not r.fields.get("partial")]
    in_txn = [r for r in commits if r.kind == "TxnOffsetCommit"]
    names = list(dict.fromkeys(name for ids in lives for life in ids.values() for name in sorted(life)))
    return Observed(
        run=run,
        trials=len(histories),
        starts=sum(isinstance(e, Happened) and e.what == "started" for events in histories for e in events),
        restarts=sum(max(len(ids) - 1, 0) for ids in lives),
        transactional_ids=sorted(names)[:NAMES_KEPT],
        number_of_ids=len(names),
        same_after_restart=_stable(lives),
        offsets=dict(sorted(Counter(r.kind for r in commits).items())),
        offsets_with_generation=all(map(_has_generation, in_txn)) if in_txn else None,
        records_inside=_records(kept, inside=True),
        records_outside=_records(kept, inside=False),
        api_versions={api: found for api in TRANSACTION_APIS if (found := _versions(kept, api))},
        cluster_features=_features(histories),
        clients=sorted({_client(r) for r in kept if r.kind == "ApiVersions" and r.fields.get("client_software_name")}),
        transaction_timeout_ms=_numbers(kept, "InitProducerId", "timeout_ms", only="transactional_id"),
        session_timeout_ms=_numbers(kept, "JoinGroup", "session_timeout_ms"),
        max_poll_interval_ms=_numbers(kept, "JoinGroup", "rebalance_timeout_ms"),
        group_instance_ids=sorted(
            {str(r.fields["group_instance_id"]) for r in kept if r.fields.get("group_instance_id")}
        )[:NAMES_KEPT],
        fetches=list(_fetches(sent)),
        places={name: _place(name, histories, sent) for name in effects},
        undeclared=[
            Seen(kind=str(o.kind), place=o.place, sentence=o.sentence, examples=list(o.examples)) for o in undeclared
        ],
    )


def _left(event: Wire) -> bool:
    return event.direction == Direction.REQUEST and event.outcome != "dropped"


def _stable(trials: Sequence[dict[int, set[str]]]) -> bool | None:
    """Whether each life used an id of the life before it."""
    found: bool | None = None
    for ids in trials:
        lives = [ids[life] for life in sorted(ids)]
        for before, after in pairwise(lives):
            found = found is not False and bool(before & after)
    return found


def _has_generation(request: Wire) -> bool:
    generation = request.fields.get("generation")
    return bool(request.fields.get("member_id")) and isinstance(generation, int) and generation >= 0


def _records(requests: Sequence[Wire], *, inside: bool) -> dict[str, int]:
    found: Counter[str] = Counter()
    for request in requests:
        if request.kind != "Produce" or request.fields.get("partial"):
            continue
        transactional = request.fields.get("transactional_id") is not None or bool(request.fields.get("transactional"))
        if transactional is inside:
            for entry in request.fields.get("partitions") or ():
                found[str(entry["topic"])] += int(entry["records"])
    return dict(sorted(found.items()))


def _versions(requests: Sequence[Wire], api: str) -> list[int]:
    return sorted({int(r.fields["api_version"]) for r in requests if r.kind == api and "api_version" in r.fields})


def _features(histories: Sequence[Trial]) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in (e for events in histories for e in events):
        if isinstance(event, Wire) and event.kind == "ApiVersions" and event.direction == Direction.REPLY:
            found |= event.fields.get("features") or {}
    return {name: found[name] for name in ("transaction.version", "group.version") if name in found}


def _client(request: Wire) -> str:
    return f"{request.fields['client_software_name']} {request.fields.get('client_software_version') or ''}".strip()


def _numbers(requests: Sequence[Wire], kind: str, field: str, *, only: str | None = None) -> list[int]:
    chosen = [r for r in requests if r.kind == kind and (only is None or r.fields.get(only) is not None)]
    return sorted({int(r.fields[field]) for r in chosen if isinstance(r.fields.get(field), int)})


def _fetches(trials: Sequence[Sequence[Wire]]) -> Iterator[Fetched]:
    """A Fetch names its client and no group; the groups are those that the same client named in the same life.

    Where one client id reads with several levels, these are several consumers, and which is whose group is not known.
    """
    topics: dict[tuple[str, tuple[str, ...], str], set[str]] = {}
    for requests in trials:
        groups: dict[tuple[int, str], set[str]] = {}
        for request in requests:
            if request.system == "kafka" and (group := _group(request)) is not None:
                groups.setdefault((request.life, str(request.fields.get("client_id"))), set()).add(group)
        levels: dict[str, set[object]] = {}
        for request in requests:
            if request.kind == "Fetch":
                levels.setdefault(str(request.fields.get("client_id")), set()).add(
                    request.fields.get("isolation_level")
                )
        mixed = {client for client, found in levels.items() if len(found) > 1}
        for request in requests:
            if request.kind == "Fetch" and not request.fields.get("partial"):
                client = str(request.fields.get("client_id"))
                known = () if client in mixed else tuple(sorted(groups.get((request.life, client), ())))
                level = str(request.fields.get("isolation_level"))
                topics.setdefault((client, known, level), set()).update(map(str, request.fields.get("topics") or ()))
    for (client, known, level), names in sorted(topics.items()):
        yield Fetched(client_id=client, groups=list(known), topics=sorted(names), isolation_level=level)


def _group(request: Wire) -> str | None:
    group: Any = request.fields.get("group")
    return group if isinstance(group, str) and request.kind in {"JoinGroup", "ConsumerGroupHeartbeat"} else None


def _place(name: str, histories: Sequence[Trial], sent: Sequence[Sequence[Wire]]) -> SeenAt:
    at = [[r for r in requests if r.link.rpartition("#")[0] == name] for requests in sent]
    told = [e for events in histories for e in events if isinstance(e, Happened) and e.what == "unique-keys"]
    return SeenAt(
        writes=any(r.boundary for requests in at for r in requests),
        footprints=footprints(at),
        keys=repeated_keys(at),
        unique_keys=next((e.fields["tables"] for e in told if e.fields.get("place") == name), {}),
    )
