"""A peer's own environment: a kind in; the start of its command line, or why it cannot be had, out.

Everything is built once and kept in the user's cache under a hash of what it is built from. Nothing is built in the
tree. A missing tool is no error: the report says "not built: …" where that peer's figures would stand.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oncewhere.cli.places import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PEERS = Path(__file__).parents[1] / "peers"
BUILD_LIMIT_S = 900.0  # for one command; a cold Maven cache on a slow line needs minutes
KEPT_OUTPUT_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Built:
    """It can run: `argv` is what its command line begins with."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """It cannot run on this machine."""

    reason: str


class _FailedError(Exception):
    """A command of a build did not do its work; the text says which."""


def build(kind: str) -> Built | NotBuilt:
    """Makes what a kind of peer needs, unless it is there already.

    Args:
        kind: a key of `KINDS`.
    """
    try:
        return KINDS[kind]()
    except _FailedError as failed:
        return NotBuilt(str(failed))


def _project() -> Built:
    return Built((sys.executable,))


def _virtual_environment(name: str) -> Built:
    lock = PEERS / f"{name}.lock"
    folder = _folder(name, [lock])

    def make() -> None:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "-r", str(lock)])

    _once(folder, make)
    return Built((str(folder / "bin" / "python"),))


def _java() -> Built:
    java, javac, maven = _tool("java"), _tool("javac"), _tool("mvn")
    home = PEERS / "java"
    sources = sorted((home / "src" / "main" / "java").glob("*.java"))
    folder = _folder("java", [home / "pom.xml", *sources])
    jars, classes = folder / "jars", folder / "classes"

    def make() -> None:
        _run(
            [
                maven,
                "-q",
                "-B",
                "-f",
                str(home / "pom.xml"),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={jars}",
            ]
        )
        _run([javac, "--release", "17", "-cp", f"{jars}/*", "-d", str(classes), *map(str, sources)])

    _once(folder, make)
    return Built((java, "-Xmx1g", "-cp", f"{classes}{os.pathsep}{jars}/*"))


def _go() -> Built:
    go, home = _tool("go"), PEERS / "franz"
    folder = _folder("franz", [*sorted(home.glob("*.go")), home / "go.mod", home / "go.sum"])
    program = folder / "franz"
    _once(folder, lambda: _run([go, "build", "-o", str(program), "."], cwd=home))
    return Built((str(program),))


KINDS: dict[str, Callable[[], Built]] = {
    "project": _project,  # this interpreter: confluent-kafka, msgspec and oncewhere are there
    "quix": lambda: _virtual_environment("quix"),
    "aiokafka": lambda: _virtual_environment("aiokafka"),
    "java": _java,
    "go": _go,
}


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise _FailedError(f"no {name}")
    return found


def _folder(name: str, sources: Sequence[Path]) -> Path:
    """Where it is kept: another version of any source is another folder."""
    parts = [sys.version.encode(), *(path.read_bytes() for path in sources)]
    return cache_folder() / "benchmarks" / f"{name}-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}"


def _once(folder: Path, make: Callable[[], None]) -> None:
    ready = folder / ".ready"
    if ready.exists():
        return
    print(f"building {folder.name} ...", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make()
    ready.touch()


def _run(argv: Sequence[str], cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise _FailedError(f"{Path(argv[0]).name} took more than {BUILD_LIMIT_S:g} s") from None
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split())[-KEPT_OUTPUT_CHARACTERS:]
        raise _FailedError(f"{Path(argv[0]).name} ended with {done.returncode}: {said}")
