"""A reading Redis command comes in, as `observe` gives it; how often each identity stands in its answer goes out.

What may be written, and how its answer is counted:

- `hgetall processed`: each field is an identity, its value (a whole number) is how often it happened.
- `zrange processed 0 -1 withscores`: likewise, members and scores.
- `lrange log 0 -1`, `smembers done`: each element is one occurrence.
- `xrange log - +`: each entry is one occurrence; the identity is the entry's field of that name.
- `keys settled:*`: what `*` stands for is the identity, the key's value (a whole number) is how often it happened.

An element that is a JSON object is an occurrence of the identity in its field of the declared name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.identity import Identity
from oncewhere.errors import ConfigurationError

from .sent_identity import WILD, Pattern

if TYPE_CHECKING:
    import redis

SCAN_COUNT = 1000
KEYS_LIMIT = 1_000_000


class RedisObservation:
    """One `observe` of a Redis effect.

    Args:
        name: the effect's name.
        command: what is asked.
        identity: the field of elements that are JSON objects, and of a stream's entries.

    Raises:
        ConfigurationError: it is none of the commands above.
    """

    def __init__(self, name: str, command: str, identity: str) -> None:
        self._name = name
        self._words = command.split()
        self._identity = Identity.parse(identity)
        verb = self._words[0].upper() if self._words else ""
        scored = verb in {"ZRANGE", "ZREVRANGE"} and self._words[-1].upper() == "WITHSCORES"
        listed = verb in {"LRANGE", "SMEMBERS", "XRANGE", "HGETALL"}
        keyed = verb == "KEYS" and len(self._words) == 2 and self._words[1].count(WILD) == 1
        if not (scored or listed or keyed):
            raise self._refused(f"{command!r} is no command whose answer can be counted")
        self._verb = verb

    def ask(self, client: redis.Redis) -> PlaceSeen:
        """Runs the command and counts its answer.

        Raises:
            ConfigurationError: the server refuses it, or answers with what cannot be counted.
        """
        if self._verb == "KEYS":
            return self._place(self._keyed(client))
        answer: object = client.execute_command(*self._words)  # type: ignore[no-untyped-call]  # redis has no type for it
        match self._verb, answer:
            case "XRANGE", Sequence():
                return self._place((self._entry(fields), 1) for _, fields in answer)
            case _, Mapping():
                return self._place((_text(member), self._whole(count)) for member, count in answer.items())
            case (("ZRANGE" | "ZREVRANGE"), Sequence()):
                return self._place((_text(member), self._whole(score)) for member, score in _pairs(answer))
            case _, Iterable():
                return self._place((self._element(_text(element)), 1) for element in answer)
            case _:
                raise self._refused("the answer is no list")

    def _keyed(self, client: redis.Redis) -> Iterable[tuple[str | None, int]]:
        pattern = Pattern(self._words[1])
        for number, key in enumerate(client.scan_iter(match=self._words[1], count=SCAN_COUNT)):
            if number == KEYS_LIMIT:
                raise self._refused(f"more than {KEYS_LIMIT} keys match")
            yield pattern.find(_text(key)), self._whole(client.get(key))

    def _entry(self, fields: Mapping[object, object]) -> str | None:
        named = {_text(name): _text(value) for name, value in fields.items()}
        return named.get(self._identity.name)

    def _element(self, text: str) -> str | None:
        return self._identity.of(None, text.encode(), ()) if text.startswith("{") else text

    def _whole(self, value: object) -> int:
        try:
            number = float(_text(value))
        except ValueError:
            number = 0.5
        if number != int(number):
            raise self._refused("a count in the answer is no whole number")
        return int(number)

    def _place(self, found: Iterable[tuple[str | None, int]]) -> PlaceSeen:
        counts: Counter[str] = Counter()
        unidentified = 0
        for identity, count in found:
            if identity is None:
                unidentified += count
            else:
                counts[identity] += count
        return PlaceSeen(place=self._name, system="redis", counts=dict(counts), unidentified=unidentified)

    def _refused(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"effects.{self._name}.observe: {why}.",
            hint="For example: hgetall processed; zrange processed 0 -1 withscores; lrange log 0 -1; keys settled:*",
        )


def _pairs(answer: Sequence[Any]) -> Iterable[tuple[object, object]]:
    """Members with their scores: pairs in RESP3, one flat list in RESP2."""
    if all(isinstance(entry, list | tuple) for entry in answer):
        return ((member, score) for member, score in answer)
    return zip(answer[::2], answer[1::2], strict=True)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
