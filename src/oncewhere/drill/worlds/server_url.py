"""A server's URL comes in (`mysql://me:secret@localhost:3306/bank`); its checked parts go out, with the usual port."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from oncewhere.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUrl:
    """The parts of a server's URL, unquoted.

    Attributes:
        scheme: in lower case, without a driver (`mysql+pymysql` is `mysql`).
        path: with its leading slash, or empty.
    """

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    path: str = ""


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
    )
