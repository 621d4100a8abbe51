"""Only what was checked ever stands in the cache, and every way to fail is one sentence."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oncewhere.errors import ConfigurationError, OncewhereError, StackError
from oncewhere.stack.artifacts import Artifact, Lock, fetch_jars, read_lock
from oncewhere.stack.progress import Event, Fetching

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"a jar " * 1000
FULL_DISK = Path("/dev/full")


def lock_of(*names: str, content: bytes = CONTENT) -> Lock:
    sha256 = hashlib.sha256(content).hexdigest()
    kafka = Artifact("org.apache.kafka", "kafka_2.13", "9.9", sha256, len(content))
    return Lock((kafka, *(Artifact("org.example", name, "1", sha256, len(content)) for name in names)))


class Repository:
    """Hands out the same content for every coordinate, and counts."""

    def __init__(self, content: bytes = CONTENT, pause_s: float = 0.0) -> None:
        self.content = content
        self.pause_s = pause_s
        self.asked: list[str] = []

    def __call__(self, coordinate: str, folder: Path, tell: Callable[[int], None]) -> Path:
        self.asked.append(coordinate)
        file = folder / coordinate.replace(":", "-")
        with file.open("wb") as out:
            for start in range(0, len(self.content), 1000):
                time.sleep(self.pause_s)
                chunk = self.content[start : start + 1000]
                out.write(chunk)
                tell(len(chunk))
        return file


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def test_the_lock_names_every_jar_with_its_sha256_and_size() -> None:
    lock = read_lock()
    assert lock.kafka_version == "4.3.1"
    assert len(lock.artifacts) == 46  # the closure of 45, and the slf4j binding
    assert all(len(a.sha256) == 64 and a.size_bytes > 0 for a in lock.artifacts)
    assert len({a.file_name for a in lock.artifacts}) == len(lock.artifacts)
    assert "slf4j-simple" in {a.name for a in lock.artifacts}


def test_a_damaged_lock_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "kafka.lock"
    path.write_text("# a comment\norg.example:jar 00 12\n")
    with pytest.raises(ConfigurationError, match=r"kafka.lock, line 2"):
        read_lock(path)


def test_jars_are_fetched_once_and_in_the_order_of_the_lock(tmp_path: Path) -> None:
    repository = Repository()
    lock = lock_of("b", "a")
    first = fetch_jars(lock, tmp_path, fetch=repository)
    assert [jar.name for jar in first] == ["kafka_2.13-9.9.jar", "b-1.jar", "a-1.jar"]
    assert all(jar.read_bytes() == CONTENT for jar in first)
    assert fetch_jars(lock, tmp_path, fetch=repository) == first
    assert len(repository.asked) == 3


def test_a_jar_that_was_cut_short_is_fetched_again(tmp_path: Path) -> None:
    repository = Repository()
    lock = lock_of("a")
    jar = fetch_jars(lock, tmp_path, fetch=repository)[1]
    jar.write_bytes(CONTENT[:-1])
    fetch_jars(lock, tmp_path, fetch=repository)
    assert jar.read_bytes() == CONTENT
    assert repository.asked.count("org.example:a:1") == 2


def test_progress_counts_up_to_the_whole(tmp_path: Path) -> None:
    events: list[Event] = []
    fetch_jars(lock_of("a", "b", "c"), tmp_path, events.append, fetch=Repository())
    counted = [event for event in events if isinstance(event, Fetching)]
    assert [event.done_bytes for event in counted] == sorted(event.done_bytes for event in counted)
    assert counted[-1].done_bytes == counted[-1].total_bytes == 4 * len(CONTENT)


def test_a_wrong_sha256_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(StackError) as caught:
        fetch_jars(lock_of(), tmp_path, fetch=Repository(CONTENT[:-1] + b"!"))
    assert caught.value.message == "org.apache.kafka:kafka_2.13:9.9 arrived with the wrong sha256, and was thrown away."
    assert caught.value.hint
    assert "expected" in (caught.value.detail or "")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "error",
    [ConnectionError("no route to host"), TimeoutError("timed out"), RuntimeError("Could not resolve artifact")],
)
def test_a_failed_download_is_one_sentence_and_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    def fails(coordinate: str, folder: Path, tell: Callable[[int], None]) -> Path:
        (folder / "half.jar").write_bytes(CONTENT[:10])
        tell(10)
        raise error

    with pytest.raises(StackError) as caught:
        fetch_jars(lock_of(), tmp_path, fetch=fails)
    assert caught.value.message == "org.apache.kafka:kafka_2.13:9.9 could not be fetched."
    assert "network" in (caught.value.hint or "")
    assert str(error) in (caught.value.detail or "")
    assert files(tmp_path) == []


def test_what_arrived_before_a_failure_is_kept(tmp_path: Path) -> None:
    repository = Repository()

    def fails_late(coordinate: str, folder: Path, tell: Callable[[int], None]) -> Path:
        if coordinate.startswith("org.example"):
            time.sleep(0.3)
            raise ConnectionError("cut")
        return repository(coordinate, folder, tell)

    with pytest.raises(StackError):
        fetch_jars(lock_of("a"), tmp_path, fetch=fails_late)
    assert files(tmp_path) == ["kafka_2.13-9.9.jar"]


@pytest.mark.skipif(not FULL_DISK.exists(), reason="needs Linux's device that is always full")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    def writes(coordinate: str, folder: Path, tell: Callable[[int], None]) -> Path:
        (folder / "half.jar").write_bytes(CONTENT[:10])
        FULL_DISK.write_bytes(CONTENT)  # the kernel's own ENOSPC
        raise AssertionError("it was full")

    with pytest.raises(StackError) as caught:
        fetch_jars(lock_of(), tmp_path, fetch=writes)
    assert caught.value.message.startswith("The disk that holds")
    assert caught.value.message.endswith("is full.")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert files(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigurationError, match="cannot be written: Not a directory"):
        fetch_jars(lock_of(), tmp_path / "file", fetch=Repository())


def test_two_that_need_the_same_jars_fetch_them_once(tmp_path: Path) -> None:
    repository = Repository(pause_s=0.02)
    lock = lock_of("a", "b")
    threads = [threading.Thread(target=fetch_jars, args=(lock, tmp_path), kwargs={"fetch": repository}) for _ in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(repository.asked) == 3


def test_giving_up_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(_event: Event) -> None:
        raise StackError("given up")

    with pytest.raises(OncewhereError):
        fetch_jars(lock_of(), tmp_path, interrupted, fetch=Repository())
    assert files(tmp_path) == []


KILLED = """
import pathlib, time
from oncewhere.stack.artifacts import fetch_jars, read_lock
def slow(coordinate, folder, tell):
    (folder / "half.jar").write_bytes(b"half")
    print("half", flush=True)
    time.sleep(300)
