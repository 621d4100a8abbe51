"""A server's URL comes in (`mysql://me:secret@localhost:3306/bank`); its checked parts go out, with the usual port."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from oncewhere.errors import ConfigurationError
from oncewhere.proxy.tls import Tls

ENCRYPTED: Final = frozenset({"https", "rediss", "smtps"})
"""Schemes of servers that begin with TLS, and whose certificate is checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUrl:
    """The parts of a server's URL, unquoted.

    Attributes:
        scheme: in lower case, without a driver (`mysql+pymysql` is `mysql`).
        tls: how the server is spoken to, where the scheme is one of encryption.
        path: with its leading slash, or empty.
        options: what stands behind the `?`, by name.
    """

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    path: str = ""
    tls: Tls | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def parse(url: str, effect: str, ports: dict[str, int]) -> ServerUrl:
    """Reads a URL that the user gave for an effect.

    Args:
        url: the URL.
        effect: whose it is, for the error.
        ports: the schemes that are understood, with the port where the URL has none.

    Raises:
        ConfigurationError: it is no such URL.
    """
    usual = next(iter(ports))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"--dsn {effect}=…: {error}.") from None
    scheme = parts.scheme.partition("+")[0].lower()
    if scheme not in ports or not parts.hostname:
        raise ConfigurationError(
            f"--dsn {effect}=… is no URL of its system.", hint=f"Write it as {usual}://host:{ports[usual]}."
        )
    return ServerUrl(
        scheme=scheme,
        host=parts.hostname,
        port=port or ports[scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        path=parts.path if parts.path != "/" else "",
        tls=Tls(context=ssl.create_default_context()) if scheme in ENCRYPTED else None,
        options=dict(parse_qsl(parts.query)),
    )
