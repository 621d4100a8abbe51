"""What a drill's result is written as; a name that a person types comes in, the kinds go out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from oncewhere.errors import ConfigurationError


class ReportKind(StrEnum):
    """One form of a drill's result."""

    JUNIT = "junit"
    JSON = "json"
    HTML = "html"
    GITHUB = "github"


WORDS: Final[Mapping[ReportKind, str]] = {
    ReportKind.JUNIT: "junit.xml, one case for each point",
    ReportKind.JSON: "run.json, which `show` and `replay` read: always written",
    ReportKind.HTML: "report.html, the page for people",
    ReportKind.GITHUB: "annotations on standard output",
}
DEFAULT: Final = frozenset({ReportKind.JUNIT, ReportKind.JSON, ReportKind.HTML})


def default_kinds(environment: Mapping[str, str]) -> frozenset[ReportKind]:
    """What is written where nobody says: annotations only within GitHub Actions.

    Args:
        environment: the process's variables.
    """
    return DEFAULT | ({ReportKind.GITHUB} if environment.get("GITHUB_ACTIONS") == "true" else frozenset())


def parse_kinds(text: str) -> frozenset[ReportKind]:
    """Reads `junit,html`.

    Raises:
        ConfigurationError: a name that is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in set(ReportKind):
            raise ConfigurationError(f"There is no report {name!r}.", hint=f"There are {', '.join(ReportKind)}.")
    return frozenset(ReportKind(name) for name in names)
