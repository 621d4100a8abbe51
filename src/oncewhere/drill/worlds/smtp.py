"""A declared effect comes in; a mail server goes out, and later which mails it accepted, grouped by event identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Event
from oncewhere.standins import Host, SmtpStandIn
from oncewhere.wire.smtp import SmtpLink

from .counting import seen_in_identities
from .sent_identity import RequestIdentity
from .server_url import ServerUrl, parse
from .wire_view import seen_on_the_wire
from .world import Address, Server

PORTS = {"smtp": 25, "smtps": 465}
HONOURS_KEYS = "honours-keys"
LOOPBACK = "127.0.0.1"


class SmtpWorld:
    """One mail server: a stand-in that keeps what it is given, or the user's own.

    Args:
        name: the effect's name.
        effect: its declaration.
        processor_identity: where the identity stands if the effect does not say it.
        dsn: the URL of the user's own; None for the stand-in.

    Raises:
        ConfigurationError: the identity cannot stand in a mail's header.
    """

    def __init__(self, name: str, effect: Effect, processor_identity: str, dsn: str | None) -> None:
        self.name = name
        self._effect = effect
        self._identify = RequestIdentity(name, effect, processor_identity)
        self._url: ServerUrl | None = None if dsn is None else parse(dsn, name, PORTS)
        self._host: Host | None = None
        self._port = 0
        self._stand_in = SmtpStandIn(
            delay_s=effect.delay_ms / 1000,
            fail_every=effect.fail_every,
            honours_ids=effect.stand_in == HONOURS_KEYS,
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
        """The server, reached through the proxy at host:port."""
        user, password = (self._url.user, self._url.password) if self._url else ("", "")
        return Address(scheme="smtp", host=host, port=port, user=user, password=password).placeholders(self.name)

    def seen(self, events: Iterable[Event]) -> PlaceSeen:
        """Counts the mails that were accepted: by the stand-in's record, else by the wire."""
        if self._url is not None:
            return seen_on_the_wire(events, self.name, self._effect.system, keys_count_once=False)
        accepted = (self._identify(None, None, mail.headers) for mail in self._stand_in.accepted())
        return seen_in_identities(self.name, self._effect.system, accepted)

    def _link(self) -> SmtpLink:
        return SmtpLink(self._identify)