fetch_jars(read_lock(), pathlib.Path({cache!r}), fetch=slow)
"""


def test_what_a_killed_download_left_is_swept_by_the_next(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", KILLED.format(cache=str(tmp_path))], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    assert killed.stdout.readline().startswith(b"half")  # two may be under way at once
    killed.kill()
    killed.wait()
    killed.stdout.close()
    assert "half.jar" in files(tmp_path)
    version = read_lock().kafka_version
    (artifact,) = lock_of().artifacts
    lock = Lock((Artifact(artifact.group, artifact.name, version, artifact.sha256, artifact.size_bytes),))
    fetch_jars(lock, tmp_path, fetch=Repository())
    assert files(tmp_path) == [f"kafka_2.13-{version}.jar"]


REAL = """
import pathlib
from oncewhere.stack.artifacts import Lock, fetch_jars, read_lock
lock = read_lock()
wanted = [a for a in lock.artifacts if a.name in ("jspecify", "kafka-tools-api", "kafka_2.13")]
fetch_jars(Lock(tuple(wanted)), pathlib.Path({cache!r}))
"""


def test_jgo_fetches_the_real_jars_prints_nothing_and_leaves_the_home_folder_alone(tmp_path: Path) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    told = subprocess.run(
        [sys.executable, "-W", "always", "-c", REAL.format(cache=str(cache))],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    assert list(home.iterdir()) == []
    assert len(files(cache)) == 3
