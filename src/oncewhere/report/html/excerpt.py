"""Decoded fields of a message come in; the same, without secrets and cut to a limit, go out.

The wire layers keep no payloads. This is a second fence: a report is sent to people who may not see what a query string
or a proxy's own address held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from oncewhere.masking import MASK, is_secret_name, masked

TEXT_LIMIT: Final = 240
"""Characters of one text that are shown."""
ENTRIES_LIMIT: Final = 32
"""Entries of one list or mapping that are shown."""
DEPTH_LIMIT: Final = 6
REMEMBERED: Final = 4096
"""Texts that are looked at once; histories repeat themselves."""


def shown(value: Any, *, depth: int = 0) -> Any:
    """What a reader may see of a value.

    Args:
        value: anything that JSON has.
        depth: how deep it stands.
    """
    if isinstance(value, str):
        return _text(value)
    if depth >= DEPTH_LIMIT and isinstance(value, (Mapping, Sequence)):
        return "…"
    if isinstance(value, Mapping):
        kept = {
            cut(str(name)): MASK if _is_hidden(str(name)) else shown(entry, depth=depth + 1)
            for name, entry in list(value.items())[:ENTRIES_LIMIT]
        }
        return kept | _left_out(len(value))
    if isinstance(value, Sequence):
        entries: list[Any] = [shown(entry, depth=depth + 1) for entry in value[:ENTRIES_LIMIT]]
        return entries + ([f"… and {len(value) - ENTRIES_LIMIT} more"] if len(value) > ENTRIES_LIMIT else [])
    return value


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """The beginning of a text, and how much of it is missing."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


@lru_cache(maxsize=REMEMBERED)
def _text(text: str) -> str:
    return cut(masked(text))


_is_hidden = lru_cache(maxsize=REMEMBERED)(is_secret_name)


def _left_out(entries: int) -> dict[str, str]:
    return {"…": f"{entries - ENTRIES_LIMIT} more"} if entries > ENTRIES_LIMIT else {}
