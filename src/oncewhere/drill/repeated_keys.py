"""HTTP requests of some trials come in; whether an event had the same idempotency key each time goes out."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import msgspec

from .history import Wire

RANDOM_VERSION = 4


class RepeatedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """How idempotency keys repeated at one place.

    Attributes:
        events: events of which the identity and the key were seen.
        again: those that were asked for more than once within a trial.
        changed: those of them whose key was another one the second time.
        keyless: True where a writing request carried no key.
        random: True where every key is a random UUID (version 4) that is not the event's identity.
    """

    events: int
    again: int
    changed: int
    keyless: bool
    random: bool


def repeated_keys(trials: Iterable[Sequence[Wire]]) -> RepeatedKeys | None:
    """What the requests say; None where there are none.

    Args:
        trials: for each trial, the requests to one place.
    """
    events = again = changed = requests = 0
    keyless, random = False, True
    for trial in trials:
        keys: dict[str, list[str]] = {}
        for request in trial:
            if request.system != "http" or not request.boundary:
                continue
            requests += 1
            key, identity = request.fields.get("idempotency_key"), request.fields.get("identity")
            keyless = keyless or key is None
            if key is not None and identity is not None:
                random = random and str(key) != str(identity) and is_random(str(key))
                keys.setdefault(str(identity), []).append(str(key))
        events += len(keys)
        again += sum(len(seen) > 1 for seen in keys.values())
        changed += sum(len(set(seen)) > 1 for seen in keys.values())
    if not requests:
        return None
    return RepeatedKeys(events=events, again=again, changed=changed, keyless=keyless, random=random and events > 0)


def is_random(key: str) -> bool:
    """True for a UUID of version 4."""
    try:
        return uuid.UUID(key).version == RANDOM_VERSION
    except ValueError:
        return False
