"""Effects that are undone where their Kafka transaction did not commit: the journal in every SQL system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from systems import SYSTEMS, Database, new_database

from oncewhere import (
    Attempt,
    Compensate,
    ConfigurationError,
    EffectInDoubt,
    Function,
    LedgerRefusedError,
    NotDone,
    OffsetLedger,
    OutcomeUnknown,
    effect,
)
from oncewhere.effects.place import Batch, Call, Span, Start, UndecidedError
from oncewhere.effects.repetition import Limits
from oncewhere.records import Partition

if TYPE_CHECKING:
    from pathlib import Path

PARTITION = Partition("payments", 0, "id-1")
BRIEF = Limits(max_attempts=2, first_pause_s=0.001)


class Hotel:
    """A downstream that is asked to reserve, and cancels by key; a cancelled key is never reserved again.

    Attributes:
        rooms: by key, for whom; None where it is cancelled.
        script: what goes wrong with the next calls; None for nothing.
        cancelled: what the undos were told: the attempt's key, its result, the argument, and the undo's own key.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, str | None] = {}
        self.script: list[Exception | None] = []
        self.cancelled: list[tuple[str, str | None, str, str]] = []

    def reserve(self, key: str, guest: str) -> str:
        fault = self.script.pop(0) if self.script else None
        if isinstance(fault, NotDone):
            raise fault
        if key in self.rooms and self.rooms[key] is None:
            raise NotDone("it is cancelled", permanent=True)
        self.rooms[key] = guest
        if fault is not None:
            raise fault
        return f"room for {guest}"

    def cancel(self, key: str, attempt: Attempt[str], guest: str) -> None:
        fault = self.script.pop(0) if self.script else None
        if isinstance(fault, NotDone):
            raise fault
        self.cancelled.append((attempt.key, attempt.result, guest, key))
        self.rooms[attempt.key] = None
        if fault is not None:
            raise fault

    @property
    def guests(self) -> list[str]:
        return sorted(guest for guest in self.rooms.values() if guest is not None)


class Life:
    """One life of a processor at the place, from its assignment on."""

    def __init__(self, db: Database, hotel: Hotel, *, keyed: bool = False) -> None:
        journal: Any = db.place(OffsetLedger(), name="journal")
        place = Function("hotel", policy=Compensate(journal=journal, keyed_undo=keyed), limits=BRIEF)

        def reserve(key: str, guest: str) -> str:
            return hotel.reserve(key, guest)

        def cancel(key: str, attempt: Attempt[str], guest: str) -> None:
            hotel.cancel(key, attempt, guest)

        self.place = place
        self.reserve = effect(place, undo=cancel)(reserve)
        self.opened: Any = place.open("g")

    def stand(self, committed: int | None = None) -> tuple[int, int]:
        """Takes the partition, and undoes what it owes of it."""
        self.opened.assigned({PARTITION: Start(committed or 0, committed=committed is not None)})
        undone: tuple[int, int] = self.opened.undo()
        return undone

    def work(self, offset: int, guest: str) -> Any:
        work = self.opened.begin(Batch([Span(PARTITION, offset, offset + 1)]))
        assert work.run(Call(self.reserve, PARTITION, offset, 0, None), (guest,), {}) == f"room for {guest}"
        work.decide()
        return work

    def end(self) -> None:
        self.opened.close()


@pytest.fixture
def hotel() -> Hotel:
    return Hotel()


@pytest.mark.servers
@pytest.mark.parametrize("system", SYSTEMS)
def test_what_did_not_commit_is_undone_once_and_done_again_with_another_key(
    request: pytest.FixtureRequest, tmp_path: Path, hotel: Hotel, system: str
) -> None:
    db = new_database(request, system, tmp_path)
    first = Life(db, hotel)
    assert first.stand() == (0, 0)
    first.work(0, "ada").confirmed()
    first.work(1, "bob")
    first.end()  # a crash: Kafka committed offset 1

    second = Life(db, hotel)
    assert second.stand(1) == (1, 0)
    assert hotel.guests == ["ada"]
    assert second.stand(1) == (0, 0), "what is undone is owed no more"
    second.work(1, "bob").confirmed()
    assert hotel.guests == ["ada", "bob"]
    assert len(hotel.rooms) == 3, "the second attempt has a key of its own"
    ((key, result, guest, own),) = hotel.cancelled
    assert (result, guest) == ("room for bob", "bob")
    assert key in hotel.rooms
    assert own not in hotel.rooms
    second.end()
    assert db.run("select count(*) from oncewhere_intents") == [(0,)], "what is committed is forgotten"
    assert db.run("select confirmed from oncewhere_owners") == [(2,)]


def test_a_crash_after_the_commit_undoes_nothing(sqlite: Database, hotel: Hotel) -> None:
    first = Life(sqlite, hotel)
    first.stand()
    first.work(0, "ada")
    first.end()  # a crash: Kafka committed, and nobody was told
    assert Life(sqlite, hotel).stand(1) == (0, 0)
    assert hotel.guests == ["ada"]
    assert sqlite.run("select count(*) from oncewhere_intents") == [(0,)]


def test_an_attempt_of_unknown_outcome_is_undone_and_made_anew(sqlite: Database, hotel: Hotel) -> None:
    life = Life(sqlite, hotel)
    life.stand()
    hotel.script = [OutcomeUnknown("no answer")]
    with pytest.raises(UndecidedError, match="no answer") as lost:
        life.work(0, "ada")
    assert lost.value.unknown
    assert life.stand() == (1, 0)
    assert hotel.cancelled[0][1] is None, "nobody knows what it returned"
    life.work(0, "ada")
    assert hotel.guests == ["ada"]


