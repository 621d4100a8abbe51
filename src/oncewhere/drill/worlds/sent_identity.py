"""What is sent to a place comes in: a request, a mail, a command; the event's identity in it goes out, or None.

How an effect's `identity` is written, by system:

- HTTP: the name of a JSON field of the content (dots descend into objects), `header:NAME`, or `path:/payments/*`.
- SMTP: `header:NAME`, such as `header:message-id` or `header:subject=Payment * is settled`.
- Redis: the command that is the effect, as it is sent: `HINCRBY processed *`, `INCR settled:*`, `RPUSH log *`.

`*` stands for the identity. In a Redis command `?` is any argument, and further arguments may follow; where `*` turns
out to be a JSON object, the identity is the field that the processor's `identity` names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from oncewhere.drill.effect import Effect
from oncewhere.drill.identity import Identity
from oncewhere.errors import ConfigurationError

WILD = "*"
ANY = "?"


class Pattern:
    """A text in which one `*` stands for the identity.

    Args:
        text: the pattern; without a `*` it matches only itself, and finds nothing.
    """

    def __init__(self, text: str) -> None:
        before, _, after = text.partition(WILD)
        self._regex = re.compile(re.escape(before) + "(.+)" + re.escape(after), re.DOTALL)

    def find(self, text: str) -> str | None:
        """What the `*` stands for; None where the text does not match."""
        match = self._regex.fullmatch(text)
        return match and match[1]


class RequestIdentity:
    """Finds the identity in an HTTP request or in a mail's header; it is an `Identify` of the wire.

    Args:
        name: the effect's name.
        effect: its declaration.
        processor: the processor's identity, which counts where the effect names none.

    Raises:
        ConfigurationError: the effect's system has no such place.
    """

    def __init__(self, name: str, effect: Effect, processor: str) -> None:
        self.text = effect.identity or processor
        where, separator, rest = self.text.partition(":")
        self._where: Literal["field", "header", "path"] = "field"
        self._header, self._pattern = "", Pattern(WILD)
        if separator and where == "header":
            self._where = "header"
            header, given, pattern = rest.partition("=")
            self._header = header.strip().lower()
            self._pattern = Pattern(pattern if given else WILD)
        elif separator and where == "path":
            self._where, self._pattern = "path", Pattern(rest)
        if (effect.system == "smtp" and self._where != "header") or (self._where == "field" and self.text == "key"):
            raise ConfigurationError(
                f"effects.{name} needs an identity: {self.text!r} names nothing in what is sent by {effect.system}.",
                hint='For example identity = "header:message-id"; HTTP also has "path:/payments/*" and JSON fields.',
            )
        self._field = Identity("field", self.text)

    def __call__(
        self, path: bytes | None, content: bytes | None, headers: Iterable[tuple[str, bytes | None]]
    ) -> str | None:
        """Finds the identity; never raises."""
        match self._where:
            case "field":
                return self._field.of(None, content, ())
            case "path":
                return None if path is None else self._pattern.find(path.decode(errors="replace"))
            case "header":
                found = (value for name, value in headers if name == self._header and value is not None)
                texts = (" ".join(value.decode(errors="replace").split()) for value in found)
                return next((identity for text in texts if (identity := self._pattern.find(text))), None)


class CommandIdentity:
    """Finds the identity in a Redis command; it is an `IdentifyCommand` of the wire.

    Args:
        template: the command that is the effect, as in `HINCRBY processed *`.
        processor: the processor's identity, for arguments that are JSON objects.
    """

    def __init__(self, template: str, processor: str) -> None:
        self.text = template
        self._words = template.split()
        self._json = Identity.parse(processor)

    def __call__(self, arguments: Sequence[bytes]) -> Sequence[str | None]:
        """One identity (or None, where it has none) if the command is the effect; nothing if it is another command."""
        if len(arguments) < len(self._words):
            return ()
        found: str | None = None
        for at, (word, argument) in enumerate(zip(self._words, arguments, strict=False)):
            text = argument.decode(errors="replace")
            if WILD in word:
                found = Pattern(word).find(text)
                if found is None:
                    return ()
            elif word != ANY and (word != text if at else word.upper() != text.upper()):
                return ()
        if found is not None and found.startswith("{"):
            found = self._json.of(None, found.encode(), ())
        return (found,)
