"""Text that people will read comes in; the same text without the secrets in it goes out.

Two ways, since neither is enough. What is known to be a secret (a password out of a DSN, a value of `sasl.password`) is
replaced wherever it stands (`Secrets`). What looks like one is replaced by its form (`masked`): the password of a URL,
the value behind a name that means a secret, what follows `Bearer`, the whole of a cookie.

A name means a secret where the word stands anywhere in it: `DB_PASSWORD_OLD`, `X-Api-Key`. That hides what is none now
and then (`token_count`), and so it is never enough to replace a value wherever it stands: for that a name must end in
the word (`says_its_value`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

MASK: Final = "***"
MIN_SECRET_CHARACTERS: Final = 4
"""A shorter secret would be found in every other word; a masked text that says nothing helps nobody."""

_WORD: Final = (
    r"(?:passw(?:or[dt])?|passphrase|pwd|secret|token|credentials?|authorization|cookie|(?:api|access|private)[_\-.]?key"
    r"|ssl\.key\.pem|sasl\.jaas\.config)"
)
_QUOTED: Final = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
_NAME_BEGINS: Final = r"(?<![\w.\-])"
_USERINFO: Final = re.compile(r"(?P<before>://[^\s/@:\"']*:)(?P<secret>[^\s/@]+)@")
_BEARER: Final = re.compile(r"(?P<before>\b(?:bearer|basic)\s+)(?P<secret>[A-Za-z0-9._~+/=\-]{8,})", re.IGNORECASE)
_HEADER: Final = re.compile(
    rf"(?P<before>{_NAME_BEGINS}[\w\-]*(?:authorization|cookie)[\"']?\s*[=:]\s*)(?P<secret>{_QUOTED}|[^\r\n\"']+)",
    re.IGNORECASE,
)
_ASSIGNED: Final = re.compile(
    rf"(?P<before>{_NAME_BEGINS}[\w.\-]*{_WORD}[\w.\-]*[\"']?\s*[=:]\s*)(?P<secret>{_QUOTED}|[^\s&;,]*[^\s&;,\"')}}\]])",
    re.IGNORECASE,
)
_MEANS_A_SECRET: Final = re.compile(_WORD, re.IGNORECASE)
_SAYS_ITS_VALUE: Final = re.compile(rf"{_WORD}$", re.IGNORECASE)

_WORKING_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})


def is_secret_name(name: str) -> bool:
    """True for a setting, field or variable whose value is not to be read: `sasl.password`, `X-Api-Key`, `API_KEY`."""
    return _MEANS_A_SECRET.search(name) is not None and name not in _WORKING_FOLDERS


def says_its_value(name: str) -> bool:
    """True for a name whose value is a secret beyond doubt, wherever it stands: `API_TOKEN`, and not `TOKEN_LIMIT`."""
    return _SAYS_ITS_VALUE.search(name) is not None and name not in _WORKING_FOLDERS


def masked(text: str) -> str:
    """The text without what looks like a secret in it."""
    text = _USERINFO.sub(rf"\g<before>{MASK}@", text)
    for form in (_BEARER, _HEADER, _ASSIGNED):
        text = form.sub(rf"\g<before>{MASK}", text)
    return text


def secrets_in(texts: Iterable[str]) -> set[str]:
    """The passwords that stand in URLs and DSNs, as they are written and as they are meant."""
    found: set[str] = set()
    for text in texts:
        for match in (*_USERINFO.finditer(text), *_ASSIGNED.finditer(text)):
            found.add(match["secret"].strip("\"'"))
    return found


class Secrets:
    """What must not be read by anybody, and the means to take it out of texts and files.

    Args:
        texts: DSNs and URLs; their passwords are secret.
        settings: names and values; the values of secret names are secret.
    """

    def __init__(self, texts: Iterable[str] = (), settings: Mapping[str, str] | None = None) -> None:
        values = secrets_in(texts) | {value for name, value in (settings or {}).items() if says_its_value(name)}
        spellings = {form for value in values for form in (value, unquote(value), quote(unquote(value), safe=""))}
        self._values = sorted(
            (v for v in spellings if len(v) >= MIN_SECRET_CHARACTERS and v != MASK), key=len, reverse=True
        )

    def __repr__(self) -> str:
        return f"<Secrets {len(self._values)}>"

    def taken_out(self, text: str) -> str:
        """The text without any of them, and without what looks like one."""
        for value in self._values:
            text = text.replace(value, MASK)
        return masked(text)

    def take_out_of(self, path: Path) -> None:
        """Rewrites a file that holds one of them; leaves every other file alone, and one that is gone."""
        try:
            before = path.read_bytes()
        except OSError:
            return
        after = before
        for value in self._values:
            after = after.replace(value.encode(), MASK.encode())
        if after != before:
            path.write_bytes(after)