@pytest.mark.parametrize("keyed", [False, True])
def test_an_undo_that_a_crash_interrupted(sqlite: Database, hotel: Hotel, keyed: bool) -> None:
    life = Life(sqlite, hotel, keyed=keyed)
    life.stand()
    life.work(0, "ada")
    life.end()
    sqlite.run("update oncewhere_intents set state = 'undoing'")
    again = Life(sqlite, hotel, keyed=keyed)
    if keyed:
        assert again.stand() == (1, 0)
        again.work(0, "ada")
        assert hotel.guests == ["ada"]
        return
    assert again.stand() == (0, 1)
    assert hotel.cancelled == []
    with pytest.raises(EffectInDoubt) as doubt:
        again.work(0, "ada")
    ((entry),) = again.opened.intents.in_doubt()
    assert (entry.key, entry.place, entry.effect, entry.offset) == (doubt.value.key, "hotel", "reserve", 0)
    assert again.opened.intents.review(entry.key)
    assert again.opened.intents.in_doubt() == []
    with pytest.raises(EffectInDoubt):
        again.work(0, "ada")


@pytest.mark.parametrize(
    ("fault", "keyed", "state"),
    [
        (NotDone("nobody there"), False, "done"),
        (OutcomeUnknown("no answer"), False, "in-doubt"),
        (OutcomeUnknown("no answer"), True, "undoing"),
        (ValueError("a room that was slept in"), True, "in-doubt"),
    ],
    ids=["not done", "unknown", "unknown, with a key", "refused"],
)
def test_an_undo_that_does_not_succeed(
    sqlite: Database, hotel: Hotel, fault: Exception, keyed: bool, state: str
) -> None:
    life = Life(sqlite, hotel, keyed=keyed)
    life.stand()
    life.work(0, "ada")
    hotel.script = [fault, fault]
    if state == "in-doubt":
        assert life.stand() == (0, 1)
    else:
        with pytest.raises(UndecidedError):
            life.stand()
    assert sqlite.run("select state from oncewhere_intents") == [(state,)]
    hotel.script = []
    assert life.stand() == ((0, 0) if state == "in-doubt" else (1, 0))
    assert len({own for *_, own in hotel.cancelled}) <= 1, "each undo of an attempt has the same key"


def test_a_zombie_writes_no_intent_once_its_successor_has_taken_the_partition(sqlite: Database, hotel: Hotel) -> None:
    zombie, successor = Life(sqlite, hotel), Life(sqlite, hotel)
    zombie.stand()
    successor.stand()
    with pytest.raises(UndecidedError, match="has taken the partition"):
        zombie.work(0, "ada")
    assert hotel.rooms == {}
    successor.work(0, "ada").confirmed()
    assert hotel.guests == ["ada"]


def test_of_two_who_owe_the_same_undo_one_performs_it(sqlite: Database, hotel: Hotel) -> None:
    first = Life(sqlite, hotel)
    first.stand()
    first.work(0, "ada")
    zombie, successor = Life(sqlite, hotel), Life(sqlite, hotel)
    zombie.opened.assigned({PARTITION: Start(0, committed=True)})
    assert successor.stand(0) == (1, 0)
    successor.work(0, "ada")
    assert zombie.opened.undo() == (0, 0)
    assert hotel.guests == ["ada"]
    assert len(hotel.cancelled) == 1


def test_a_late_effect_finds_its_intent_undone(sqlite: Database, hotel: Hotel) -> None:
    zombie, successor = Life(sqlite, hotel), Life(sqlite, hotel)
    zombie.stand()
    reserve = hotel.reserve

    def late(key: str, guest: str) -> str:
        assert successor.stand() == (1, 0)
        return reserve(key, guest)

    hotel.reserve = late  # type: ignore[method-assign]
    with pytest.raises(NotDone, match="cancelled"):
        zombie.work(0, "ada")
    assert hotel.guests == []


@pytest.mark.parametrize("committed", [1, None])
def test_a_group_that_was_moved_back_is_refused(sqlite: Database, hotel: Hotel, committed: int | None) -> None:
    life = Life(sqlite, hotel)
    life.stand()
    for offset in range(2):
        life.work(offset, "ada").confirmed()
    with pytest.raises(LedgerRefusedError, match="had committed 2"):
        life.stand(committed)
    assert hotel.cancelled == []


def test_what_is_owed_under_a_name_that_is_gone_ends_the_run(sqlite: Database, hotel: Hotel) -> None:
    life = Life(sqlite, hotel)
    life.stand()
    life.work(0, "ada")
    life.place.effects.clear()
    with pytest.raises(ConfigurationError, match="'reserve'"):
        life.stand()


def test_an_undo_goes_with_the_policy_and_the_policy_with_an_undo(sqlite: Database) -> None:
    bank: Any = sqlite.place(OffsetLedger())
    place = Function("hotel", policy=Compensate(journal=bank))

    def reserve(key: str, guest: str) -> str:
        return key + guest

    def unnamed(key: str, guest) -> str:  # type: ignore[no-untyped-def]
        return key + str(guest)

    with pytest.raises(ConfigurationError, match="undo"):
        effect(place)(reserve)
    with pytest.raises(ConfigurationError, match="undo"):
        effect(bank, undo=reserve)(reserve)
    with pytest.raises(ConfigurationError, match="cannot be written down"):
        effect(place, undo=reserve)(unnamed)
    with pytest.raises(ConfigurationError, match="no SQL place"):
        Function("hotel", policy=Compensate(journal=place))  # type: ignore[arg-type]
