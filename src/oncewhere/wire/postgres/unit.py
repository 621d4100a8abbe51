"""A unit of work between Query or Sync and ReadyForQuery: what was sent and answered goes in, its messages come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from oncewhere.wire.message import JSON, Direction, Message
from oncewhere.wire.postgres.replies import outcome_of
from oncewhere.wire.sql.outcome import Outcome
from oncewhere.wire.sql.statements import Effect, Statement
from oncewhere.wire.sql.transaction import Meaning

SYSTEM: Final = "postgresql"

MAX_ENTRIES: Final = 32
"""Entries of a list that are kept in a message."""

Fields = dict[str, JSON]


@dataclass(slots=True)
class Unit:
    """What is known of one unit.

    Attributes:
        number: its sequence number on the connection.
        kind: `startup` or `cancel`, or empty where the meaning tells it.
        meaning: the strongest meaning of its parts.
        statements: what it runs, in order.
        sent: True once its first part was forwarded, and a reply is to be expected.
        complete: True once its Query or Sync was forwarded.
        simple: True for a Query, False for extended messages.
        copies: the statements that ask for rows whose end is still to come.
        copy_ended: True when it holds the end of rows that an earlier unit asked to send.
        parts: how many parts it was forwarded in.
        hold_reply: True when its reply is to be held until ReadyForQuery.
        open_after: whether a transaction block is foreseen to be open behind it.
        unsettled: the strongest effect that is not settled behind it, should it leave a transaction block open.
        tags: the tags of what has run.
        tags_left_out: how many more there were.
        error: the fields of the error that ended it, or None.
    """

    number: int
    kind: str = ""
    meaning: Meaning = Meaning.QUERY
    statements: list[Statement] = field(default_factory=list)
    sent: bool = False
    complete: bool = False
    simple: bool = False
    copies: Sequence[Statement] = ()
    copy_ended: bool = False
    parts: int = 0
    hold_reply: bool = False
    open_after: bool = False
    unsettled: Effect = Effect.READS
    tags: list[str] = field(default_factory=list)
    tags_left_out: int = 0
    error: Fields | None = None

    @property
    def waits_for_rows(self) -> bool:
        """True while the rows that it asks to send are not at their end."""
        return bool(self.copies)

    def ran(self, tag: str) -> None:
        """Takes a CommandComplete's tag."""
        if len(self.tags) < MAX_ENTRIES:
            self.tags.append(tag)
        else:
            self.tags_left_out += 1

    def request(self, part: Sequence[Statement], meaning: Meaning, effect: Effect, *, partial: bool) -> Message:
        """Tells one part of the unit.

        Args:
            part: the statements in it.
            meaning: what they mean.
            effect: what they write, or make durable.
            partial: True when some of it could not be collected.
        """
        targets = list(dict.fromkeys(target for statement in part for target in statement.targets))
        fields: Fields = {
            "verbs": [statement.verb for statement in part[:MAX_ENTRIES]],
            "targets": targets[:MAX_ENTRIES],
            "effect": effect.value,
        }
        if len(part) > MAX_ENTRIES:
            fields["verbs_left_out"] = len(part) - MAX_ENTRIES
        if partial or not self.complete:
            fields["partial"] = True
        return self._message(Direction.REQUEST, meaning, fields)

    def opened(self, fields: Fields) -> Message:
        """Tells a start-up packet."""
        return self._message(Direction.REQUEST, self.meaning, fields)

    def reply(self, status: str | None) -> Message:
        """Tells the unit's end.

        Args:
            status: of its ReadyForQuery: `I`dle, in a `T`ransaction, in a failed one (`E`); None where the server is
                gone without one.
        """
        fields: Fields = {"tags": list(self.tags), "status": status}
        if self.tags_left_out:
            fields["tags_left_out"] = self.tags_left_out
        if self.parts > 1:
            fields["partial"] = True  # the answers to earlier parts had to be passed on as they came
        fields |= self.error or {}
        if self.meaning.boundary:
            known = outcome_of(self.statements, self.tags, failed=self.error is not None, status=status)
            fields["outcome"] = known.value
        return self._message(Direction.REPLY, self.meaning, fields)

    def wants_rows(self) -> Message:
        """Tells the CopyInResponse, after which rows may come."""
        return self._message(Direction.REPLY, self.meaning, {"outcome": Outcome.COPYING.value})

    def _message(self, direction: Direction, meaning: Meaning, fields: Fields) -> Message:
        return Message(
            system=SYSTEM,
            kind=self.kind or meaning.kind,
            direction=direction,
            sequence=self.number,
            boundary=meaning.boundary,
            fields=fields,
            expects_reply=self.kind != "cancel",
        )
