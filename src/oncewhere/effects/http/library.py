"""Which HTTP library sends the requests: a client or nothing in; what is the same in all of them, as data, out.

httpx2 continues httpx, with the same interface; each is imported by a module of its own, and only where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MODULES: Mapping[str, str] = {
    "httpx2": "oncewhere.effects.http.by_httpx2",
    "httpx": "oncewhere.effects.http.by_httpx",
}
"""By the library's name, our module that imports it; where nothing else is said, the first that is installed."""


class Answer(Protocol):
    """What an effect gets for a request: a `Response` of the library, with all that it has beside these."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names in any case."""

    @property
    def content(self) -> bytes:
        """The body."""

    @property
    def text(self) -> str:
        """The body, decoded."""

    def json(self, **kwargs: Any) -> Any:
        """The body, decoded from JSON."""

    def raise_for_status(self) -> Any:
        """Raises where the status is 4xx or 5xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One HTTP library.

    Attributes:
        name: the package.
        client: makes a client of a base URL, seconds for one attempt, and more arguments.
        client_type: what a client of its is.
        not_sent: its errors that say that nothing was sent.
        no_answer: its errors that leave open what happened.
        undecodable: its error for an answer that cannot be decoded.
    """

    name: str
    client: Callable[[str, float, Mapping[str, Any]], Any]
    client_type: type[Any]
    not_sent: tuple[type[Exception], ...]
    no_answer: tuple[type[Exception], ...]
    undecodable: tuple[type[Exception], ...]


def installed() -> Library:
    """The library to make clients with.

    Raises:
        ConfigurationError: none is installed.
    """
    for name, module in _MODULES.items():
        try:
            return _library(module)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    raise ConfigurationError(
        "HTTP effects need httpx2 (or httpx), which is not installed.",
        hint="Install it: pip install 'oncewhere[http]'",
    )


def library_of(client: object) -> Library:
    """The library that a client is of.

    Raises:
        ConfigurationError: it is no client of any, or one that awaits.
    """
    kinds = {kind.__module__.partition(".")[0] for kind in type(client).__mro__}
    for name in _MODULES.keys() & kinds:
        library = _library(_MODULES[name])
        if isinstance(client, library.client_type):
            return library
    raise ConfigurationError(
        f"A {type(client).__module__}.{type(client).__qualname__} cannot send an effect's requests.",
        hint="Give Http a URL, an httpx2.Client or an httpx.Client; handlers do not await.",
    )


def _library(module: str) -> Library:
    library: Library = import_module(module).LIBRARY
    return library
