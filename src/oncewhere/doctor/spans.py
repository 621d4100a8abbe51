"""Milliseconds come in; a span that a person reads goes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def span(milliseconds: int) -> str:
    """`7 d`, `15 min`, `1 h 30 min`, `250 ms`: two units at most."""
    left = max(milliseconds, 0)
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or f"{left} ms"


def moment(unix_ms: int) -> str:
    """`2026-11-25 18:25:25 UTC`."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
