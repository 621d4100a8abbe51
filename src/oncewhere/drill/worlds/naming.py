"""An effect and the tag of its version and lane come in; the name of a database goes out that nobody else gets."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

_UNSAFE: Final = re.compile(r"[^a-z0-9_]")
_DIGITS: Final = 8


def database_name(effect: str, tag: str, limit: int) -> str:
    """Letters, digits and underscores; where that or the limit takes something away, a digest of the whole follows.

    Without it, what only differs in the part that is cut off would share a database: the lanes of one version do.

    Args:
        effect: its name.
        tag: what keeps versions and lanes apart.
        limit: how many characters the name may have.
    """
    whole = f"oncewhere_{effect}_{tag}"
    plain = _UNSAFE.sub("_", whole.lower())
    if plain == whole and len(plain) <= limit:
        return plain
    digest = sha256(whole.encode()).hexdigest()[:_DIGITS]
    return f"{plain[: limit - _DIGITS - 1]}_{digest}"
