"""Anything that can be called, as a place: an effect gets the key, and says by its errors what became of an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects.outside import Means, OutsidePlace, Terms
from oncewhere.effects.repetition import Limits

if TYPE_CHECKING:
    from oncewhere.effects.policy import Policy


class Function(OutsidePlace[str]):
    """A system that oncewhere has no module for: an SDK, a queue, a machine.

    An effect gets the call's key as its first argument, to pass it on. It raises `NotDone` where an attempt certainly
    did nothing, and `OutcomeUnknown` where nobody knows; any other error is its own failure.

    Args:
        name: your name for this place, such as `gateway`.
        policy: how duplicates are prevented: `IdempotencyKey()`, `AtMostOnce(claims=bank)`,
            `Compensate(journal=bank)`, `Outbox("calls", then=…)` or `AtLeastOnce(acknowledged="why")`. There is no
            default.
        limits: how often and how long a call is attempted; the time of one attempt is the effect's own to keep.

    Raises:
        ConfigurationError: the name is empty, or the policy needs more than a function has.
    """

    def __init__(self, name: str, *, policy: Policy, limits: Limits | None = None) -> None:
        super().__init__(name=name, policy=policy, system="callable", limits=limits or Limits())

    def connection_type(self) -> type[str]:
        """What an effect gets as its first argument."""
        return str

    def means(self) -> FunctionMeans:
        """Nothing but the key."""
        return FunctionMeans()


class FunctionMeans(Means):
    """Gives keys."""

    def given(self, terms: Terms) -> str:
        """The call's key."""
        return terms.key

    def close(self) -> None:
        """Nothing is open."""
