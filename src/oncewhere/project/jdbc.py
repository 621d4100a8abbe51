"""A JDBC URL comes in, as a project sets it; the same with the drill's placeholders goes out.

What stands behind the `?` is a driver's setting, and the processor may need it. A user and a password become
placeholders; what speaks of encryption, of another secret or of the schema there is left out.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote

CREDENTIALS = {"user": "user", "username": "user", "password": "password"}
"""The settings that name who logs in, and the part of an address that each becomes."""
_LEFT_OUT = re.compile(r"ssl|tls|password|secret|token|currentSchema|[{}]", re.IGNORECASE)


def with_placeholders(parts: SplitResult, effect: str) -> str:
    """The URL for the processor that is drilled.

    Args:
        parts: of the URL without its `jdbc:`.
        effect: whose placeholders stand in it.
    """
    address = f"jdbc:{parts.scheme}://{{{effect}.host}}:{{{effect}.port}}/{{{effect}.database}}"
    settings = [_setting(name, value, effect) for name, value in parse_qsl(parts.query) if _kept(name, value)]
    return f"{address}?{'&'.join(settings)}" if settings else address


def _kept(name: str, value: str) -> bool:
    return name in CREDENTIALS or not _LEFT_OUT.search(f"{name}={value}")


def _setting(name: str, value: str, effect: str) -> str:
    part = CREDENTIALS.get(name)
    return f"{name}={quote(value, safe='')}" if part is None else f"{name}={{{effect}.{part}}}"
