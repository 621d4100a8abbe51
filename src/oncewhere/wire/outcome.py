"""How a boundary request ended, as far as the server has said; the field `outcome` of its reply."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What the server's answer says about the request's effect; SQL units have words of their own.

    `UNKNOWN` is for an answer that leaves it open and for one that never came whole. A boundary request without any
    reply in the history is unknown as well: there were no bytes that could have told it.
    """

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"
