"""What finds a business identity in a message that is not Kafka's; the drill gives it to the links that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Identify = Callable[[bytes | None, bytes | None, Iterable[tuple[str, bytes | None]]], str | None]
"""Takes the path, the content, and the headers with names in lower case; returns the identity, or None.

The path is an HTTP request's, without its query, and None elsewhere; the content is None where it is not kept. It must
not raise.
"""

IdentifyCommand = Callable[[Sequence[bytes]], Sequence[str | None]]
"""Takes a command's name and arguments, as far as they are kept; returns an identity (or None, where the command is an
effect without one) for each effect that it is, and nothing where it is none. It must not raise.
"""

MAX_IDENTITIES = 1000
"""Identities that are told of one message."""
