"""What undoes the effects of transactions that did not commit, explored exhaustively; see `ledger_model`.

A place of kind `COMPENSATE` has a journal of intents and a downstream. Of each record the latest attempt counts, since
a new one begins only when the one before it is undone:

    claims     what the journal says of it (`Intent`)
    attempts   its number; as current (0) or stale (-1) in what a worker remembers
    fates      what the downstream did of it: nothing, it stands, or it was undone (and never will stand again)
    undos      how often its undo was performed
    owner      whose token the journal has: the last worker that took the partition there
    effects    how many attempts stand

A worker that was given the partition (1) writes its token, and in the same transaction notes what it owes: intents at
or behind the committed offset; (2) proves, by a transaction that moves nothing, that the group still counts it as
the owner; (3) undoes what it owes, one after the other: claimed, performed, settled. Only then it handles records.

    proof      who takes the partition later has written nothing yet, so nothing of his is among what is owed; no
               transaction of an earlier owner can commit any more; and no zombie gets as far as to handle records
    claim      of an undo, by compare-and-set: two who owe the same cannot both perform it
    token      an intent of a zombie behind the successor's list would be nobody's

Run it by hand:  python compensation_model.py [keyed_undo=1] [rejects=1] [records=2] [mistake …]
"""

from __future__ import annotations

import sys
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from ledger_model import Claim, Kind, Mistake, Model, Place, Size, Worker, World, canonical, go, put

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING, STANDS, UNDONE = range(3)
FORGOTTEN = {"attempt": 0, "owed": ()}


class Intent(IntEnum):
    """What the journal says of a record's latest attempt."""

    NONE = 0
    CLAIMED = 1
    DONE = 2
    IN_DOUBT = Claim.IN_DOUBT
    UNDOING = 4
    UNDONE = 5


class Slip(StrEnum):
    """A mistake to plant in what compensates; the exploration must find each."""

    UNDO_UNPROVED = "undo-unproved"
    """An intent is undone on the word of a committed offset alone, by whoever was once given the partition."""
    LIST_LATE = "list-late"
    """What is to be undone is looked for only when the proof is there."""
    UNDO_REPEATED = "undo-repeated"
    """An undo that is found begun is done again, though nothing tells the second from the first."""
    SAME_ATTEMPT = "same-attempt"
    """What was undone is done again under the same key."""
    LATE_DO = "late-do"
    """The downstream does what was undone before it came."""
    NO_TOKEN = "no-token"
    """An intent is written without asking whose the partition is."""


OPEN = frozenset({Intent.CLAIMED, Intent.DONE, Intent.UNDOING})
Step = tuple[str, World | None]


