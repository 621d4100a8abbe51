"""A request's method and its answer's status go in; what became of its effect comes out.

Sources: RFC 9110, sections 9.2.1 and 15; the draft on the Idempotency-Key header.
"""

from __future__ import annotations

from typing import Final

from oncewhere.wire.outcome import Outcome

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"})
"""Methods that ask for nothing but an answer: RFC 9110, section 9.2.1, and IANA's registry for the last three."""

_BY_CLASS: Final = {2: Outcome.DONE, 3: Outcome.NOT_DONE, 4: Outcome.NOT_DONE}
"""By the first digit; every other one leaves it open, a server's failure (5xx) above all."""

_BY_STATUS: Final = {
    301: Outcome.UNKNOWN,  # what clients and servers mean by 301 and 302 to a POST differs
    302: Outcome.UNKNOWN,
    303: Outcome.DONE,  # see elsewhere what came of it
}

_WITH_KEY: Final = {
    409: "a request with this key is being processed",
    422: "this key was used with another request",
}
"""draft-ietf-httpapi-idempotency-key-header, section 2.7."""


def outcome_of(status: int) -> Outcome:
    """Says what a final status means for the effect of a request that is not safe."""
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, Outcome.UNKNOWN)


def conflict_of(status: int) -> str | None:
    """Says what a status means to a request with an idempotency key, or None where that adds nothing."""
    return _WITH_KEY.get(status)
