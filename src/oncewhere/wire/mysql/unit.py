"""One command that runs SQL: its statements and the answer to it go in, its messages come out.

The fields are those of a PostgreSQL unit, as far as the protocols have the same. In MySQL every statement of a command
is a transaction of its own unless one is open, so what came before an error may be committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from oncewhere.wire.message import JSON, Direction, Message
from oncewhere.wire.mysql.dialect import SET_AUTOCOMMIT
from oncewhere.wire.mysql.response import AUTOCOMMIT, IN_TRANSACTION, Form, Response
from oncewhere.wire.opacity import MAX_ENTRIES
from oncewhere.wire.sql.outcome import Outcome
from oncewhere.wire.sql.statement import Control, Effect, Statement
from oncewhere.wire.sql.transaction import Meaning, Transaction, strongest

SYSTEM: Final = "mysql"

_DOUBTFUL: Final = frozenset({1053, 1180, 1317, 1927, 1969, 3024, 4031})
"""Errors that end a COMMIT from outside: shutdown, error during commit, interrupted, killed, time is up."""


@dataclass(slots=True)
class Unit:
    """What is known of one command.

    Attributes:
        number: its sequence number on the connection.
        response: the answer to it, as it comes.
        form: which packets that answer has; None for a command without one.
        kind: `startup`, or empty where the meaning tells it.
        login: who logs in to what, or None.
        told: False for a command that runs nothing.
        statements: what it runs, in order.
        prepares: the statement that it prepares.
        meanings: of each statement, foreseen.
        unsettled: likewise, whether something written was open before it.
        effect: the strongest effect of them, and of what they settle.
        open_after: whether a transaction is foreseen to be open behind it.
        hold_reply: True while its reply is to be held until it is complete.
        results_before: results of the same answer that belong to the unit before.
        partial: True where some of the command or of the answer passed before its message.
    """

    number: int
    response: Response
    form: Form | None
    kind: str = ""
    login: dict[str, JSON] | None = None
    told: bool = False
    statements: Sequence[Statement] = ()
    prepares: Statement | None = None
    meanings: list[Meaning] = field(default_factory=list)
    unsettled: list[bool] = field(default_factory=list)
    effect: Effect = Effect.READS
    open_after: bool = False
    hold_reply: bool = False
    results_before: int = 0
    partial: bool = False

    @property
    def meaning(self) -> Meaning:
        """The strongest meaning of its statements."""
        return max(self.meanings, default=Meaning.QUERY)

    def foresee(self, transaction: Transaction) -> None:
        """Runs its statements in the transaction, each of them on the assumption that it succeeds."""
        self.meanings, self.unsettled = [], []
        for statement in self.statements:
            before = transaction.effect
            settles = statement.control is not Control.NONE
            self.effect = strongest(self.effect, statement.effect, before if settles else Effect.READS)
            meaning = transaction.run(statement)
            if not statement.copies_in:
                meaning = max(meaning, transaction.end_unit())
            self.meanings.append(meaning)
            self.unsettled.append(before is not Effect.READS)
        self.open_after = transaction.open

    def request(self) -> Message:
        """Tells the command."""
        fields = dict(self.login or {})
        if self.login is None:
            targets = list(dict.fromkeys(target for statement in self.statements for target in statement.targets))
            fields = {
                "verbs": [statement.verb for statement in self.statements[:MAX_ENTRIES]],
                "targets": targets[:MAX_ENTRIES],
                "effect": self.effect.value,
            }
            if len(self.statements) > MAX_ENTRIES:
                fields["verbs_left_out"] = len(self.statements) - MAX_ENTRIES
        if self.partial:
            fields["partial"] = True
        return self._message(Direction.REQUEST, fields)

    def reply(self, *, complete: bool = True) -> Message:
        """Tells its end; `complete` is False where the server is gone before."""
        status = self.response.status
        fields: dict[str, JSON] = {}
        if status is not None:
            fields["status"] = "in transaction" if status & IN_TRANSACTION else "idle"
        if self.response.affected:
            fields["affected"] = self.response.affected
        if self.partial or not complete:
            fields["partial"] = True
        fields |= self.response.error or {}
        if self.meaning.boundary:
            fields["outcome"] = self.outcome(complete=complete).value
        return self._message(Direction.REPLY, fields)

    def wants_file(self) -> Message:
        """Tells the request for a file (LOCAL INFILE), after which it may come."""
        return self._message(Direction.REPLY, {"outcome": Outcome.COPYING.value})

    def outcome(self, *, complete: bool) -> Outcome:
        """Says how it ended."""
        answer = self.response
        failed = answer.error is not None
        acknowledged = answer.results - self.results_before
        if len(self.statements) == 1:
            acknowledged = int(complete and not failed)  # of several results, as a CALL has them, the last counts
        for statement, meaning in zip(self.statements[:acknowledged], self.meanings, strict=False):
            if meaning is Meaning.COMMIT and statement.verb != SET_AUTOCOMMIT:
                return Outcome.COMMITTED
        if not complete:
            return Outcome.UNKNOWN
        if failed:
            return self._failure(acknowledged)
        status = answer.status or 0
        if status & IN_TRANSACTION or not status & AUTOCOMMIT:
            return Outcome.OPEN
        controls = [statement.control for statement in self.statements if statement.control is not Control.NONE]
        return Outcome.ROLLED_BACK if controls and controls[-1] is Control.ROLLBACK else Outcome.COMMITTED

    def _failure(self, acknowledged: int) -> Outcome:
        at = min(acknowledged, len(self.statements) - 1)
        statement = self.statements[at]
        errno = (self.response.error or {}).get("errno")
        if any(one.verb == "CALL" or one.effect is Effect.MAYBE for one in self.statements) and not self.open_after:
            return Outcome.UNKNOWN  # what a routine did before it failed may be committed
        if statement.control is Control.COMMIT:
            if statement.verb != "COMMIT" and self.unsettled[at]:
                return Outcome.UNKNOWN  # a definition commits what is open, and then fails
            if errno in _DOUBTFUL:
                return Outcome.UNKNOWN
        return Outcome.FAILED

    def _message(self, direction: Direction, fields: dict[str, JSON]) -> Message:
        meaning = self.meaning
        return Message(
            system=SYSTEM,
            kind=self.kind or meaning.kind,
            direction=direction,
            sequence=self.number,
            boundary=meaning.boundary,
            fields=fields,
            expects_reply=self.form is not None,
        )
