"""What one run does: subscriptions in; the places that their handlers use, checked against each other, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oncewhere.effects.one_writer import check_files
from oncewhere.effects.outside.place import OutsidePlace
from oncewhere.effects.policy import Outbox
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.place import OpenPlace, Place
    from oncewhere.runtime.settings import Complete
    from oncewhere.runtime.subscription import Subscription


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does.

    Attributes:
        subscriptions: by topic.
        uses: the names of the places that each topic's handler uses.
        places: by name.
    """

    subscriptions: Mapping[str, Subscription]
    uses: Mapping[str, frozenset[str]]
    places: Mapping[str, OpenPlace]


@dataclass(frozen=True, slots=True)
class Uses:
    """Which places are used.

    Attributes:
        by_topic: the names of the places that each topic's handler uses.
        places: all of them, by name; none of them is open.
    """

    by_topic: Mapping[str, frozenset[str]]
    places: Mapping[str, Place[Any]]


def uses_of(subscriptions: Iterable[Subscription], settings: Complete) -> Uses:
    """The places of each topic, and all of them by name; every effect's result type is resolved on the way.

    Args:
        subscriptions: whose handlers are read.
        settings: of the clients: how long Kafka waits for a transaction, and the group for a member.

    Raises:
        ConfigurationError: two places have one name or one file, or a place may take longer than Kafka waits.
    """
    places: dict[str, Place[Any]] = {}
    by_topic: dict[str, frozenset[str]] = {}
    for sub in subscriptions:
        for effect in sub.effects():
            _ = effect.codec
            if places.setdefault(effect.place.name, effect.place) is not effect.place:
                raise ConfigurationError(f"Two places are called {effect.place.name!r}.", hint="Name each its own.")
            _check_idle(effect.place, transaction_ms=settings.transaction_timeout_s * 1000)
            _check_call(effect.place, poll_ms=settings.max_poll_interval_s * 1000)
        by_topic[sub.topic] = frozenset(sub.places())
    check_files(places.values())
    return Uses(by_topic, places)


def _check_idle(place: Place[Any], *, transaction_ms: float) -> None:
    """What a zombie left open must be gone at a place before Kafka lets its successor read on."""
    if place.idle_limit_s is None:
        return
    limit_ms = place.idle_limit_s * 1000
    if limit_ms >= transaction_ms:
        raise ConfigurationError(
            f"{place.name!r} ends a transaction that stands still after {limit_ms:.0f} ms, which is not below "
            f"transaction.timeout.ms={transaction_ms:.0f}: a stopped instance would hold its locks there while its "
            "successor works.",
            hint="Lower the place's limit, or raise transaction.timeout.ms.",
        )


def _check_call(place: Place[Any], *, poll_ms: float) -> None:
    """One call, with all its attempts, must be over before the group takes the partitions away from who makes it.

    Kafka's own transaction is not open meanwhile, so its timeout does not matter here. An effect of several requests
    has `attempt_timeout_s` for each of them, and an HTTP request for each piece of its answer; how many there are
    nobody knows before.
    """
    if not isinstance(place, OutsidePlace) or isinstance(place.policy, Outbox):
        return  # a database's statements have no limit that we know; an outbox leaves its calls to another processor
    limits = place.limits
    longest_ms = (limits.total_s + limits.attempt_timeout_s) * 1000  # the last attempt may begin at the very end
    if longest_ms >= poll_ms:
        raise ConfigurationError(
            f"One call at {place.name!r} may take {longest_ms:.0f} ms (total_s={limits.total_s:g}, and "
            f"attempt_timeout_s={limits.attempt_timeout_s:g} for one answer of the last attempt), which is not below "
            f"max.poll.interval.ms={poll_ms:.0f}: the group would give the partitions away in the middle of it.",
            hint="Lower the place's limits (limits=Limits(…)), or raise max.poll.interval.ms.",
        )
