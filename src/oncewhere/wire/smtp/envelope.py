"""One mail transaction: MAIL, RCPT and their replies go in; what is told of the mail comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.opacity import MAX_ENTRIES
from oncewhere.wire.smtp.commands import Line
from oncewhere.wire.smtp.content import Header

MAX_RECIPIENTS: Final = 10_000
"""Recipients of one mail that are remembered; further ones are only counted."""


@dataclass(slots=True)
class Recipient:
    """A RCPT; refused once the server has said so."""

    address: str
    refused: bool = False


@dataclass(slots=True)
class Envelope:
    """What was asked for since MAIL.

    Attributes:
        sender: the address; empty for a bounce.
        options: of MAIL.
        recipients: in order.
        left_out: how many more there were.
        header: of the mail, once content has come.
    """

    sender: str = ""
    options: tuple[str, ...] = ()
    recipients: list[Recipient] = field(default_factory=list)
    left_out: int = 0
    header: Header | None = None

    def add(self, line: Line) -> Recipient | None:
        """Takes a RCPT; returns the recipient, for the reply to it."""
        if len(self.recipients) >= MAX_RECIPIENTS:
            self.left_out += 1
            return None
        recipient = Recipient(line.address or "")
        self.recipients.append(recipient)
        return recipient

    def fields(self, message_id: str | None) -> dict[str, JSON]:
        """Returns what is told of the mail at its end.

        Args:
            message_id: of the mail, from its header.
        """
        asked = [recipient.address for recipient in self.recipients if not recipient.refused]
        refused = len(self.recipients) - len(asked)
        fields: dict[str, JSON] = {
            "message_id": message_id,
            "sender": self.sender,
            "recipients": list(asked[:MAX_ENTRIES]),
        }
        if more := len(asked) - len(asked[:MAX_ENTRIES]) + self.left_out:
            fields["recipients_left_out"] = more
        if refused:
            fields["recipients_refused"] = refused
        if self.options:
            fields["options"] = list(self.options)
        if self.header:
            fields["content_bytes"] = self.header.size
        return fields
