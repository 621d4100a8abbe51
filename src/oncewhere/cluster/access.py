"""Kafka's client settings come in, spelled as librdkafka spells them; TLS and SASL for our own connections go out.

Only what decides how a broker is spoken to is read here; the drill's confluent-kafka clients are given the same
settings as they are.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from scramp import ScramClient, ScramException

from oncewhere.errors import ConfigurationError

PROTOCOLS: Final = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""What we can speak ourselves; a processor's own mechanism passes through the proxy whatever it is."""

_DELEGATED: Final = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sasl:
    """Who we are to a broker.

    Attributes:
        mechanism: one of `MECHANISMS`.
        username: `sasl.username`.
        password: `sasl.password`; never shown.
    """

    mechanism: str
    username: str
    password: str = field(repr=False)

    def conversation(self) -> Conversation:
        """The client's side of one authentication."""
        return _Plain(self) if self.mechanism == "PLAIN" else _Scram(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the brokers of a cluster are spoken to.

    Attributes:
        tls: None for plainly.
        sasl: None for anonymously.
    """

    tls: ssl.SSLContext | None = None
    sasl: Sasl | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Access:
        """Reads librdkafka's settings.

        Args:
            settings: `security.protocol`, `ssl.*`, `sasl.*`; all others are left alone.

        Raises:
            ConfigurationError: a value that librdkafka would refuse too, a file that cannot be read, or a mechanism
                that the drill cannot speak.
        """
        protocol = settings.get("security.protocol", "plaintext").lower()
        if protocol not in PROTOCOLS:
            raise ConfigurationError(
                f"security.protocol = {protocol!r} is unknown.", hint=f"It is one of {', '.join(PROTOCOLS)}."
            )
        return cls(
            tls=_context(settings) if protocol.endswith("ssl") else None,
            sasl=_sasl(settings) if protocol.startswith("sasl") else None,
        )


def _context(settings: Mapping[str, str]) -> ssl.SSLContext:
    authority, certificate, key, password = (settings.get(name) for name in _DELEGATED)
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, key, password)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The certificates for Kafka cannot be used: {error.strerror or error}.",
            hint="ssl.ca.location, ssl.certificate.location and ssl.key.location each name a PEM file.",
        ) from error
    verified = settings.get("enable.ssl.certificate.verification", "true").lower() == "true"
    named = settings.get("ssl.endpoint.identification.algorithm", "https").lower() == "https"
    if not (verified and named):
        context.check_hostname = False
    if not verified:
        context.verify_mode = ssl.CERT_NONE
    return context


def _sasl(settings: Mapping[str, str]) -> Sasl:
    mechanism = settings.get("sasl.mechanism", settings.get("sasl.mechanisms", "")).upper()
    if mechanism not in MECHANISMS:
        raise ConfigurationError(
            f"oncewhere cannot ask brokers questions with sasl.mechanism = {mechanism or 'none'}.",
            hint=f"It speaks {', '.join(MECHANISMS)}; the processor itself may use any.",
        )
    try:
        return Sasl(mechanism=mechanism, username=settings["sasl.username"], password=settings["sasl.password"])
    except KeyError as error:
        raise ConfigurationError(f"{error.args[0]} is missing.", hint=f"{mechanism} needs it.") from None


class Conversation(Protocol):
    """What the client says in an authentication: `first`, and then an `answer` to each thing that the server says."""

    def first(self) -> bytes:
        """The client's first words."""

    def answer(self, said: bytes) -> bytes | None:
        """The client's next words; None at the end.

        Raises:
            ConnectionError: the server does not know the password either, or speaks nonsense.
        """


class _Plain:
    """RFC 4616."""

    def __init__(self, who: Sasl) -> None:
        self._who = who

    def first(self) -> bytes:
        return f"\0{self._who.username}\0{self._who.password}".encode()

    def answer(self, said: bytes) -> None:
        del said


class _Scram:
    """RFC 5802 and RFC 7677."""

    def __init__(self, who: Sasl) -> None:
        self._client = ScramClient([who.mechanism], who.username, who.password)
        self._turns = 0

    def first(self) -> bytes:
        words: str = self._client.get_client_first()
        return words.encode()

    def answer(self, said: bytes) -> bytes | None:
        self._turns += 1
        try:
            if self._turns == 1:
                self._client.set_server_first(said.decode())
                words: str = self._client.get_client_final()
                return words.encode()
            self._client.set_server_final(said.decode())
        except (ScramException, UnicodeDecodeError) as error:
            raise ConnectionError(f"the broker's side of {self._client.mechanism_name} is wrong: {error}") from error
        return None
