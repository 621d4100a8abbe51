"""A cache that cannot be written costs a slower start, never the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.errors import ConfigurationError
from oncewhere.stack import kafka_aot
from oncewhere.stack.java import Java
from oncewhere.stack.kafka_aot import AotCache


@pytest.fixture
def aot(tmp_path: Path) -> AotCache:
    program = tmp_path / "java"
    program.touch()
    return AotCache(tmp_path, Java(program, 25, "25-test"), [program], [])


def test_the_first_broker_trains(aot: AotCache) -> None:
    (option, _) = aot.options(train=True)
    assert option.startswith("-XX:AOTCacheOutput=")
    aot.release()


def test_into_a_cache_that_is_only_read_nobody_trains(tmp_path: Path) -> None:
    program = tmp_path / "java"
    program.touch()
    # A file where the folder should be refuses even root, as a read-only file system does.
    aot = AotCache(program, Java(program, 25, "25-test"), [program], [])
    assert aot.options(train=True) == []
    assert not aot.is_training


def test_a_damaged_cache_that_cannot_be_removed_is_not_used_again(
    aot: AotCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    aot.path.touch()
    assert aot.options(train=True)[0] == f"-XX:AOTCache={aot.path}"
    monkeypatch.setattr(Path, "unlink", _refused)
    monkeypatch.setattr(kafka_aot, "ClaimedFolder", _not_yours)
    assert aot.discard()
    assert aot.path.exists()
    assert aot.options(train=True) == []
    assert not aot.discard(), "the next crash has another reason"


def _refused(path: Path, *_: object, **__: object) -> None:
    raise OSError(30, "Read-only file system", str(path))


def _not_yours(*_: object, **__: object) -> None:
    raise ConfigurationError("it cannot be written")
