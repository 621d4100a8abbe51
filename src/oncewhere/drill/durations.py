"""A duration in words comes in (`30 days`, `12 h`, `forever`); seconds go out, so that two of them can be compared."""

from __future__ import annotations

import math
import re

_UNITS_S = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_SPELLINGS = {
    "millisecond": "ms", "second": "s", "sec": "s", "minute": "min", "m": "min", "hour": "h", "day": "d", "week": "w",
    "year": "y",
}  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)
_ENDLESS = {"forever", "unlimited", "never removed", "nothing is removed"}


def seconds(text: str | None) -> float | None:
    """The duration in seconds; None where the text is none that can be read."""
    if text is None:
        return None
    if text.strip().lower() in _ENDLESS:
        return math.inf
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return None
    unit = found.group(2).lower()
    for spelling in (unit, unit.removesuffix("s")):
        known = _SPELLINGS.get(spelling, spelling)
        if known in _UNITS_S:
            return float(found.group(1)) * _UNITS_S[known]
    return None
