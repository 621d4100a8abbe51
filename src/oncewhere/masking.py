"""Text that people will read comes in; the same text without the secrets in it goes out.

Two ways, since neither is enough. What is known to be a secret (a password out of a DSN, a value of `sasl.password`) is
replaced wherever it stands (`Secrets`). What looks like one is replaced by its form (`masked`): the password of a URL,
the value behind a name that means a secret, what follows `Bearer`, the whole of a cookie or of a private key.

Text does not say where a password ends that holds a blank or a `;`; an argument does, since it is one word of a list.
So the words of a command are masked one by one, before they are joined (`masked_arguments`). What is known of a word
is both readings (`secrets_in`): a program that is given `PASSWORD=a b` by a shell says `a`, and one that reads it as a
setting says `a b`.

A name means a secret where the word stands anywhere in it: `DB_PASSWORD_OLD`, `X-Api-Key`. That hides what is none now
and then (`token_count`), and so it is never enough to replace a value wherever it stands: for that a name must end in
the word (`says_its_value`). One that ends in `pass` alone may be none either (`single_pass=sorted`): a plain word
behind it is hidden beside the name, and not taken out of whole logs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

MASK: Final = "***"
MIN_SECRET_CHARACTERS: Final = 4
"""A shorter secret would be found in every other word; a masked text that says nothing helps nobody."""

_SURE_WORD: Final = (
    r"(?:passw(?:or[dt]|d)?|passphrase|pwd|secret|token|credentials?|authorization|cookie"
    r"|(?:api|access|private)[_\-.]?key|accountkey(?=\s*=)|ssl[._\-](?:key[._\-]pem|keystore[._\-]key)"
    r"|sasl\.jaas\.config)"
)
"""Azure's `AccountKey=…` is one; what a record calls `accountKey` is a key of its own."""
_ABBREVIATED: Final = r"(?:(?<=[_.\-])pass(?![\w.\-])|(?<![\w.\-])pass(?=\\*[\"']|\s*=|$))"
"""`DB_PASS` and `pass=…`; neither `bypass` nor `passed`, nor prose that says `first pass: …`."""
_USER_INFO: Final = r"basic[._\-]auth[._\-]user[._\-]info"
_WORD: Final = rf"(?:{_SURE_WORD}|{_ABBREVIATED}|{_USER_INFO})"
_MAX_ESCAPED_CHARACTERS: Final = 2_000
_MAX_KEY_CHARACTERS: Final = 16_000
_MIN_KEY_LINE_CHARACTERS: Final = 16
_QUOTED: Final = (
    r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
    rf"|(?P<escape>\\+)(?P<quote>[\"']).{{0,{_MAX_ESCAPED_CHARACTERS}}}?(?<!\\)(?P=escape)(?P=quote)"
)
"""The last for JSON in a string of JSON."""
_PRIVATE_KEY: Final = re.compile(
    rf"-----BEGIN (?P<label>[A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?)-----"
    rf"(?:.{{0,{_MAX_KEY_CHARACTERS}}}?-----END (?P=label)-----"
    rf"|(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{{{_MIN_KEY_LINE_CHARACTERS},}})*(?:(?:\s|\\[nr])+[A-Za-z0-9+/=]+\Z)?)",
    re.DOTALL,
)
"""As PEM writes it, with the ends of its lines escaped or not; also where it is cut off."""
_NAME_BEGINS: Final = r"(?<![\w.\-])"
_NAME: Final = r"[\w.\-]+"
_QUOTE: Final = r"\\*[\"']"
_SIGN: Final = r"(?:=|:(?!:))"
"""Of an assignment; `TestToken::test_once` is none."""
_ENDS: Final = rf"[&;,](?=[\s\"']|\\+[\"']|$|{_NAME}\s*[=:])"
"""In text, what may stand in a value and ends it only where the next name, a quote or nothing follows."""
_USERINFO: Final = re.compile(r"(?P<before>://[^\s/@:\"']*:)(?P<secret>[^\s/]+)@")
_BEARER: Final = re.compile(r"(?P<before>\b(?:bearer|basic)\s+)(?P<secret>[A-Za-z0-9._~+/=\-]{8,})", re.IGNORECASE)
_HEADER: Final = re.compile(
    rf"(?P<before>{_NAME_BEGINS}[\w\-]*(?:authorization|cookie)(?:{_QUOTE})?\s*{_SIGN}\s*)"
    rf"(?P<secret>{_QUOTED}|[^\r\n\"']+)",
    re.IGNORECASE,
)
_VALUE: Final = rf"(?P<secret>{_QUOTED}|(?:\\\s|(?!{_ENDS})\S)*(?!{_ENDS})[^\s\"')}}\]])"
_ASSIGNED: Final = re.compile(
    rf"(?P<before>{_NAME_BEGINS}[\w.\-]*{_WORD}[\w.\-]*(?:{_QUOTE})?\s*{_SIGN}\s*){_VALUE}", re.IGNORECASE
)
_BEFORE_IN_ARGUMENT: Final = (
    rf"(?P<before>{_NAME_BEGINS}[\w.\-]*{_WORD}(?:[\w.\-]*(?:(?:{_QUOTE})?\s*=\s*|{_QUOTE}\s*:\s*|\s*:\s+)|\s*:(?!:)))"
)
"""`token-service:latest` is no assignment: where no blank follows the colon, the name must end in the word."""
_PLAINLY_ASSIGNED_IN_ARGUMENT: Final = re.compile(rf"{_BEFORE_IN_ARGUMENT}{_VALUE}", re.IGNORECASE)
_OPTION: Final = re.compile(rf"(?P<name>{_NAME})(?P<sign>\s*=\s*|:(?!:|//|\d+(?:,|$))\s*)")
_USERINFO_OF_ARGUMENT: Final = re.compile(r"(?P<before>://[^\s/@:\"']*:)(?P<secret>[^/]+)@")
_USERINFO_WITH_SLASH: Final = re.compile(
    rf"(?P<before>://[^\s/@:\"']*:)(?P<secret>(?!{re.escape(MASK)}@|\d+(?:[/?#,]|$)).+)@", re.DOTALL
)
_BEHIND_A_FLAG: Final = re.compile(
    rf"(?P<before>(?<!\S)--?(?!-?no-)[\w.\-]*{_WORD}[\w.\-]*\s+)(?P<secret>{_QUOTED}|\S+)", re.IGNORECASE
)
_PAIRED: Final = re.compile(
    rf"(?P<before>\(\s*b?{_QUOTE}[\w.\-]*{_WORD}[\w.\-]*{_QUOTE}\s*,\s*b?)(?P<secret>{_QUOTED})(?=\s*\))",
    re.IGNORECASE,
)
"""A name and its value as Python shows an item of a mapping: `('sasl.password', '…')`."""
_ASSIGNED_IN_ARGUMENT: Final = re.compile(
    rf"{_BEFORE_IN_ARGUMENT}"
    rf"(?P<secret>(?:{_QUOTED})(?=[\s,;&}}\])]|$)|.+?(?=\s+{_NAME}\s*=|$))",
    re.IGNORECASE | re.DOTALL,
)
_ASSIGNED_IN_URL: Final = re.compile(
    rf"(?P<before>{_NAME_BEGINS}[\w.\-]*{_WORD}[\w.\-]*=)(?P<secret>.+?)(?=[\s&;]{_NAME}=|$)",
    re.IGNORECASE | re.DOTALL,
)
_NEXT_FLAG: Final = re.compile(r"\s+-")
_SHELLS: Final = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_SHELL_LINE_FOLLOWS: Final = re.compile(r"-\w*c")
_LEADING_ASSIGNMENT: Final = re.compile(
    r"(?P<before>(?:export\s+)?(?P<name>[A-Za-z_]\w*)=)(?P<value>[^\s\"'\\`$;&|()<>]+)(?P<after>;?\s+)"
)
"""How a line for a shell may begin; a value of plain signs ends at the blank."""
_MEANS_A_SECRET: Final = re.compile(_WORD, re.IGNORECASE)
_SAYS_ITS_VALUE: Final = re.compile(rf"{_WORD}$", re.IGNORECASE)
_SAYS_USER_AND_PASSWORD: Final = re.compile(rf"{_USER_INFO}$", re.IGNORECASE)
_SAYS_IT_ABBREVIATED: Final = re.compile(rf"{_ABBREVIATED}$", re.IGNORECASE)
_ONE_WORD: Final = re.compile(r"[A-Za-z]?[a-z]{,11}|[A-Z]{,12}")
_BEHIND_A_NAME: Final = " \t\r\n=:\"'\\"

