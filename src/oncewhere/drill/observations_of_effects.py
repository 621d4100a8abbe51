"""Requests to the places of effects come in; what was seen there and not declared goes out. Pure.

Each kind is a function of its own in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .footprints import apart, tables_read, transactions
from .observation import Declared, Kind, Observation, Requests, at, examples, listed, n_of
from .repeated_keys import repeated_keys

READ_ONLY = "read-only"
KEY_POLICY = "idempotency-key"
DEDUPE_POLICY = "dedupe-table"


def _another_database(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, database in declared.databases.items():
        elsewhere: dict[str, int] = {}
        connected = {r.link: r.fields.get("database") for r in at(requests, place) if r.kind == "startup"}
        for request in at(requests, place):
            if not request.boundary:
                continue
            where = connected.get(request.link)
            targets = [str(target) for target in request.fields.get("targets") or ()]
            qualified = [
                t for t in targets if request.system == "mysql" and "." in t and not t.startswith(database + ".")
            ]
            if where is not None and where != database:
                elsewhere[str(where)] = elsewhere.get(str(where), 0) + 1
            for target in qualified:
                elsewhere[target] = elsewhere.get(target, 0) + 1
        if elsewhere:
            yield Observation(
                kind=Kind.ANOTHER_DATABASE,
                place=place,
                sentence=f"{n_of(sum(elsewhere.values()), 'write')} went to {listed(elsewhere)} and not to the drill's "
                f"database: they are not observed, and not undone between trials",
                count=sum(elsewhere.values()),
                examples=examples(elsewhere),
            )


def _writes_though_read_only(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        writes = [r for r in at(requests, place) if r.boundary]
        if effect.policy == READ_ONLY and writes:
            told = [t for r in writes for t in (r.fields.get("targets") or r.fields.get("keys") or (r.kind,))]
            yield Observation(
                kind=Kind.WRITES_THOUGH_READ_ONLY,
                place=place,
                sentence=f"{n_of(len(writes), 'writing request')} reached {place}, whose declared policy is "
                f"{READ_ONLY}",
                count=len(writes),
                examples=examples(str(target) for target in told),
            )


def _never_used(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        writes = any(request.boundary for request in at(requests, place))
        if not writes and effect.policy != READ_ONLY and effect.system != "sqlite":
            yield Observation(
                kind=Kind.NEVER_USED,
                place=place,
                sentence=f"nothing was written to {place}: is its address taken from the environment?",
                count=0,
            )


def _idempotency_keys(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        if effect.system != "http" or effect.policy != KEY_POLICY:
            continue
        sent = [r for r in at(requests, place) if r.boundary]
        keyless = [r for r in sent if r.fields.get("idempotency_key") is None]
        if keyless:
            yield Observation(
                kind=Kind.NO_IDEMPOTENCY_KEY,
                place=place,
                sentence=f"{n_of(len(keyless), 'request')} to {place} carried no Idempotency-Key, which is its policy",
                count=len(keyless),
                examples=examples(f"{r.kind} {r.fields.get('target')}" for r in keyless),
            )
        keys: dict[str, set[str]] = {}
        for request in sent:
            identity, key = request.fields.get("identity"), request.fields.get("idempotency_key")
            if identity is not None and key is not None:
                keys.setdefault(str(identity), set()).add(str(key))
        changing = [identity for identity, found in keys.items() if len(found) > 1]
        if changing:
            yield Observation(
                kind=Kind.CHANGING_IDEMPOTENCY_KEY,
                place=place,
                sentence=f"{n_of(len(changing), 'event')} had another Idempotency-Key when {place} was asked "
                f"again: the "
                "key is not made from the event",
                count=len(changing),
                examples=examples(changing),
            )


def _random_keys(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, effect in declared.effects.items():
        found = repeated_keys([list(at(requests, place))]) if effect.policy == KEY_POLICY else None
        if found is not None and found.random and not found.changed:
            yield Observation(
                kind=Kind.RANDOM_IDEMPOTENCY_KEY,
                place=place,
                sentence=f"every Idempotency-Key to {place} looks drawn at random (UUIDs of version 4): unless it "
                f"is kept "
                "with the event, a redelivered event gets another one. A drill shows which: after-effect",
                count=found.events,
            )


def _dedupe_row_apart(requests: Requests, declared: Declared) -> Iterator[Observation]:
    for place, table in declared.dedupe_tables.items():
        yield from _apart(requests, declared, place, table)


def guessed_dedupe_row_apart(
    requests: Requests, declared: Declared, place: str, keys: Mapping[str, Iterable[Sequence[str]]]
) -> Iterator[Observation]:
    """The same of a dedupe table that nobody has named: the one written table that is unique by the identity.

    Args:
        requests: what was sent.
        declared: what the declaration says.
        place: an SQL database.
        keys: by table, the columns of each unique key.
    """
    effect = declared.effects.get(place)
    if effect is None or effect.policy != DEDUPE_POLICY or place in declared.dedupe_tables:
        return
    written = {table for tables in transactions(list(at(requests, place))) for table in tables}
    counted = tables_read(effect.observe, effect.system)
    likely = [
        table
        for table, found in keys.items()
        if table.lower() in written
        and table.lower() not in counted
        and any([_plain(column) for column in key] == [_plain(declared.identity)] for key in found)
    ]
    if len(likely) == 1:
        yield from _apart(requests, declared, place, likely[0])


def _apart(requests: Requests, declared: Declared, place: str, table: str) -> Iterator[Observation]:
    found = transactions(list(at(requests, place)))
    effect = declared.effects[place]
    if tables := apart(found, table, tables_read(effect.observe, effect.system)):
        yield Observation(
            kind=Kind.DEDUPE_ROW_APART,
            place=place,
            sentence=f"{table} and {listed(tables)} were never written in one database transaction: a crash between "
            "the two commits doubles or loses the effect",
            count=len(found),
            examples=examples(tables),
        )


def _plain(name: str) -> str:
    """`eventId` and `event_id` are one name."""
    return name.replace("_", "").lower()


KINDS: tuple[Callable[[Requests, Declared], Iterator[Observation]], ...] = (
    _another_database,
    _writes_though_read_only,
    _never_used,
    _idempotency_keys,
    _random_keys,
    _dedupe_row_apart,
)