class CompensationModel(Model):
    """The model with one place that compensates, the first one."""

    def __init__(self, size: Size, mistakes: frozenset[StrEnum] = frozenset()) -> None:
        super().__init__(size._replace(kinds=(Kind.COMPENSATE, *size.kinds)), mistakes)
        none = (0,) * size.records
        first = Place(0, 0, none, claims=none, attempts=none, fates=none, undos=none)
        self.start = self.start._replace(places=put(self.start.places, 0, first))

    # (1) the token, and what is owed; between reading the committed offset and being idle.

    def _standing(self, w: World, i: int, me: Worker, name: str) -> Iterator[Step]:
        for told, reached in super()._standing(w, i, me, name):
            if reached is None or reached.workers[i].step != "idle":
                yield told, reached
                continue
            owed = () if Slip.LIST_LATE in self.mistakes else _owed(w.places[0], me.position)
            taken = _with(reached, owner=i)
            yield f"{told}, owes {[offset for offset, _ in owed]}", go(taken, i, step="proving", owed=owed)

    # (2) the proof: a transaction whose offsets move nothing, so that it may stand here as one step.

    def _proving(self, w: World, i: int, me: Worker, name: str) -> Iterator[Step]:
        proved = me.epoch == w.epochs[i] and me.generation == w.generation
        if proved or Slip.UNDO_UNPROVED in self.mistakes:
            yield f"{name} proves that it is the owner", go(w, i, step="undoing", phase=0)
        else:
            yield f"{name} cannot prove that it is the owner: rewinds", self._out_again(w, i)

    # (3) the undoing.

    def _undoing(self, w: World, i: int, me: Worker, name: str) -> Iterator[Step]:
        if Slip.LIST_LATE in self.mistakes and not me.owed and me.phase == 0:
            late = _owed(w.places[0], me.position)
            yield f"{name} looks for what it owes", go(w, i, owed=late, step="undoing" if late else "idle")
            return
        if not me.owed:
            yield f"{name} owes nothing any more", go(w, i, step="idle", phase=0)
            return
        (offset, attempt), place = me.owed[0], w.places[0]
        found = Intent(place.claims[offset])
        mine = attempt == place.attempts[offset]
        if me.phase == 0:
            yield from self._claims_undo(w, i, me, name, found if mine else Intent.UNDONE)
        elif me.phase == 1:
            changed = self._undone_downstream(place, offset) if mine else place
            yield f"{name} undoes {offset}", go(_put(w, changed), i, phase=2)
            yield f"{name} undoes {offset} and gets no answer: rewinds", self._out_again(_put(w, changed), i)
            yield f"{name} reaches nobody to undo {offset}: rewinds", self._out_again(w, i)
        elif not mine or found is not Intent.UNDOING:
            yield f"{name} finds its undo of {offset} taken for a crash: rewinds", self._out_again(w, i)
        else:
            x = _with(w, claims=put(place.claims, offset, Intent.UNDONE))
            yield f"{name} notes that {offset} is undone", go(x, i, phase=0, owed=me.owed[1:])
            yield f"{name} notes that {offset} is undone, loses the answer: rewinds", self._out_again(x, i)

    def _claims_undo(self, w: World, i: int, me: Worker, name: str, found: Intent) -> Iterator[Step]:
        (offset, _), place = me.owed[0], w.places[0]
        if found in {Intent.CLAIMED, Intent.DONE}:
            x = _with(w, claims=put(place.claims, offset, Intent.UNDOING))
            yield f"{name} claims the undo of {offset}", go(x, i, phase=1)
            yield f"{name} claims the undo of {offset} and loses the answer: rewinds", self._out_again(x, i)
        elif found is Intent.UNDOING and (self.size.keyed_undo or Slip.UNDO_REPEATED in self.mistakes):
            yield f"{name} takes the undo of {offset} on", go(w, i, phase=1)
        elif found is Intent.UNDOING:
            x = _with(w, claims=put(place.claims, offset, Intent.IN_DOUBT))
            yield f"{name} leaves the undo of {offset} in doubt", go(x, i, owed=me.owed[1:])
        else:
            yield f"{name} finds {offset} undone by another", go(w, i, owed=me.owed[1:])

    def _undone_downstream(self, place: Place, offset: int) -> Place:
        fate = place.fates[offset]
        again = fate == UNDONE and self.size.keyed_undo
        return place._replace(
            effects=put(place.effects, offset, place.effects[offset] - (fate == STANDS)),
            fates=put(place.fates, offset, UNDONE),
            undos=put(place.undos, offset, place.undos[offset] + (not again)),
        )

    # A record: an intent, the effect, and the intent is settled; each by itself.

    def _at_compensate(self, w: World, i: int, me: Worker, name: str) -> Iterator[Step]:
        offset, place = me.position, w.places[0]
        found, mine = Intent(place.claims[offset]), me.attempt == place.attempts[offset]
        if me.phase == 0:
            yield from self._intends(w, i, me, name, found)
        elif me.phase == 1:
            yield from self._does(w, i, me, name, mine=mine)
        elif not mine or found is not Intent.CLAIMED:
            yield f"{name} finds its intent on {offset} undone: rewinds", self._out_again(w, i)
        else:
            x = _with(w, claims=put(place.claims, offset, Intent.DONE))
            yield f"{name} settles {offset}", go(x, i, decided=me.decided + 1, phase=0)
            yield f"{name} settles {offset} and loses the answer: rewinds", self._out_again(x, i)

    def _intends(self, w: World, i: int, me: Worker, name: str, found: Intent) -> Iterator[Step]:
        offset, place = me.position, w.places[0]
        if self.size.rejects:
            yield f"{name} rejects {offset}", go(w, i, decided=me.decided + 1, silent=True)
        if found is Intent.IN_DOUBT:
            yield f"{name} passes {offset} in doubt", go(w, i, decided=me.decided + 1, silent=True)
        elif found in OPEN or (place.owner != i and Slip.NO_TOKEN not in self.mistakes):
            yield f"{name} may not intend {offset}: rewinds", self._out_again(w, i)
        else:
            same = Slip.SAME_ATTEMPT in self.mistakes and found is Intent.UNDONE
            number = place.attempts[offset] + (not same)
            changed = place._replace(
                claims=put(place.claims, offset, Intent.CLAIMED), attempts=put(place.attempts, offset, number)
            )
            if not same:
                changed = changed._replace(fates=put(place.fates, offset, NOTHING), undos=put(place.undos, offset, 0))
            x = _put(w, changed)
            yield f"{name} intends {offset}", go(x, i, phase=1, attempt=number)
            yield f"{name} intends {offset} and loses the answer: rewinds", self._out_again(x, i)

    def _does(self, w: World, i: int, me: Worker, name: str, *, mine: bool) -> Iterator[Step]:
        offset, place = me.position, w.places[0]
        fate = place.fates[offset] if mine else UNDONE  # an attempt is followed by another only when it is undone
        if fate == UNDONE and Slip.SAME_ATTEMPT in self.mistakes:
            yield f"{name} gets the old answer for {offset}", go(w, i, phase=2)
            return
        if fate == UNDONE and Slip.LATE_DO not in self.mistakes:
            yield f"{name} is told that {offset} was undone: rewinds", self._out_again(w, i)
            return
        changed = place._replace(effects=put(place.effects, offset, place.effects[offset] + (fate != STANDS)))
        if mine:
            changed = changed._replace(fates=put(place.fates, offset, STANDS))
        yield f"{name} does {offset}", go(_put(w, changed), i, phase=2)
        yield f"{name} does {offset} and gets no answer: rewinds", self._out_again(_put(w, changed), i)
        yield f"{name} reaches nobody for {offset}: rewinds", self._out_again(w, i)

    def _out_again(self, w: World, i: int) -> World:
        return go(w, i, step="out", **FORGOTTEN)

    def violation(self, w: World) -> str | None:
        """What is wrong with a state."""
        if max(w.places[0].undos) > 1:
            return "undone twice"
        return super().violation(w)

    def complete(self, w: World, offset: int) -> bool:
        """An effect stands where there is an output, and only there; a rejected record has neither."""
        output = w.outputs[offset]
        return (output == 1 or self.size.rejects) and all(place.effects[offset] == output for place in w.places)

    def canonical(self, w: World) -> World:
        """Attempts matter as current (0) or stale (-1); and what nobody remembers, not at all."""
        w = canonical(w)
        numbers = w.places[0].attempts
        workers = tuple(
            k._replace(
                attempt=(0 if k.attempt == numbers[k.position] else -1) if k.step == "taken" and k.phase else 0,
                owed=() if k.step == "out" else tuple((o, 0 if n == numbers[o] else -1) for o, n in k.owed),
            )
            for k in w.workers
        )
        return _with(w._replace(workers=workers), attempts=(0,) * len(numbers))


def _owed(place: Place, committed: int) -> tuple[tuple[int, int], ...]:
    return tuple(
        (offset, place.attempts[offset])
        for offset, claim in enumerate(place.claims)
        if offset >= committed and Intent(claim) in OPEN
    )


def _put(w: World, place: Place) -> World:
    return w._replace(places=put(w.places, 0, place))


def _with(w: World, **changes: object) -> World:
    return _put(w, w.places[0]._replace(**changes))  # type: ignore[arg-type]


def main(arguments: list[str]) -> None:
    given = {name: int(value) for name, _, value in (a.partition("=") for a in arguments) if value}
    mistakes = frozenset((Slip if a in set(Slip) else Mistake)(a) for a in arguments if "=" not in a)
    verdict = CompensationModel(SIZE._replace(**given), mistakes).explore()  # type: ignore[arg-type]
    print(", ".join(mistakes) or "sound", "·", verdict.states, "states ·", verdict.violation or "holds")
    for line in verdict.trace:
        print("   ", line)


SIZE = Size(records=2, max_batch=1, places=1, crashes=1, moves=2)

if __name__ == "__main__":
    main(sys.argv[1:])
