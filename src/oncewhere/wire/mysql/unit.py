"""A command that runs SQL, and its answer: what was sent and what was answered go in, its messages come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from oncewhere.wire.message import JSON, Direction, Message
from oncewhere.wire.mysql.answers import AUTOCOMMIT, DEADLOCK, IN_TRANSACTION, Answer
from oncewhere.wire.sql.outcome import Outcome
from oncewhere.wire.sql.statements import Control, Effect, Statement
from oncewhere.wire.sql.transaction import Meaning, Transaction, strongest

SYSTEM: Final = "mysql"
MAX_ENTRIES: Final = 32
"""Entries of a list that are kept in a message."""

Fields = dict[str, JSON]


@dataclass(slots=True)
class Unit:
    """A command that the server answers.

    Attributes:
        number: its sequence number on the connection.
        answer: as far as it has come.
        before: the transaction as it was foreseen before the command.
        statements: what it runs, in order.
        prepares: what it prepares.
        kind: `startup`, or empty where the meaning tells it.
        meaning: the strongest meaning of its statements.
        effect: what they write, or make durable.
        told: whether it has messages.
        hold_reply: True while its reply is to be held until it is complete.
        partial: True where some of it, or of its answer, could not be held.
    """

    number: int
    answer: Answer
    before: Transaction
    statements: Sequence[Statement] = ()
    prepares: Statement | None = None
    kind: str = ""
    meaning: Meaning = Meaning.QUERY
    effect: Effect = Effect.READS
    told: bool = False
    hold_reply: bool = False
    partial: bool = False
    fields: Fields = field(default_factory=dict)

    def run(self) -> Transaction:
        """Foresees what the command does to the transaction, if all of it succeeds; returns what is open behind it."""
        after = replace(self.before)
        meanings, effects = [Meaning.QUERY], [Effect.READS]
        for statement in self.statements:
            settled = after.effect if statement.control is not Control.NONE else Effect.READS
            effects += settled, statement.effect
            meanings.append(_run(after, statement))
        self.meaning, self.effect = max(meanings), strongest(*effects)
        return after

    def after(self, foreseen: Transaction) -> Transaction:
        """What is open behind the command, now that it is answered; the server's word counts."""
        status, error = self.answer.status, self.answer.error
        if error is not None:
            found, _ = self._ran()
            return Transaction(autocommit=found.autocommit, begin_commits=True) if error.number == DEADLOCK else found
        if status is None:
            return foreseen
        autocommit = bool(status & AUTOCOMMIT)
        is_open = bool(status & IN_TRANSACTION) and autocommit
        if (foreseen.autocommit, foreseen.open and autocommit) == (autocommit, is_open):
            return foreseen
        return Transaction(open=is_open, autocommit=autocommit, begin_commits=True)

    def request(self) -> Message:
        """Tells the command."""
        fields: Fields = self.fields or {
            "verbs": [statement.verb for statement in self.statements[:MAX_ENTRIES]],
            "targets": list(dict.fromkeys(t for s in self.statements for t in s.targets))[:MAX_ENTRIES],
            "effect": self.effect.value,
        }
        if len(self.statements) > MAX_ENTRIES:
            fields["verbs_left_out"] = len(self.statements) - MAX_ENTRIES
        if self.partial:
            fields["partial"] = True
        return self._message(Direction.REQUEST, fields)

    def reply(self, *, complete: bool) -> Message:
        """Tells the answer; one that is not complete will never be."""
        answer = self.answer
        fields: Fields = {}
        if answer.status is not None:
            fields["in_transaction"] = bool(answer.status & IN_TRANSACTION)
        if answer.error:
            fields |= answer.error.fields()
        if self.partial or not complete:
            fields["partial"] = True
        if self.meaning.boundary:
            fields["outcome"] = (self._outcome() if complete else Outcome.UNKNOWN).value
        return self._message(Direction.REPLY, fields)

    def _outcome(self) -> Outcome:
        answer = self.answer
        if answer.wants_file:
            return Outcome.COPYING
        _, committed = self._ran()
        if committed:
            return Outcome.COMMITTED  # whatever failed behind it
        if answer.error is None:
            return Outcome.OPEN if (answer.status or 0) & IN_TRANSACTION else Outcome.COMMITTED
        return Outcome.UNKNOWN if answer.results >= self._first_inside() else Outcome.FAILED

    def _ran(self) -> tuple[Transaction, bool]:
        """Runs again what has succeeded; returns what is open behind it, and whether it made anything durable."""
        after, committed = replace(self.before), False
        ran = self.statements
        if self.answer.error is not None:
            ran = self.statements[: min(self.answer.results, self._first_inside())]
        for statement in ran:
            committed = _run(after, statement) is Meaning.COMMIT or committed
        return after, committed

    def _first_inside(self) -> int:
        """Where a procedure is called: it has any number of results, and what it did before it failed may stay."""
        inside = (at for at, s in enumerate(self.statements) if s.verb == "CALL" or s.effect is Effect.MAYBE)
        return next(inside, len(self.statements))

    def _message(self, direction: Direction, fields: Fields) -> Message:
        return Message(
            system=SYSTEM,
            kind=self.kind or self.meaning.kind,
            direction=direction,
            sequence=self.number,
            boundary=self.meaning.boundary,
            fields=fields,
        )


def _run(transaction: Transaction, statement: Statement) -> Meaning:
    """Each statement is a unit of its own: without a transaction it commits by itself."""
    meaning = transaction.run(statement)
    return max(meaning, transaction.end_unit())
