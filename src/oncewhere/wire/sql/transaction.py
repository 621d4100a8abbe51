"""Foresees the transaction: statements go in as they are sent; what they mean to the transaction comes out.

With pipelining the next unit is sent before the reply to the last one has told the transaction's status. So the status
is predicted from what was sent, on the assumption that it succeeds, and corrected by each answer that tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from oncewhere.wire.sql.statements import Control, Effect, Statement


class Meaning(IntEnum):
    """What a unit means to the guarantee; of several meanings in one unit the highest counts."""

    QUERY = 0
    BEGIN = 1
    ROLLBACK = 2
    WRITE = 3
    COMMIT = 4

    @property
    def kind(self) -> str:
        """The message's kind."""
        return self.name.lower()

    @property
    def boundary(self) -> bool:
        """True for writes and for what makes them durable."""
        return self >= Meaning.WRITE


@dataclass(slots=True)
class Transaction:
    """The transaction of one connection once everything that was sent has run.

    Attributes:
        open: a transaction block is open (BEGIN was seen).
        effect: the strongest effect that is not settled yet; without a block it is settled at the end of the unit.
        autocommit: False where there is always a transaction, whether a block was opened or not (MySQL).
        begin_commits: True where opening a block commits what is open (MySQL); else it joins the block.
    """

    open: bool = False
    effect: Effect = Effect.READS
    autocommit: bool = True
    begin_commits: bool = False

    @property
    def holds(self) -> bool:
        """True where what is written now counts only once it is committed."""
        return self.open or not self.autocommit

    def run(self, statement: Statement) -> Meaning:
        """Takes a statement; returns what it means here."""
        self.effect = strongest(self.effect, statement.effect)
        match statement.control:
            case Control.BEGIN if self.begin_commits:
                return max(Meaning.BEGIN, self._settle(Meaning.COMMIT, chain=True))
            case Control.BEGIN:
                self.open = True  # what the same unit wrote before it joins the block
                return Meaning.BEGIN
            case Control.AUTOCOMMIT_ON if self.autocommit:
                return Meaning.QUERY  # it commits only where it changes anything
            case Control.AUTOCOMMIT_ON:
                self.autocommit = True
                return self._settle(Meaning.COMMIT, chain=False)
            case Control.AUTOCOMMIT_OFF:
                self.autocommit = False
                return Meaning.QUERY
            case Control.COMMIT:
                return self._settle(Meaning.COMMIT, chain=statement.chain)
            case Control.ROLLBACK:
                return self._settle(Meaning.ROLLBACK, chain=statement.chain)
            case Control.NONE:
                return Meaning.QUERY if statement.effect is Effect.READS else Meaning.WRITE

    def end_unit(self) -> Meaning:
        """Takes the end of a unit; without an open block that is a commit of what the unit wrote."""
        return Meaning.QUERY if self.holds else self._settle(Meaning.COMMIT, chain=False)

    def _settle(self, meaning: Meaning, *, chain: bool) -> Meaning:
        written = self.effect is not Effect.READS
        self.open = chain
        self.effect = Effect.READS
        return meaning if written or meaning is not Meaning.COMMIT else Meaning.QUERY


_ORDER: Final = tuple(Effect)


def strongest(*effects: Effect) -> Effect:
    """Returns the effect that counts when several statements ran."""
    return max(effects, key=_ORDER.index)
