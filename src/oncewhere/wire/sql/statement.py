"""What one SQL statement means, as data; `classify` makes it from a text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Effect(StrEnum):
    """Whether a statement changes what others will see.

    `MAYBE` is for what the text does not tell: a SELECT that calls a function, the execution of a statement that was
    never seen being prepared. A unit that may write is a boundary: to crash there once too often costs a second.
    """

    READS = "reads"
    MAYBE = "maybe"
    WRITES = "writes"


class Control(StrEnum):
    """What a statement does to the transaction."""

    NONE = "none"
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Statement:
    """What one SQL statement means.

    Attributes:
        verb: its leading keyword, upper case; for `WITH` the writing one inside, if there is one.
        effect: whether it writes.
        control: what it does to the transaction.
        targets: the tables that it writes, or the routines that it calls; best effort, without literals.
        chain: True for `COMMIT AND CHAIN` and `ROLLBACK AND CHAIN`: the next transaction is open at once.
        commits_first: True for a BEGIN that commits what is open (MySQL).
        prepared: True for `COMMIT PREPARED` and `ROLLBACK PREPARED`: it settles what another transaction wrote.
        copies_in: True for `COPY … FROM STDIN` and the like: rows follow, and the statement ends with them.
        name: the name that SQL's own PREPARE gives, or that EXECUTE asks for.
        body: what PREPARE prepares.
    """

    verb: str
    effect: Effect = Effect.READS
    control: Control = Control.NONE
    targets: tuple[str, ...] = ()
    chain: bool = False
    commits_first: bool = False
    prepared: bool = False
    copies_in: bool = False
    name: str | None = None
    body: Statement | None = None


UNKNOWN: Final = Statement("UNKNOWN", Effect.MAYBE)
"""A statement whose text was never seen."""
