"""Java and Kotlin sources come in; the group and the topics that the calls of Kafka's own client name go out.

`subscribe(List.of("authorized"))`, `new ProducerRecord<>("settled", …)`, `GROUP_ID_CONFIG, "settlement"`; of Kafka
Streams `stream("…")`, `to("…")` and the application's id. A text is known, and a constant that is one. What is computed
is not, and is asked for. Nothing is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from .kafka_names import KafkaNames
from .sources import JVM_SUFFIXES, texts
from .told import Told, first

_ONE: Final = r"(\"[^\"\\]*\"|[A-Za-z_][\w.]*)"
"""A text, or the name of something."""
_CONSTANT: Final = re.compile(r"\b([A-Z][A-Z0-9_]*)\s*(?::\s*String\s*)?=\s*\"([^\"\\]*)\"")
_GROUP: Final = re.compile(rf"(?:GROUP_ID_CONFIG|APPLICATION_ID_CONFIG|\"group\.id\")\s*(?:,|to\b|\]\s*=)\s*{_ONE}")
_SUBSCRIBE: Final = re.compile(r"\.subscribe\(\s*(?:(?![\w.]*Pattern)[\w.]+\(\s*)?([^()]*)\)")
_RECORD: Final = re.compile(rf"\bProducerRecord\s*(?:<[^<>]*>)?\(\s*{_ONE}")
_STREAM: Final = re.compile(rf"\.stream\(\s*{_ONE}")
_TO: Final = re.compile(rf"\.to\(\s*{_ONE}")
_OF_STREAMS: Final = "StreamsBuilder"


def called(folder: Path) -> KafkaNames:
    """What the calls in a project's sources name.

    Args:
        folder: the project's.
    """
    sources = dict(texts(folder, lambda file: file.suffix in JVM_SUFFIXES))
    known = _constants(sources.values())
    groups = [(name, file) for file, text in sources.items() for name in _said(_GROUP.findall(text), known)]
    inputs = [(name, file) for file, text in sources.items() for name in _said(_consumed(text), known)]
    outputs = [(name, file) for file, text in sources.items() for name in _said(_produced(text), known)]
    taken = {name for name, _ in inputs}
    sent = tuple(dict.fromkeys(name for name, _ in outputs if name not in taken))
    return KafkaNames(
        group=_first(groups),
        input=_first(inputs),
        outputs=Told(sent, str(outputs[0][1]), len(sent) == 1) if sent else None,
    )


def _consumed(text: str) -> Iterator[str]:
    for among in _SUBSCRIBE.findall(text):
        yield from re.findall(_ONE, among)
    if _OF_STREAMS in text:
        yield from _STREAM.findall(text)


def _produced(text: str) -> Iterator[str]:
    yield from _RECORD.findall(text)
    if _OF_STREAMS in text:
        yield from _TO.findall(text)


def _constants(sources: Iterable[str]) -> Mapping[str, str]:
    """The names that are set to a text, and everywhere to the same."""
    found: dict[str, set[str]] = {}
    for text in sources:
        for name, value in _CONSTANT.findall(text):
            found.setdefault(name, set()).add(value)
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def _said(words: Iterable[str], known: Mapping[str, str]) -> Iterator[str]:
    """What they come to: a text itself, a constant by its last name; anything else is not known."""
    for word in words:
        value = word[1:-1] if word.startswith('"') else known.get(word.rpartition(".")[2], "")
        if value:
            yield value


def _first(found: list[tuple[str, Path]]) -> Told[str] | None:
    return first([value for value, _ in found], str(found[0][1])) if found else None
