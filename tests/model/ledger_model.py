"""How effects are made once, explored exhaustively: planted mistakes in; states and the first violation out.

One partition, two workers, one or more places: databases with an offset ledger, a downstream that keeps idempotency
keys, one without keys behind a journal of claims (`Kind`). What can go wrong does: crashes at every step, rebalances,
zombies that do not know yet that they lost the partition, EndTxn that arrives late or never, lost answers to a
database's COMMIT, transactions that the coordinator times out. What is modelled of Kafka: the coordinator's epochs
(InitProducerId fences), the group's generation (checked by TxnOffsetCommit), offsets that are not stable while a
transaction holds them.

Safety, in every state: no output twice; no effect twice at any place; the committed offset passes no record without
its output and its effects, unless the record is listed as in doubt; the ledger never refuses. Liveness: from every
state with rebalances left, the end can be reached.

Run it by hand:  python ledger_model.py [places=2] [kinds=key,ledger] [records=3] [mistake …]
"""

from __future__ import annotations

import sys
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
WORKERS = ("a", "b")


class Kind(StrEnum):
    """What a place is."""

    LEDGER = "ledger"
    KEY = "key"
    CLAIM = "claim"
    COMPENSATE = "compensate"
    """See `compensation_model`."""


class Claim(IntEnum):
    """What the journal of claims says of a record."""

    NONE = 0
    CLAIMED = 1
    SETTLED = 2
    IN_DOUBT = 3


class Mistake(StrEnum):
    """A protocol mistake to plant; the exploration must find each."""

    NO_CAS = "no-cas"
    """The ledger row is written without comparing it."""
    RESULTS_NOT_MERGED = "results-not-merged"
    """A decision keeps the new results only, not the recalled ones of the same batch."""
    NO_GENERATION = "no-generation"
    """Offsets are sent without the group's metadata."""
    UNSTABLE = "unstable"
    """The committed offset is read while a transaction holds offsets."""
    REUSE_PRODUCER = "reuse-producer"
    """A producer is used again after an EndTxn whose outcome is unknown."""
    GUESS_COMMITTED = "guess-committed"
    """A lost answer to the database's COMMIT is taken for a success."""
    KAFKA_FIRST = "kafka-first"
    """Kafka's transaction is committed before the last place has decided."""
    REFUSE_AT_ONCE = "refuse-at-once"
    """The ledger is refused after one reading, though it and the committed offset were not read in one moment."""
    FRESH_KEY = "fresh-key"
    """Each attempt has a key of its own, from the time or from chance."""
    SKIP_DONE = "skip-done"
    """An effect that was done before gives no output."""
    REPEAT_IN_DOUBT = "repeat-in-doubt"
    """A claim that is found is taken over."""
    SETTLE_FIRST = "settle-first"
    """A claim is settled before the effect."""
    ZOMBIE_SETTLES = "zombie-settles"
    """A claim that is found is passed, and not marked: its owner may still settle it."""


class Size(NamedTuple):
    """How much is explored."""

    records: int = 3
    max_batch: int = 2
    places: int = 1
    crashes: int = 2
    moves: int = 3
    kinds: tuple[Kind, ...] = ()
    """By place; a ledger where it does not say. With a journal of claims or intents `max_batch` is 1."""
    keyed_undo: bool = False
    """Whether the downstream does an undo once for its key."""
    rejects: bool = False
    """Whether a handler may pass a record without effect and output, and another delivery of it may not."""

    def kind(self, place: int) -> Kind:
        """What a place is."""
        return self.kinds[place] if place < len(self.kinds) else Kind.LEDGER


class Txn(NamedTuple):
    """An open transaction at the coordinator; `offset` is None until TxnOffsetCommit."""

    outputs: frozenset[int]
    offset: int | None


class Place(NamedTuple):
    """How often each record's effect happened; a database's ledger row; what a journal says of each record."""

    next_offset: int
    covered_from: int
    effects: tuple[int, ...]
    claims: tuple[int, ...] = ()
    attempts: tuple[int, ...] = ()
    fates: tuple[int, ...] = ()
    undos: tuple[int, ...] = ()
    owner: int | None = None
    """The last four: see `compensation_model`."""


