"""Cuts SQL into words: a text goes in, its words, names and marks come out, without comments and literals.

Comments, literals and quoted names are recognised as the server's own lexer does (its `Lexis`), so that no word in them
counts. Nothing of a literal is kept but a single digit; one that is not closed (a text that was cut) goes to the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_TOKENS: Final = 50_000
"""Tokens of one text that are looked at; a bulk INSERT has its meaning at its front."""


class Kind(StrEnum):
    """What a word is."""

    WORD = "word"
    NAME = "name"
    LITERAL = "literal"
    MARK = "mark"
    CUT = "cut"


_KINDS: Final = {
    "word": Kind.WORD,
    "name": Kind.NAME,
    "mark": Kind.MARK,
    "number": Kind.LITERAL,
    "literal": Kind.LITERAL,
}


@dataclass(frozen=True, slots=True)
class Lexis:
    """How a dialect of SQL is cut.

    Attributes:
        token: matches one token; its group is `space`, `comment` (the opening of one), `literal`, `number`, `dollar`
            (the opening of a body that ends with the same text), `name`, `word` or `mark`, which is any character.
        quote: the character around quoted names.
        nests_comments: whether a comment may stand in a comment.
    """

    token: re.Pattern[str]
    quote: str
    nests_comments: bool


@dataclass(frozen=True, slots=True)
class Word:
    """One token.

    Attributes:
        text: a bare word in upper case; a quoted name as it is; a mark; empty for a literal that is no digit.
        kind: which of them it is. `CUT` ends the words of a text with more than `MAX_TOKENS`.
        depth: how many parentheses are open around it; a parenthesis is inside of itself.
    """

    text: str
    kind: Kind
    depth: int


def words(text: str, lexis: Lexis) -> Iterator[Word]:
    """Returns the words of an SQL text in order."""
    at = depth = count = 0
    while at < len(text):
        match = lexis.token.match(text, at)
        if match is None or match.lastgroup is None:  # cannot be: `mark` takes any character
            return
        group, found, at = match.lastgroup, match.group(), match.end()
        if group == "space":
            continue
        if group == "comment":
            at = _end_of_comment(text, at, nests=lexis.nests_comments)
            continue
        count += 1
        if count > MAX_TOKENS:
            yield Word("", Kind.CUT, 0)
            return
        if group == "dollar":
            end = text.find(found, at)
            at = end + len(found) if end >= 0 else len(text)
            yield Word("", Kind.LITERAL, depth)
            continue
        depth += found == "("
        yield Word(_kept(found, _KINDS[group], lexis.quote), _KINDS[group], depth)
        depth = max(depth - (found == ")"), 0)


def _kept(found: str, kind: Kind, quote: str) -> str:
    match kind:
        case Kind.WORD:
            return found.upper()
        case Kind.NAME:
            return found[found.index(quote) + 1 :].removesuffix(quote).replace(quote * 2, quote)
        case Kind.LITERAL:
            return found if len(found) == 1 and found.isdigit() else ""  # `autocommit = 0`
        case _:
            return found


def _end_of_comment(text: str, at: int, *, nests: bool) -> int:
    depth = 1
    while depth:
        opened, closed = text.find("/*", at) if nests else -1, text.find("*/", at)
        if closed < 0:
            return len(text)
        if 0 <= opened < closed:
            depth, at = depth + 1, opened + 2
        else:
            depth, at = depth - 1, closed + 2
    return at
