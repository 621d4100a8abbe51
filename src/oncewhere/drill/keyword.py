"""A `-k` expression comes in; a yes or no for each point goes out.

The language is pytest's: words, `and`, `or`, `not`, parentheses. A word matches where it is part of one of the point's
names, whatever the case: `-k "kafka and not Produce"`, `-k bank.commit`, `-k "after-effect or replied"`. The empty
expression matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from oncewhere.errors import ConfigurationError

MAX_CHARACTERS = 2_000
MAX_DEPTH = 50
"""Parentheses within parentheses."""
_TOKEN = re.compile(r"\s*(?:(?P<word>[^\s()]+)|(?P<mark>[()]))")
_OPERATORS = frozenset({"and", "or", "not"})
_Test = Callable[[tuple[str, ...]], bool]


class Keyword:
    """A compiled expression.

    Args:
        text: the expression.

    Raises:
        ConfigurationError: it is none; the place is named.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if len(self.text) > MAX_CHARACTERS:
            raise ConfigurationError(f"-k takes an expression of up to {MAX_CHARACTERS} characters.")
        self._test = _Parser(self.text).parse() if self.text else None
        self.words = tuple(token for token in _tokens(self.text) if token and token not in {*_OPERATORS, "(", ")"})

    def __repr__(self) -> str:
        return f"Keyword({self.text!r})"

    def __bool__(self) -> bool:
        return self._test is not None

    def matches(self, names: Iterable[str]) -> bool:
        """True where the expression holds for something that goes by these names."""
        return self._test is None or self._test(tuple(name.lower() for name in names))


class _Parser:
    """`or` binds least, then `and`, then `not`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._ahead = next(self._tokens)
        self._depth = 0

    def parse(self) -> _Test:
        test = self._any()
        if self._ahead:
            raise self._wrong(f"{self._ahead!r} stands where the expression was at its end")
        return test

    def _any(self) -> _Test:
        tests = [self._all()]
        while self._take("or"):
            tests.append(self._all())
        return lambda names: any(test(names) for test in tests)

    def _all(self) -> _Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return lambda names: all(test(names) for test in tests)

    def _one(self) -> _Test:
        negative = False
        while self._take("not"):
            negative = not negative
        if self._take("("):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise self._wrong(f"more than {MAX_DEPTH} parentheses within each other")
            test = self._any()
            if not self._take(")"):
                raise self._wrong("a parenthesis is not closed")
            self._depth -= 1
        else:
            test = self._word()
        return (lambda names: not test(names)) if negative else test

    def _word(self) -> _Test:
        word = self._ahead
        if not word or word in _OPERATORS or word == ")":
            raise self._wrong(f"a word is missing {f'before {word!r}' if word else 'at its end'}")
        self._take(word)
        wanted = word.lower()
        return lambda names: any(wanted in name for name in names)

    def _take(self, token: str) -> bool:
        if self._ahead != token:
            return False
        self._ahead = next(self._tokens)
        return True

    def _wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"-k {self._text!r} is no expression: {what}.",
            hint='For example: -k "kafka and not Produce", or -k bank.commit.',
        )


def _tokens(text: str) -> Iterator[str]:
    """The tokens, and an empty one at the end."""
    yield from (match["word"] or match["mark"] for match in _TOKEN.finditer(text))
    yield ""
