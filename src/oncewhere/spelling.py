"""A word that is not known comes in, with those that are; the one that was probably meant goes out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

LIKE: Final = 0.6
"""How alike two words must be, of 1."""


def nearest(word: str, known: Iterable[str], *, like: float = LIKE) -> str | None:
    """The known word that is most like it; None where none is.

    Args:
        word: as a person wrote it.
        known: those that there are.
        like: how alike they must be, from 0 to 1.
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=like)
    return near[0] if near else None
