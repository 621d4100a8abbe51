"""What finds a business identity in a message that is not Kafka's; the drill gives it to the links that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Identify = Callable[[bytes | None, bytes | None, Iterable[tuple[str, bytes | None]]], str | None]
"""Takes None, the content, and the headers with names in lower case; returns the identity, or None.

The content is None where it is not kept. The call is that of the drill's `Identity.of`, which is given a record's key,
value and headers. It must not raise.
"""
