"""A Java project's application.yml and .properties come in; its settings go out, and the variable that sets each.

Spring Boot and Quarkus let an environment variable stand above their file: `spring.kafka.consumer.group-id` is set by
`SPRING_KAFKA_CONSUMER_GROUPID`, and a value `${GROUP:settlement}` by `GROUP`. So a drill can say the addresses
without a change to the file.
Source: Spring Boot's reference, "Binding From Environment Variables"; MicroProfile Config, "Environment Variables
Mapping Rules".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .dotenv import SIZE_LIMIT_BYTES

FOLDERS = ("src/main/resources", "src/main/resources/config", ".", "config")
NAMES = ("application.yml", "application.yaml", "application.properties")
"""The later counts more. Source: Spring Boot's reference, "External Application Properties"."""
ROUNDS_LIMIT = 5
"""So deep may a placeholder stand in a placeholder's default."""
_PROFILE = re.compile(r"^spring\.(config\.activate\.on-profile|profiles)$")
_WHOLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::([^{}]*))?\}")
_INNERMOST = re.compile(r"\$\{([^{}:]+)(?::([^{}]*))?\}")
_DASHES_ARE_KEPT = re.compile(r"^(quarkus|mp|kafka)\.")
"""MicroProfile's rule, where Spring leaves dashes out."""


@dataclass(frozen=True, slots=True)
class Property:
    """One setting.

    Attributes:
        name: with dots.
        value: as it is without any profile; empty where only the environment says it.
        variable: the environment variable that sets it.
        file: where it stands.
    """

    name: str
    value: str
    variable: str
    file: str

    @property
    def by(self) -> str:
        """The file, and the name in it."""
        return f"{self.file} ({self.name})"


def properties_of(folder: Path, values: Mapping[str, str]) -> dict[str, Property]:
    """The settings of a project, by name.

    Args:
        folder: the project's.
        values: what `${NAME}` stands for, where the project's other files say it.
    """
    written: dict[str, tuple[str, str]] = {}
    for place in FOLDERS:
        for name in NAMES:
            file = folder / place / name
            if file.is_file() and file.stat().st_size <= SIZE_LIMIT_BYTES:
                text = file.read_text(encoding="utf-8", errors="replace")
                read = _of_properties(text) if file.suffix == ".properties" else _of_yaml(text)
                written |= {key: (value, str(file.relative_to(folder))) for key, value in read}
    known = {key: value for key, (value, _) in written.items()} | dict(values)
    return {key: _property(key, value, file, known) for key, (value, file) in written.items()}


def _property(name: str, text: str, file: str, known: Mapping[str, str]) -> Property:
    whole = _WHOLE.fullmatch(text)
    return Property(name, filled(text, known), whole[1] if whole else environment_name(name), file)


def environment_name(name: str) -> str:
    """The variable that stands above a setting: `spring.datasource.url` and `SPRING_DATASOURCE_URL`."""
    plain = name if _DASHES_ARE_KEPT.search(name) else name.replace("-", "")
    return re.sub(r"[^A-Za-z0-9]", "_", plain).upper()


def filled(text: str, known: Mapping[str, str]) -> str:
    """Placeholders become what is known, or their default; a text with one that has neither becomes empty.

    Args:
        text: with `${name}` and `${name:default}`.
        known: values by name.
    """
    for _ in range(ROUNDS_LIMIT):
        text, found = _INNERMOST.subn(lambda match: known.get(match[1], match[2] or ""), text)
        if not found:
            break
    return "" if "${" in text else text


def _of_yaml(text: str) -> list[tuple[str, str]]:
    """The settings of each document that holds without a profile; none of a file that is a template.

    What stands below `"%dev"` is for a profile of Quarkus.
    """
    try:
        documents = [dict(_flat(document)) for document in yaml.safe_load_all(text)]
    except yaml.YAMLError:
        return []
    plain = (document for document in documents if not any(map(_PROFILE.search, document)))
    return [(name, value) for document in plain for name, value in document.items() if not name.startswith("%")]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _flat(below, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        plain = [str(entry) for entry in value if isinstance(entry, str | int)]
        if plain:
            yield path, ",".join(plain)
    elif value is not None and path:
        yield path, str(value)


def _of_properties(text: str) -> list[tuple[str, str]]:
    """The same of NAME=VALUE lines, whose documents are divided by `#---`; `%dev.` is a profile of Quarkus."""
    found: list[tuple[str, str]] = []
    for document in re.split(r"^[#!]---\s*$", text, flags=re.MULTILINE):
        lines = (line.strip() for line in re.sub(r"\\\r?\n\s*", "", document).splitlines())
        matches = (re.match(r"([^\s=:#!%][^\s=:]*)\s*[=:\s]\s*(.*)", line) for line in lines)
        pairs = [(match[1], match[2]) for match in matches if match]
        if not any(_PROFILE.search(name) for name, _ in pairs):
            found += pairs
    return found
