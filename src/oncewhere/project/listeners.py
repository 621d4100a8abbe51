"""Java and Kotlin sources come in; the group and the topics that Spring's annotations name go out. Nothing is compiled.

`@KafkaListener(topics = "${settle.input}", groupId = "settlement")` says what is consumed, and stands above the files
of settings; a placeholder is what they say. What a `KafkaTemplate` sends to is a guess: others have a `send` as well.
Source: Spring for Apache Kafka's reference, "@KafkaListener Annotation".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from .kafka_names import KafkaNames
from .sources import JVM_SUFFIXES, texts
from .told import Told, first

_BEHIND = r"(?:@|(?:public|private|protected|fun|suspend|void|final|class)\b)"
"""What follows an annotation: another, or what it is for."""
_LISTENER = re.compile(rf"@KafkaListener\s*\((.*?)\)\s*{_BEHIND}", re.DOTALL)
_SEND = re.compile(r"\b\w*[tT]emplate\s*\.\s*send\(\s*\"([^\"]+)\"")
_STRING = re.compile(r"\"([^\"]*)\"")
_EXPRESSION = "#{"
"""Spring's expression language: only a running program knows its value."""


def listened(folder: Path, filled: Callable[[str], str]) -> KafkaNames:
    """What the project's listeners consume and its templates produce.

    Args:
        folder: the project's.
        filled: gives a text with its placeholders replaced; empty where one is not known.
    """
    groups: list[tuple[str, Path]] = []
    inputs: list[tuple[str, Path]] = []
    outputs: list[tuple[str, Path]] = []
    for file, text in texts(folder, lambda file: file.suffix in JVM_SUFFIXES):
        for attributes in _LISTENER.findall(text):
            inputs += [(topic, file) for topic in _values("topics", attributes, filled)]
            groups += [(group, file) for group in _values("groupId", attributes, filled)]
        outputs += [(topic, file) for topic in map(filled, _SEND.findall(text)) if topic]
    sent = tuple(dict.fromkeys(topic for topic, _ in outputs))
    return KafkaNames(
        group=_first(groups),
        input=_first(inputs),
        outputs=Told(sent, f"{outputs[0][1]} (send)", sure=False) if sent else None,
    )


def _values(name: str, attributes: str, filled: Callable[[str], str]) -> list[str]:
    """The texts of one attribute: up to the next attribute's name."""
    match = re.search(rf"\b{name}\s*=\s*(.*?)(?=,\s*\w+\s*=|$)", attributes, re.DOTALL)
    texts = _STRING.findall(match[1]) if match else []
    return [value for text in texts if _EXPRESSION not in text and (value := filled(text))]


def _first(found: list[tuple[str, Path]]) -> Told[str] | None:
    return first([value for value, _ in found], f"{found[0][1]} (@KafkaListener)") if found else None
