"""A command that runs SQL, and its answer: what was sent and what was answered go in, its messages come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from oncewhere.wire.message import JSON, Direction, Message
from oncewhere.wire.mysql.answers import AUTOCOMMIT, DEADLOCK, IN_TRANSACTION, Answer, Refusal
from oncewhere.wire.sql.outcome import Outcome
from oncewhere.wire.sql.statements import UNKNOWN, Control, Effect, Statement
from oncewhere.wire.sql.transaction import Meaning, Transaction, strongest

SYSTEM: Final = "mysql"
MAX_ENTRIES: Final = 32
"""Entries of a list that are kept in a message."""

_ENDING: Final = frozenset({"COMMIT", "ROLLBACK", "XA COMMIT", "XA PREPARE", "XA ROLLBACK"})
"""They end the transaction in any case: one that is open behind them is another (`completion_type`), or prepared."""

_PROCEDURES: Final = frozenset({"BEGIN NOT ATOMIC", "CALL", "EXECUTE", UNKNOWN.verb})
"""They may leave a transaction open, and what they wrote before an error in it; an error tells no status."""

_RAISED_BEHIND_THE_COMMIT: Final = frozenset(
    {1007, 1008, 1049, 1050, 1051, 1060, 1061, 1062, 1072, 1091, 1146, 1304, 1305}
)
"""Errors of a definition that runs: a thing exists, or does not. The parser's errors come before that commit."""

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
            held = after.effect
            meanings.append(_run(after, statement))
            settled = held if after.effect is Effect.READS else Effect.READS
            effects += settled, statement.effect
        self.meaning, self.effect = max(meanings), strongest(*effects)
        return after

    def after(self) -> Transaction:
        """What is open behind the command, now that it is answered; the server's word counts."""
        status, error = self.answer.status, self.answer.error
        found, _ = self._end()
        if error is not None:
            return Transaction(autocommit=found.autocommit, begin_commits=True) if error.number == DEADLOCK else found
        if status is None:
            return found
        autocommit = bool(status & AUTOCOMMIT)
        in_transaction = bool(status & IN_TRANSACTION)
        is_open = in_transaction and autocommit
        if (found.autocommit, found.open and autocommit) == (autocommit, is_open):
            return found
        effect = found.effect if in_transaction else Effect.READS
        return Transaction(open=is_open, effect=effect, autocommit=autocommit, begin_commits=True)

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
        return Outcome.COPYING if self.answer.wants_file else self._end()[1]

    def _end(self) -> tuple[Transaction, Outcome]:
        """Runs again what has succeeded; returns what is open behind it, and what became of what was written."""
        ran = self.statements
        if self.answer.error is not None:
            ran = self.statements[: min(self.answer.results, self._first_inside())]
        after, committed = _run_all(self.before, ran)
        if self.answer.error is not None:
            found, outcome = self._failure(self.answer.error, ran, after)
            return found, Outcome.COMMITTED if committed else outcome  # whatever failed behind it
        if self._goes_on(after):
            return self._continuation(after, committed=committed)
        is_open = bool((self.answer.status or 0) & IN_TRANSACTION)
        return after, Outcome.OPEN if is_open and not committed else Outcome.COMMITTED

    def _failure(self, error: Refusal, ran: Sequence[Statement], after: Transaction) -> tuple[Transaction, Outcome]:
        """A definition has committed what was open before it failed; a procedure may have left anything behind."""
        failed = self.statements[len(ran)] if len(ran) < len(self.statements) else None
        implies = failed is not None and failed.control is Control.COMMIT and failed.verb not in _ENDING
        if implies and after.effect is not Effect.READS:
            if error.number in _RAISED_BEHIND_THE_COMMIT:
                return Transaction(autocommit=after.autocommit, begin_commits=True), Outcome.COMMITTED
            return after, Outcome.UNKNOWN
        if self.answer.results < (inside := self._first_inside()):
            return after, Outcome.FAILED
        if any(statement.verb in _PROCEDURES for statement in self.statements[inside:]):
            after.open = after.open or after.autocommit
            after.effect = strongest(after.effect, Effect.MAYBE)
        return after, Outcome.UNKNOWN

    def _goes_on(self, after: Transaction) -> bool:
        """Says whether the status denies the commit that was foreseen: a transaction is open that nothing began anew.

        Without autocommit a statement that commits may begin the next transaction by itself (LOCK TABLES does); UNLOCK
        TABLES does not, and commits only where tables were locked.
        """
        if not (self.statements and (self.answer.status or 0) & IN_TRANSACTION) or after.open:
            return False
        last = self.statements[-1].verb
        return last not in _ENDING and (after.autocommit or last == "UNLOCK")

    def _continuation(self, after: Transaction, *, committed: bool) -> tuple[Transaction, Outcome]:
        """What is written and not settled, at most, is all since the last COMMIT or ROLLBACK."""
        ended = max((at + 1 for at, statement in enumerate(self.statements) if statement.verb in _ENDING), default=0)
        earlier, durable = _run_all(self.before, self.statements[:ended])
        effect = strongest(earlier.effect, *(statement.effect for statement in self.statements[ended:]))
        found = replace(after, open=after.autocommit, effect=effect)
        if durable:
            return found, Outcome.COMMITTED
        return found, Outcome.UNKNOWN if committed and len(self.statements) > 1 else Outcome.OPEN

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


def _run_all(before: Transaction, statements: Sequence[Statement]) -> tuple[Transaction, bool]:
    """Returns what is open behind the statements, and whether they made anything durable."""
    after, committed = replace(before), False
    for statement in statements:
        committed = _run(after, statement) is Meaning.COMMIT or committed
    return after, committed


def _run(transaction: Transaction, statement: Statement) -> Meaning:
    """Each statement is a unit of its own: without a transaction it commits by itself."""
    meaning = transaction.run(statement)
    return max(meaning, transaction.end_unit())