LOG_LIMIT_S: Final = 10.0
"""Of a thread's own time, for what looks like a secret in one log: some tens of megabytes."""
LOG_NOT_ALL: Final = "oncewhere: in what stands above, from line {line} on, only known passwords were masked"

_WORKING_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})


def is_secret_name(name: str) -> bool:
    """True for a setting, field or variable whose value is not to be read: `sasl.password`, `X-Api-Key`, `API_KEY`."""
    return _MEANS_A_SECRET.search(name) is not None and name not in _WORKING_FOLDERS


def says_its_value(name: str) -> bool:
    """True for a name whose value is a secret beyond doubt, wherever it stands: `API_TOKEN`, and not `TOKEN_LIMIT`."""
    return _SAYS_ITS_VALUE.search(name) is not None and name not in _WORKING_FOLDERS


def masked(text: str) -> str:
    """The text without what looks like a secret in it."""
    text = _USERINFO.sub(rf"\g<before>{MASK}@", _PRIVATE_KEY.sub(MASK, text))
    for form in (_BEARER, _HEADER, _PAIRED, _ASSIGNED):
        text = form.sub(rf"\g<before>{MASK}", text)
    return text


def masked_arguments(words: Iterable[str]) -> list[str]:
    """The words of a command without the secrets in them; also the word that follows `--db-password`."""
    found: list[str] = []
    flag = ""
    shell = False
    for word in words:
        if is_secret_name(flag):
            found.append(MASK)
        elif shell and _SHELL_LINE_FOLLOWS.fullmatch(flag):
            found.append(_masked_line(word))
        else:
            found.append(masked_argument(word))
        flag = _as_flag(word)
        shell = shell or word.rpartition("/")[2] in _SHELLS
    return found


