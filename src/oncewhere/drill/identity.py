"""A record's key, value and headers come in; the business identity that the declaration names goes out, or None."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the business identity of a record stands.

    Attributes:
        place: in the value's JSON, in the key, or in a header.
        name: the JSON field's path (dots descend into objects) or the header's name; empty for the key.
    """

    place: Literal["field", "key", "header"]
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Reads a declaration's `identity`: `key`, `header:NAME`, or the name of a JSON field."""
        if text == "key":
            return cls("key")
        if text.startswith("header:"):
            return cls("header", text.removeprefix("header:"))
        return cls("field", text)

    def __str__(self) -> str:
        return {"key": "key", "header": f"header:{self.name}", "field": self.name}[self.place]

    def of(self, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> str | None:
        """The identity of one record; None where it has none."""
        match self.place:
            case "key":
                return None if key is None else key.decode(errors="replace")
            case "header":
                found = next((v for k, v in headers if k == self.name), None)
                return None if found is None else found.decode(errors="replace")
            case "field":
                return self._in_json(value)

    def _in_json(self, value: bytes | None) -> str | None:
        if value is None:
            return None
        try:
            node = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        for step in self.name.split("."):
            if not isinstance(node, dict) or step not in node:
                return None
            node = node[step]
        return str(node) if isinstance(node, str | int) and not isinstance(node, bool) else None
