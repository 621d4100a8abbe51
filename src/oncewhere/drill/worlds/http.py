"""A declared effect comes in; an HTTP downstream goes out, and later what it performed, grouped by event identity.

Where the downstream is a stand-in of ours, its own record is the truth. A real one cannot be asked: what the proxy saw
delivered and answered counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.effect import STAND_INS, Effect
from oncewhere.drill.history import Event
from oncewhere.errors import ConfigurationError
from oncewhere.standins import Host, HttpStandIn, KeyMode
from oncewhere.wire.http import HttpLink

from .counting import seen_in_identities
from .sent_identity import RequestIdentity
from .server_url import ServerUrl, parse
from .wire_view import seen_on_the_wire
from .world import Address, Server

PORTS = {"http": 80, "https": 443}
KEY_POLICY = "idempotency-key"
LOOPBACK = "127.0.0.1"


class HttpWorld:
    """One HTTP downstream: a stand-in, or the user's own.

    Args:
        name: the effect's name.
        effect: its declaration.
        processor_identity: where the identity stands if the effect does not say it.
        dsn: the URL of the user's own; None for the stand-in.

    Raises:
        ConfigurationError: neither of the two is given, or the identity cannot stand in a request.
    """

    def __init__(self, name: str, effect: Effect, processor_identity: str, dsn: str | None) -> None:
        self.name = name
        self._effect = effect
        self._identify = RequestIdentity(name, effect, processor_identity)
        self._url: ServerUrl | None = None if dsn is None else parse(dsn, name, PORTS)
        self._host: Host | None = None
        self._port = 0
        if self._url is None and effect.stand_in is None:
            raise ConfigurationError(
                f"effects.{name} names no downstream, and says not what a stand-in is to do with idempotency keys.",
                hint=f"Set stand_in to one of {', '.join(STAND_INS['http'])}; or name your own by --dsn {name}=http://…",
            )
        self._stand_in = HttpStandIn(
            KeyMode(effect.stand_in or KeyMode.HONOURS),
            answer=effect.answer.encode(),
            delay_s=effect.delay_ms / 1000,
            fail_every=effect.fail_every,
        )

    def reset(self) -> Server:
        """The stand-in forgets everything; of the user's own nothing is changed."""
        if self._url is not None:
            return Server(host=self._url.host, port=self._url.port, link=self._link, tls=self._url.tls)
        if self._host is None:
            self._host = Host()
            self._port = self._host.serve(self._stand_in.connection)
        self._stand_in.reset()
        return Server(host=LOOPBACK, port=self._port, link=self._link)

    def remove(self) -> None:
        """Ends the stand-in."""
        if self._host is not None:
            self._host.close()
            self._host = None

    def placeholders(self, host: str, port: int) -> Mapping[str, str]:
        """The downstream's base URL, reached through the proxy at host:port."""
        path = self._url.path if self._url else ""
        return Address(scheme="http", host=host, port=port, path=path).placeholders(self.name)

    def seen(self, events: Iterable[Event]) -> PlaceSeen:
        """Counts what was performed: by the stand-in's record, else by the wire."""
        if self._url is not None:
            once = self._effect.policy == KEY_POLICY
            return seen_on_the_wire(events, self.name, self._effect.system, keys_count_once=once)
        performed = (self._identify(r.path, r.content, r.headers) for r in self._stand_in.performed())
        return seen_in_identities(self.name, self._effect.system, performed)

    def _link(self) -> HttpLink:
        return HttpLink(self._identify)
