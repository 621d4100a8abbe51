"""A version's command and its folder come in; nothing goes out where it can be started, and what is missing otherwise.

Asked before any server starts: that the program was not built yet should not take a minute to learn.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from oncewhere.errors import ConfigurationError

from .declaration import Version

JAR = "-jar"
"""The word before the file that Java runs."""
BUILD = "Build it first, or correct the command."
INSTALL = "Install it, or write its whole path there."


def check_program(version: Version, folder: Path) -> None:
    """Looks for what the command names; what has a placeholder in it is not looked at.

    Raises:
        ConfigurationError: its program, or the jar that it runs, is not there.
    """
    program, *rest = version.processor.command
    path = str(folder / program) if os.sep in program else program
    known = "{" not in program and "PATH" not in version.processor.environment
    if known and shutil.which(path) is None:
        where, hint = ("there", BUILD) if os.sep in program else ("on the PATH", INSTALL)
        raise ConfigurationError(
            f"{version.name}: the program {program} of processor.command is not {where}.", hint=hint
        )
    jar = _after(JAR, rest)
    if jar is not None and "{" not in jar and not (folder / jar).is_file():
        raise ConfigurationError(
            f"{version.name}: {jar} of processor.command is not there.",
            hint="Build it first (mvn package, gradle build), or correct the command.",
        )


def _after(word: str, words: Sequence[str]) -> str | None:
    at = words.index(word) + 1 if word in words else len(words)
    return words[at] if at < len(words) else None
