"""Their driver, httpx2, for the HTTP places of `oncewhere.effects.http`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from oncewhere.effects.http.library import Library

if TYPE_CHECKING:
    from collections.abc import Mapping


def _client(base_url: str, timeout_s: float, options: Mapping[str, Any]) -> httpx2.Client:
    return httpx2.Client(base_url=base_url, **{"timeout": httpx2.Timeout(timeout_s), **options})


LIBRARY = Library(
    name="httpx2",
    client=_client,
    client_type=httpx2.Client,
    not_sent=(httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout),
    no_answer=(httpx2.TransportError,),
    undecodable=(httpx2.DecodingError,),
)
