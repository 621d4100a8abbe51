"""Places in one file of SQLite: what would wait for itself, and is refused before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oncewhere import (
    AtMostOnce,
    Attempt,
    Compensate,
    ConfigurationError,
    Function,
    IdempotencyKey,
    OffsetLedger,
    Outbox,
    Processor,
    Record,
    Sqlite,
    Transaction,
    effect,
)
from oncewhere.effects.place import Batch, Call, Span, Start, UndecidedError
from oncewhere.records import Partition

if TYPE_CHECKING:
    from pathlib import Path

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.policy import Policy

PARTITION = Partition("payments", 0, "id-1")


def bank_of(path: Path, name: str = "bank") -> Sqlite:
    return Sqlite(path, name=name, policy=OffsetLedger(), busy_timeout_ms=50)


def calling(policy: Policy, name: str = "gateway") -> Effect[..., str]:
    def take_back(key: str, attempt: Attempt[str], event: str) -> None: ...

    @effect(Function(name, policy=policy), undo=take_back if isinstance(policy, Compensate) else None)
    def charge(key: str, event: str) -> str:
        return key

    return charge


def writing(place: Sqlite) -> Effect[..., None]:
    @effect(place, name=f"at_{place.name}")
    def settle(db: Any) -> None:
        db.execute("create table if not exists done (n integer)")

    return settle


def checked(*effects: Effect[..., Any]) -> None:
    """Declares a processor with these effects, and has it checked as a run would."""
    app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id="t-0")

    @app.consume("in", str, identity=lambda record: str(record.offset), effects=list(effects))
    def handle(record: Record[str], tx: Transaction) -> None: ...

    app._uses()


@pytest.mark.parametrize("called", ["a-gateway", "gateway"])
@pytest.mark.parametrize("kind", ["claims", "answers"])
def test_a_journal_in_the_file_of_a_batch_waits_for_that_batch(tmp_path: Path, kind: str, called: str) -> None:
    """Why it is refused: nothing but the end of the batch would end the wait, and the batch cannot end before it.

    A journal of answers waits too, whoever of the two decides first: it is asked before each call.
    """
    bank = bank_of(tmp_path / "bank.db")
    policy = AtMostOnce(claims=bank) if kind == "claims" else IdempotencyKey(answers=bank)
    settle, charge = writing(bank), calling(policy, called)
    opened, gateway = bank.open("g"), charge.place.open("g")
    opened.assigned({PARTITION: Start(0, committed=False)})
    batch = Batch([Span(PARTITION, 0, 1)], ["e0"])
    work = opened.begin(batch)
    work.run(Call(settle, PARTITION, 0, 0, "e0"), (), {})
    with pytest.raises(UndecidedError, match="locked"):
        gateway.begin(batch).run(Call(charge, PARTITION, 0, 0, "e0"), ("e0",), {})
    work.abandon()
    gateway.close()
    opened.close()


@pytest.mark.parametrize("kind", ["claims", "answers", "journal"])
def test_a_journal_in_the_file_of_a_place_is_refused_with_what_to_write(tmp_path: Path, kind: str) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "bank.db")
    bank, again = bank_of(tmp_path / "bank.db"), bank_of(tmp_path / "link.db", "calls")
    for journal in (bank, again):
        policies: dict[str, Policy] = {
            "claims": AtMostOnce(claims=journal),
            "answers": IdempotencyKey(answers=journal),
            "journal": Compensate(journal=journal),
        }
        with pytest.raises(
            ConfigurationError, match=r"'gateway'.* file of place 'bank', .*Sqlite\('gateway-calls\.db'"
        ):
            checked(writing(bank), calling(policies[kind]))


def test_two_places_in_one_file_are_refused_and_what_nobody_holds_is_not(tmp_path: Path) -> None:
    bank, audit, calls = (bank_of(tmp_path / name, name) for name in ("bank", "audit", "calls"))
    with pytest.raises(ConfigurationError, match="'bank' and 'audit' are in one file"):
        checked(writing(bank), writing(bank_of(tmp_path / "bank", "audit")))
    checked(writing(bank), writing(audit), calling(AtMostOnce(claims=calls)))
    checked(calling(AtMostOnce(claims=bank)))  # each of its steps is a commit of its own
    letters = Outbox("letters", then=AtMostOnce(claims=bank), answers="answers")
    checked(writing(bank), calling(letters))  # another processor claims
