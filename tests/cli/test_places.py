"""Folders that the environment names hold wherever the servers that use them are started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from oncewhere.cli.places import cache_folder


@pytest.mark.parametrize("variable", ["ONCEWHERE_CACHE", "XDG_CACHE_HOME"])
def test_a_relative_cache_is_the_current_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("ONCEWHERE_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv(variable, "kept/here")
    monkeypatch.chdir(tmp_path)
    assert cache_folder().is_absolute()
    assert cache_folder().is_relative_to(tmp_path / "kept" / "here")


def test_a_link_to_the_cache_stays_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONCEWHERE_CACHE", "link")
    assert cache_folder() == tmp_path / "link"