def masked_argument(word: str) -> str:
    """One word of a command (an option, a setting, a DSN) without the secrets in it, whatever they are made of."""
    option = _secret_option(word)
    if option is not None:
        return word[: option.end()] + (MASK if word[option.end() :] else "")
    word = _PRIVATE_KEY.sub(MASK, word)
    for form in _forms(word):
        word = form.sub(lambda found: found[0].replace(found["before"] + found["secret"], found["before"] + MASK), word)
    word = _USERINFO.sub(rf"\g<before>{MASK}@", word)
    for form in (_BEARER, _HEADER, _PLAINLY_ASSIGNED_IN_ARGUMENT):
        word = form.sub(rf"\g<before>{MASK}", word)
    return word


def _masked_line(line: str) -> str:
    """A line for a shell without its secrets; what follows the plain assignments that it begins with stays."""
    begun, at = "", 0
    while (found := _LEADING_ASSIGNMENT.match(line, at)) is not None:
        value = MASK if is_secret_name(found["name"]) else masked_argument(found["value"])
        begun, at = begun + found["before"] + value + found["after"], found.end()
    return begun + masked_argument(line[at:])


def _as_flag(word: str) -> str:
    """The word where it is a flag whose value is the next word; else nothing, as for `--no-password`."""
    return word if word.startswith("-") and "=" not in word and not word.startswith(("-no-", "--no-")) else ""


def _secret_option(word: str) -> re.Match[str] | None:
    """The name, up to its `=`, behind which all of the word is secret: of `-X=sasl.password=…` the second."""
    option = _OPTION.match(word)
    while option is not None and not _means_a_secret(option):
        option = _OPTION.match(word, option.end())
    return option


def _means_a_secret(option: re.Match[str]) -> bool:
    """True for `password=…`, `X-Api-Key: …` and `token:…`; `token-service:latest` is a name with a tag."""
    return (says_its_value if option["sign"] == ":" else is_secret_name)(option["name"])


def _forms(word: str) -> tuple[re.Pattern[str], ...]:
    """How a secret may stand inside a word."""
    if "://" in word:
        return _USERINFO_OF_ARGUMENT, _USERINFO_WITH_SLASH, _BEHIND_A_FLAG, _PAIRED, _ASSIGNED_IN_URL
    return _BEHIND_A_FLAG, _PAIRED, _ASSIGNED_IN_ARGUMENT


