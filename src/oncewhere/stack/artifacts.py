"""The jars of a Kafka broker: pinned coordinates in, checked files in the user's cache out.

`kafka.lock` names each jar (group:artifact:version), its sha256 and its size. jgo fetches each coordinate by itself,
never what it depends on, into a folder that is removed whatever happens; only a file that was checked is moved into the
cache. So a file in the cache is whole and right, and a start needs only to look whether it is there.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack import maven
from oncewhere.stack.folders import FILE_SYSTEM_ERRORS, ClaimedFolder, file_system_error, one_at_a_time, writing_to
from oncewhere.stack.progress import Fetching, Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCK = Path(__file__).with_name("kafka.lock")
FETCH_THREADS = 4
PROGRESS_STEPS = 200
"""How many events a whole download makes at most."""
FETCH_TIMEOUT_S = 900.0
"""How long the whole download may take; 45 MB in this time is a slow mobile line."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One jar: its Maven coordinate, and what its file must be."""

    group: str
    name: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def coordinate(self) -> str:
        """`group:artifact:version`, as Maven writes it."""
        return f"{self.group}:{self.name}:{self.version}"

    @property
    def file_name(self) -> str:
        """Its name in the cache."""
        return f"{self.name}-{self.version}.jar"


@dataclass(frozen=True, slots=True)
class Lock:
    """All jars of one broker."""

    artifacts: tuple[Artifact, ...]

    @property
    def kafka_version(self) -> str:
        """The version of `kafka_2.13` among them."""
        return next(a.version for a in self.artifacts if a.group == "org.apache.kafka" and a.name.startswith("kafka_"))

    @property
    def key(self) -> str:
        """Short and different for every other set of jars."""
        return hashlib.sha256("".join(a.sha256 for a in self.artifacts).encode()).hexdigest()[:12]


Fetch: TypeAlias = Callable[[str, Path, Callable[[int], None]], Path]
"""Gets one coordinate into a folder, tells the bytes as they come, and returns the file."""


def read_lock(path: Path = LOCK) -> Lock:
    """Read a lock file.

    Raises:
        ConfigurationError: a line is not `group:artifact:version sha256 bytes`.
    """
    artifacts = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            coordinate, sha256, size_bytes = line.split()
            group, name, version = coordinate.split(":")
            artifacts.append(Artifact(group, name, version, sha256, int(size_bytes)))
        except ValueError as error:
            raise ConfigurationError(
                f"{path.name}, line {number}: expected 'group:artifact:version sha256 bytes'.",
                hint="Write the file anew with tools/lock_kafka.py.",
                detail=line,
            ) from error
    return Lock(tuple(artifacts))


def fetch_jars(
    lock: Lock,
    cache: Path,
    progress: Progress = silent,
    fetch: Fetch = maven.fetch,
) -> list[Path]:
    """Make sure that every jar is in the cache.

    Args:
        lock: what is needed.
        cache: the user's cache folder.
        progress: told of the bytes; only when something is missing.
        fetch: how one coordinate is got.

    Returns:
        The jars, in the order of the lock (the class path, which an AOT cache depends on).

    Raises:
        StackError: a download failed or is not what the lock says, or the disk is full.
        ConfigurationError: the cache cannot be written, or jgo is not installed.
    """
    store = cache / "kafka" / lock.kafka_version / "jars"
    jars = [store / artifact.file_name for artifact in lock.artifacts]
    if not all(map(_is_there, jars, lock.artifacts)):
        with one_at_a_time(store.parent, FETCH_TIMEOUT_S):
            missing = [a for a, jar in zip(lock.artifacts, jars, strict=True) if not _is_there(jar, a)]
            if missing:
                with writing_to(store):
                    store.mkdir(exist_ok=True)
                with ClaimedFolder(store.parent, "fetching-") as folder:
                    _fetch_all(missing, folder.path, store, _Meter(missing, lock.kafka_version, progress), fetch)
    return jars


def _is_there(jar: Path, artifact: Artifact) -> bool:
    try:
        return jar.stat().st_size == artifact.size_bytes
    except OSError:
        return False


class _Meter:
    """Adds up the bytes of several threads, and is where a fetch that is no longer wanted ends."""

    def __init__(self, missing: Sequence[Artifact], version: str, progress: Progress) -> None:
        self._name = f"Apache Kafka {version}"
        self._total_bytes = sum(a.size_bytes for a in missing)
        self._done_bytes = 0
        self._told_bytes = 0
        self._progress = progress
        self._lock = threading.Lock()
        self.given_up = threading.Event()

    def add(self, more_bytes: int) -> None:
        if self.given_up.is_set():
            raise StackError("The download was given up.")
        with self._lock:
            self._done_bytes = min(self._done_bytes + more_bytes, self._total_bytes)
            step_bytes = self._total_bytes // PROGRESS_STEPS
            if self._done_bytes - self._told_bytes >= step_bytes or self._done_bytes == self._total_bytes:
                self._told_bytes = self._done_bytes
                self._progress(Fetching(self._name, self._done_bytes, self._total_bytes))


def _fetch_all(
    missing: Sequence[Artifact],
    folder: Path,
    store: Path,
    meter: _Meter,
    fetch: Fetch,
) -> None:
    with ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="fetch") as threads:
        futures = [threads.submit(_fetch_one, artifact, folder, store, meter, fetch) for artifact in missing]
        try:
            done, running = wait(futures, timeout=FETCH_TIMEOUT_S, return_when=FIRST_EXCEPTION)
        except BaseException:
            meter.given_up.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise
        meter.given_up.set()
        threads.shutdown(wait=True, cancel_futures=True)
    for future in done:
        future.result()
    if running:
        raise StackError(
            f"Fetching Apache Kafka took longer than {FETCH_TIMEOUT_S:g} s.",
            hint="Try again on a faster line; what has arrived is kept.",
        )


def _fetch_one(
    artifact: Artifact,
    folder: Path,
    store: Path,
    meter: _Meter,
    fetch: Fetch,
) -> None:
    try:
        file = fetch(artifact.coordinate, folder, meter.add)
        with file.open("rb+") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
            os.fsync(content.fileno())  # else a power cut could leave a whole name with half a file
        if found != artifact.sha256:
            raise StackError(
                f"{artifact.coordinate} arrived with the wrong sha256, and was thrown away.",
                hint="Try again; if it comes back, something between you and the repository alters files.",
                detail=f"expected {artifact.sha256}\nreceived {found}",
            )
        file.replace(store / artifact.file_name)
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors too; RuntimeError: no repository has it
        if isinstance(error, OSError) and error.errno in FILE_SYSTEM_ERRORS:
            raise file_system_error(store, error) from error
        raise _failed(artifact, error) from error


def _failed(artifact: Artifact, error: Exception) -> StackError:
    return StackError(
        f"{artifact.coordinate} could not be fetched.",
        hint="Check the network (and the proxy settings) and try again; what has arrived is kept.",
        detail=f"{type(error).__name__}: {error}",
    )
