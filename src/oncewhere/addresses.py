"""Where servers are, over what the code says: a launcher names addresses, and what is made then is made with them.

A drill must stand between a processor and its servers, and a processor that is written with the library names them in
its code. So the launcher (`oncewhere run`) gives addresses before it imports that code. The library itself reads no
environment: where nobody gave any, every address is the code's own.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KAFKA = "kafka"
"""The name under which Kafka's address is given; a place cannot have it."""
_SECURITY = ("security.", "sasl.", "ssl.")

_given: ContextVar[Mapping[str, str] | None] = ContextVar("oncewhere_addresses", default=None)


@contextmanager
def given(addresses: Mapping[str, str]) -> Iterator[None]:
    """Processors and places that are made inside are made with these addresses; with their own where there are none.

    Args:
        addresses: by name: `kafka`, and the name of each place. Once one is given, all must be: a processor that is
            drilled may not reach a server behind the drill's back.
    """
    token = _given.set(addresses or None)
    try:
        yield
    finally:
        _given.reset(token)


def address_of(name: str, own: str) -> str:
    """The address of a place: the one that was given, else its own.

    Raises:
        ConfigurationError: addresses were given, and none for this place.
    """
    addresses = _given.get()
    if addresses is None:
        return own
    if name not in addresses:
        raise ConfigurationError(
            f"Place {name!r} has no address here: {', '.join(sorted(addresses))} have one.",
            hint=f"Declare it for the drill as well: [effects.{name}].",
        )
    return addresses[name]


def settings_for(own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Kafka's settings with the address that was given, which is spoken to plainly; else the processor's own.

    Raises:
        ConfigurationError: addresses were given, and none for Kafka.
    """
    if _given.get() is None:
        return own
    kept = {
        name: value
        for name, value in own.items()
        if not name.startswith(_SECURITY) and name not in {"bootstrap.servers", "metadata.broker.list"}
    }
    return {**kept, "bootstrap.servers": address_of(KAFKA, "")}