def secrets_in(words: Iterable[str]) -> set[str]:
    """The passwords that stand in URLs, DSNs and the words of a command, as they are written and as they are meant."""
    found: set[str] = set()
    flag = ""
    for word in words:
        option = _secret_option(word)
        value = word if option is None else word[option.end() :]
        for name in (flag, option["name"] if option else ""):
            if says_its_value(name):
                found |= _secret_of(name, _meant(value))
        for form in _forms(value):
            for match in form.finditer(value):
                found |= _secret_of(match["before"], _meant(match["secret"]))
        for match in _PRIVATE_KEY.finditer(value):
            found.add(match[0])
        found |= _read_by_a_shell(word)
        flag = _as_flag(word)
    return found


def _read_by_a_shell(word: str) -> set[str]:
    """The passwords in a word that is a line by itself: a value is what stands in quotes, or ends at the blank."""
    found = {match["secret"] for match in _USERINFO.finditer(word)}
    for form in (_ASSIGNED, _BEHIND_A_FLAG):
        for match in form.finditer(word):
            name = match["before"].rstrip(_BEHIND_A_NAME)
            if says_its_value(name) or name.lower().endswith("accountkey"):
                found |= _secret_of(name, _meant(match["secret"].rstrip(";&|") or match["secret"]))
    return found


def _secret_of(name: str, values: set[str]) -> set[str]:
    """What of a name's value is secret wherever it stands: of `basic.auth.user.info` also the part behind the user."""
    name = name.rstrip(_BEHIND_A_NAME)
    if _SAYS_USER_AND_PASSWORD.search(name):
        values = values | {value.partition(":")[2] for value in values}
    elif not _SAYS_IT_ABBREVIATED.search(name):
        return values
    return {value for value in values if not _ONE_WORD.fullmatch(value)}


def _meant(written: str) -> set[str]:
    """What a value may mean: itself, without its quotes and backslashes, up to the next flag in the same word."""
    found = {written, _NEXT_FLAG.split(written)[0]}
    found |= {value[1:-1] for value in found if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"}
    return found | {re.sub(r"\\(.)", r"\1", value) for value in found}


def _lines_of(private_key: str) -> list[str]:
    """The lines of a private key that are nobody's but its own: a log has them apart, with other line ends."""
    return [line for line in re.split(r"\s|\\[nr]", private_key) if len(line) >= _MIN_KEY_LINE_CHARACTERS]


class Secrets:
    """What must not be read by anybody, and the means to take it out of texts and files.

    Args:
        texts: DSNs, URLs and the words of a command; their passwords are secret.
        settings: names and values; the values of secret names are secret.
    """

    def __init__(self, texts: Iterable[str] = (), settings: Mapping[str, str] | None = None) -> None:
        values = secrets_in(texts)
        for name, value in (settings or {}).items():
            if says_its_value(name):
                values |= _secret_of(name, {value})
        spellings = {form for value in values for form in (value, unquote(value), quote(unquote(value), safe=""))}
        spellings |= {line for value in values for key in _PRIVATE_KEY.finditer(value) for line in _lines_of(key[0])}
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
        self._rewrite(path, self._without)

    def take_out_of_log(self, path: Path, limit_s: float = LOG_LIMIT_S) -> None:
        """As `take_out_of`, and what looks like a secret as well, line by line.

        Args:
            path: of a text in lines; what is no UTF-8 in it stays as it is.
            limit_s: how much of this thread's time that may take; where it was not enough, the log's last line says so.
        """
        self._rewrite(path, lambda written: _masked_lines(self._without(written), limit_s))

    def _without(self, written: bytes) -> bytes:
        for value in self._values:
            written = written.replace(value.encode(), MASK.encode())
        return written

    def _rewrite(self, path: Path, change: Callable[[bytes], bytes]) -> None:
        try:
            before = path.read_bytes()
        except OSError:
            return
        after = change(before)
        if after != before:
            path.write_bytes(after)


def _masked_lines(written: bytes, limit_s: float) -> bytes:
    """A log without what looks like a secret; a quote that is left open in one line takes nothing from the next."""
    lines = _PRIVATE_KEY.sub(MASK, written.decode(errors="surrogateescape")).split("\n")
    ends_s = time.thread_time() + limit_s
    for number, line in enumerate(lines):
        if time.thread_time() > ends_s:
            lines.append(f"{LOG_NOT_ALL.format(line=number + 1)}\n")
            break
        lines[number] = masked(line)
    return "\n".join(lines).encode(errors="surrogateescape")
