"""Their driver, httpx, for the HTTP places of `oncewhere.effects.http`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from oncewhere.effects.http.library import Library

if TYPE_CHECKING:
    from collections.abc import Mapping


def _client(base_url: str, timeout_s: float, options: Mapping[str, Any]) -> httpx.Client:
    return httpx.Client(base_url=base_url, **{"timeout": httpx.Timeout(timeout_s), **options})


LIBRARY = Library(
    name="httpx",
    client=_client,
    client_type=httpx.Client,
    not_sent=(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    no_answer=(httpx.TransportError,),
    undecodable=(httpx.DecodingError,),
)