class Worker(NamedTuple):
    """A processor: its step, and what it believes."""

    step: str = "down"
    generation: int = 0
    position: int = 0
    views: tuple[int, ...] = ()
    decided: int = 0
    batch: int = 0
    epoch: int = 0
    doubt: int = -1
    phase: int = 0
    silent: bool = False
    """Whether the record in hand gives no output."""
    attempt: int = 0
    owed: tuple[tuple[int, int], ...] = ()
    """Both: see `compensation_model`."""


class World(NamedTuple):
    """Everything."""

    committed: int
    outputs: tuple[int, ...]
    generation: int
    owner: int | None
    epochs: tuple[int, ...]
    txns: tuple[Txn | None, ...]
    late: tuple[tuple[int, int], ...]
    places: tuple[Place, ...]
    workers: tuple[Worker, ...]
    crashes: int
    moves: int


class Verdict(NamedTuple):
    """What the exploration found; no violation, and it holds."""

    states: int
    violation: str | None
    trace: list[str]


DOWN = Worker()


class Model:
    """The steps that the world can take.

    Args:
        size: how much is explored.
        mistakes: what is wrong with the protocol.
    """

    def __init__(self, size: Size, mistakes: frozenset[StrEnum] = frozenset()) -> None:
        self.size = size
        self.mistakes = mistakes
        none = (0,) * size.records
        self.start = World(
            committed=0, outputs=none, generation=0, owner=None, epochs=(0, 0), txns=(None, None), late=(),
            places=tuple(
                Place(0, 0, none, none if size.kind(n) is Kind.CLAIM else ()) for n in range(size.places)
            ), workers=(DOWN, DOWN), crashes=size.crashes, moves=size.moves,
        )  # fmt: skip

    def actions(self, w: World) -> Iterator[tuple[str, World | None]]:
        """Every next state, and the name of the step to it; None is a refusal."""
        for i, me in enumerate(w.workers):
            name = WORKERS[i]
            if me.step == "down":
                x = abort(w, i)
                epochs = put(x.epochs, i, x.epochs[i] + 1)
                yield f"{name} starts", go(x._replace(epochs=epochs), i, step="out", epoch=epochs[i])
                continue
            if w.crashes:
                yield f"{name} crashes at {me.step}", down(w, i)._replace(crashes=w.crashes - 1)
            yield from getattr(self, f"_{me.step}")(w, i, me, name)
            if w.txns[i] and me.step in {"produced", "out", "standing"}:
                yield f"{name}'s transaction times out", bump(abort(w, i), i)
        for i, me in enumerate(w.workers):
            if me.step == "down" and w.txns[i]:
                yield f"{WORKERS[i]}'s transaction times out", bump(abort(w, i), i)
        yield from self._network(w)

    def _out(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        """Without positions: reads the committed offset. A zombie does so too, and keeps its stale generation."""
        unstable = any(t and t.offset is not None for t in w.txns)
        if w.owner is not None and (not unstable or Mistake.UNSTABLE in self.mistakes):
            generation = w.generation if w.owner == i else -1
            x = go(w, i, step="standing", generation=generation, position=w.committed)
            yield f"{name} reads committed offset {w.committed}", x

    def _standing(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        """Reads every ledger, later; a contradiction counts when the committed offset is still the same."""
        at = me.position
        contradiction = any(
            place.next_offset < at or (place.next_offset > at and place.covered_from > at)
            for n, place in enumerate(w.places)
            if self.size.kind(n) is Kind.LEDGER
        )
        if contradiction and (me.doubt == at or Mistake.REFUSE_AT_ONCE in self.mistakes):
            yield f"{name} REFUSES", None
        elif contradiction:
            yield f"{name} doubts what it read", go(w, i, step="out", doubt=at)
        else:
            views = tuple(place.next_offset for place in w.places)
            yield f"{name} stands at {at}, ledgers {views}", go(w, i, step="idle", views=views, doubt=-1)

    def _idle(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        for k in range(1, self.size.max_batch + 1):
            if me.position + k <= self.size.records:
                yield f"{name} takes {k}", go(w, i, step="taken", batch=k, decided=0, phase=0, silent=False)

    def _taken(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        """One place after the other decides."""
        last = me.decided + 1 == self.size.places
        early = Mistake.KAFKA_FIRST in self.mistakes and last
        if me.decided == self.size.places or early:
            yield from self._produce(w, i, me, name)
            if early:
                return
        if me.decided == self.size.places:
            return
        yield from getattr(self, f"_at_{self.size.kind(me.decided)}")(w, i, me, name)

    def _at_key(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        """Requests with keys, which the downstream keeps."""
        at, place, to = me.decided, w.places[me.decided], me.position + me.batch
        fresh = Mistake.FRESH_KEY in self.mistakes
        known = all(place.effects[me.position : to])
        effects = tuple(
            (n + 1 if fresh else max(n, 1)) if me.position <= o < to else n for o, n in enumerate(place.effects)
        )
        done = w._replace(places=put(w.places, at, place._replace(effects=effects)))
        silent = me.silent or (known and Mistake.SKIP_DONE in self.mistakes)
        yield f"{name} sends requests to {to} at place {at}", go(done, i, decided=at + 1, silent=silent)
        yield f"{name} sends requests to {to} at place {at} and gets no answer: rewinds", go(done, i, step="out")
        yield f"{name} reaches nobody at place {at}: rewinds", go(w, i, step="out")

    def _at_claim(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        """One record: a claim, the effect, and the claim is settled; each by itself."""
        at, offset, place = me.decided, me.position, w.places[me.decided]
        first, second = ("settles", "does") if Mistake.SETTLE_FIRST in self.mistakes else ("does", "settles")
        step = ("claims", first, second)[me.phase]
        after = {"decided": at + 1, "phase": 0} if me.phase == 2 else {"phase": me.phase + 1}
        claim = Claim(place.claims[offset])
        if step == "claims" and claim is not Claim.NONE:
            yield self._found(w, i, me, name, claim)
        elif step == "settles" and claim is not Claim.CLAIMED:
            yield f"{name} cannot settle its claim at place {at}: rewinds", go(w, i, step="out")
        else:
            if step == "does":
                changed = place._replace(effects=put(place.effects, offset, place.effects[offset] + 1))
            else:
                claim = Claim.CLAIMED if step == "claims" else Claim.SETTLED
                changed = place._replace(claims=put(place.claims, offset, claim))
            x = w._replace(places=put(w.places, at, changed))
            yield f"{name} {step} {offset} at place {at}", go(x, i, **after)
            if step != "does":
                yield f"{name} {step} {offset} at place {at} and loses the answer: rewinds", go(x, i, step="out")
                yield f"{name} reaches nobody at place {at}: rewinds", go(w, i, step="out")

    def _found(self, w: World, i: int, me: Worker, name: str, claim: Claim) -> tuple[str, World]:
        """A claim of another life, or of another worker."""
        at, offset, place = me.decided, me.position, w.places[me.decided]
        if claim is Claim.SETTLED:
            silent = me.silent or Mistake.SKIP_DONE in self.mistakes
            return f"{name} replays {offset} at place {at}", go(w, i, decided=at + 1, silent=silent)
        if Mistake.REPEAT_IN_DOUBT in self.mistakes:
            return f"{name} takes the claim on {offset} over", go(w, i, phase=1)
        if claim is Claim.CLAIMED and Mistake.ZOMBIE_SETTLES not in self.mistakes:
            w = w._replace(places=put(w.places, at, place._replace(claims=put(place.claims, offset, Claim.IN_DOUBT))))
        return f"{name} passes {offset} in doubt at place {at}", go(w, i, decided=at + 1, silent=True)

    def _at_ledger(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        at, place, to = me.decided, w.places[me.decided], me.position + me.batch
        view = me.views[at]
        if to <= view:
            yield f"{name} replays at place {at}", go(w, i, decided=at + 1)
            return
        if place.next_offset != view and Mistake.NO_CAS not in self.mistakes:
            yield f"{name} loses the compare-and-set at place {at}", go(w, i, step="out")
            return
        new = max(me.position, view)
        covered = new if Mistake.RESULTS_NOT_MERGED in self.mistakes else me.position
        effects = tuple(n + (new <= o < to) for o, n in enumerate(place.effects))
        x = w._replace(places=put(w.places, at, Place(to, covered, effects)))
        views = put(me.views, at, to)
        yield f"{name} commits {to} at place {at}", go(x, i, decided=at + 1, views=views)
        yield f"{name} commits {to} at place {at} and loses the answer: rewinds", go(x, i, step="out")
        if Mistake.GUESS_COMMITTED in self.mistakes:
            yield (
                f"{name} does not commit at place {at}, and guesses that it did",
                go(w, i, decided=at + 1, views=views),
            )
        else:
            yield f"{name} does not commit at place {at}: rewinds", go(w, i, step="out")

    def _produce(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        outputs = frozenset(() if me.silent else range(me.position, me.position + me.batch))
        if me.epoch == w.epochs[i]:
            yield f"{name} produces", go(w._replace(txns=put(w.txns, i, Txn(outputs, None))), i, step="produced")
        else:
            yield f"{name} is fenced", down(w, i)

    def _produced(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        txn = w.txns[i]
        if txn is None:
            yield f"{name} finds its transaction aborted", down(w, i)
        elif me.generation == w.generation or Mistake.NO_GENERATION in self.mistakes:
            x = w._replace(txns=put(w.txns, i, txn._replace(offset=me.position + me.batch)))
            yield f"{name} sends offsets", go(x, i, step="offsets")
        else:
            yield f"{name} has a stale generation: aborts", go(abort(w, i), i, step="out")

    def _offsets(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        yield f"{name} sends EndTxn", go(w._replace(late=(*w.late, (i, me.epoch))), i, step="ending")
        yield f"{name}'s transaction times out", bump(abort(w, i), i)

    def _ending(self, w: World, i: int, me: Worker, name: str) -> Iterator[tuple[str, World | None]]:
        if (i, me.epoch) in w.late:
            if Mistake.REUSE_PRODUCER in self.mistakes:
                yield f"{name} waits too long, uses the producer again", go(abort(w, i), i, step="out")
            else:
                yield f"{name} waits too long: new producer", down(w, i)
            return
        if w.txns[i] is None and w.committed >= me.position + me.batch:
            to = me.position + me.batch
            late_decision = Mistake.KAFKA_FIRST in self.mistakes and me.decided < self.size.places
            x = go(w, i, step="idle", position=to, phase=0, silent=False, views=tuple(max(n, to) for n in me.views))
            if late_decision:
                place = w.places[me.decided]
                effects = tuple(n + (me.position <= o < to) for o, n in enumerate(place.effects))
                x = x._replace(places=put(x.places, me.decided, Place(to, me.position, effects)))
            yield f"{name} sees the commit", x
        yield f"{name} loses the answer: new producer", down(w, i)

    def _network(self, w: World) -> Iterator[tuple[str, World | None]]:
        """EndTxn arrives, perhaps late; the group gives the partition to somebody else, who is not told at once."""
        for n, (i, epoch) in enumerate(w.late):
            x = w._replace(late=w.late[:n] + w.late[n + 1 :])
            accepted = epoch == w.epochs[i] and w.txns[i] is not None
            yield f"EndTxn of {WORKERS[i]} {'arrives' if accepted else 'is refused'}", commit(x, i) if accepted else x
        if w.moves:
            for i, worker in enumerate(w.workers):
                if worker.step != "down" and w.owner != i:
                    moved = w._replace(owner=i, generation=w.generation + 1, moves=w.moves - 1)
                    yield f"the group gives the partition to {WORKERS[i]}", moved

    def violation(self, w: World) -> str | None:
        """What is wrong with a state."""
        if max(w.outputs) > 1:
            return "output twice"
        if any(max(place.effects) > 1 for place in w.places):
            return "effect twice"
        for offset in range(w.committed):
            if any(place.claims and place.claims[offset] == Claim.IN_DOUBT for place in w.places):
                continue  # a person looks; at most once is all that is promised
            if not self.complete(w, offset):
                return "the committed offset passed a record without its output or effect"
        return None

    def complete(self, w: World, offset: int) -> bool:
        """Whether a record that Kafka calls done has its output and its effects."""
        return w.outputs[offset] == 1 and all(place.effects[offset] == 1 for place in w.places)

    def canonical(self, w: World) -> World:
        """The world, without what makes no difference."""
        return canonical(w)

    def explore(self) -> Verdict:
        """Every reachable state; the first violation, or none."""
        parent: dict[World, tuple[World, str] | None] = {self.start: None}
        back: dict[World, list[World]] = {}
        todo = [self.start]
        while todo:
            later = []
            for w in todo:
                for name, reached in self.actions(w):
                    if reached is None:
                        return Verdict(len(parent), "refused a reachable state", [*trace(parent, w), name])
                    named = self.canonical(reached)
                    x = sorted_workers(named)
                    back.setdefault(x, []).append(w)
                    if x in parent:
                        continue
                    parent[x] = (w, name if x is named else f"{name} (a and b exchange their names)")
                    if wrong := self.violation(x):
                        return Verdict(len(parent), wrong, trace(parent, x))
                    later.append(x)
            todo = later
        return self._liveness(parent, back)

    def _liveness(self, parent: dict[World, tuple[World, str] | None], back: dict[World, list[World]]) -> Verdict:
        reaching = {w for w in parent if w.committed == self.size.records}
        work = list(reaching)
        while work:
            for before in back.get(work.pop(), ()):
                if before not in reaching:
                    reaching.add(before)
                    work.append(before)
        stuck = next((w for w in parent if w not in reaching and w.moves), None)
        if stuck is not None:
            return Verdict(len(parent), "the end cannot be reached", trace(parent, stuck))
        return Verdict(len(parent), None, [])


def put(values: tuple[T, ...], at: int, value: T) -> tuple[T, ...]:
    return (*values[:at], value, *values[at + 1 :])


def go(w: World, i: int, **changes: object) -> World:
    return w._replace(workers=put(w.workers, i, w.workers[i]._replace(**changes)))  # type: ignore[arg-type]


def down(w: World, i: int) -> World:
    """A crash; and a run that ended, or a producer that was replaced, forgets as much."""
    return w._replace(workers=put(w.workers, i, DOWN))


def abort(w: World, i: int) -> World:
    return w._replace(txns=put(w.txns, i, None))


def bump(w: World, i: int) -> World:
    """The coordinator aborts a transaction that timed out, and bumps the epoch."""
    return w._replace(epochs=put(w.epochs, i, w.epochs[i] + 1))


def commit(w: World, i: int) -> World:
    """The coordinator commits a worker's transaction."""
    txn = w.txns[i]
    assert txn is not None
    outputs = tuple(n + (o in txn.outputs) for o, n in enumerate(w.outputs))
    return abort(w, i)._replace(outputs=outputs, committed=w.committed if txn.offset is None else txn.offset)


def canonical(w: World) -> World:
    """Epochs and generations matter only as current (0) or stale (-1); a stale EndTxn is always refused."""
    late = tuple(sorted((i, 0) for i, epoch in w.late if epoch == w.epochs[i]))
    workers = tuple(remembered(w, i, k) for i, k in enumerate(w.workers))
    return w._replace(late=late, workers=workers, epochs=(0, 0), generation=0)


def remembered(w: World, i: int, k: Worker) -> Worker:
    """What makes a difference of what a worker believes."""
    if k.step == "down":
        return DOWN
    epoch = 0 if k.epoch == w.epochs[i] else -1
    if k.step == "out":
        return Worker(step="out", epoch=epoch, doubt=k.doubt, attempt=k.attempt, owed=k.owed)
    return k._replace(epoch=epoch, generation=0 if k.generation == w.generation else -1)


def sorted_workers(w: World) -> World:
    """Nothing tells one worker from the other: of two worlds that differ in their names, always the same."""
    a, b = w.workers
    if a < b or (a == b and w.owner != 1):
        return w
    return exchanged(w)


def exchanged(w: World) -> World:
    """The two workers under each other's names."""
    other = {None: None, 0: 1, 1: 0}
    return w._replace(
        owner=other[w.owner],
        epochs=w.epochs[::-1],
        txns=w.txns[::-1],
        late=tuple(sorted((1 - i, epoch) for i, epoch in w.late)),
        places=tuple(place if place.owner is None else place._replace(owner=1 - place.owner) for place in w.places),
        workers=w.workers[::-1],
    )


def trace(parent: dict[World, tuple[World, str] | None], w: World) -> list[str]:
    names: list[str] = []
    while (step := parent[w]) is not None:
        w, name = step
        names.append(name)
    return names[::-1]


def main(arguments: list[str]) -> None:
    given = {name: value for name, _, value in (a.partition("=") for a in arguments) if value}
    kinds = tuple(Kind(kind) for kind in given.pop("kinds", "").split(",") if kind)
    numbers = {name: int(value) for name, value in given.items()}
    mistakes = frozenset(Mistake(a) for a in arguments if "=" not in a)
    verdict = Model(Size(**numbers, kinds=kinds), mistakes).explore()
    print(", ".join(mistakes) or "sound", "·", verdict.states, "states ·", verdict.violation or "holds")
    for line in verdict.trace:
        print("   ", line)


if __name__ == "__main__":
    main(sys.argv[1:])
