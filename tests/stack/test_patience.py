"""A busy machine's servers may take longer to start, up to a limit; what a person says counts more."""

from __future__ import annotations

import os

import pytest

from oncewhere.stack import patience


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_said_s", [])
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.mark.parametrize(("load", "limit_s"), [(0.0, 60.0), (2.0, 60.0), (6.0, 180.0), (400.0, 300.0)])
def test_the_limit_grows_with_the_load(monkeypatch: pytest.MonkeyPatch, load: float, limit_s: float) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert patience.start_limit_s(60.0) == limit_s


def test_what_was_said_counts_and_the_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (20.0, 0.0, 0.0))
    patience.allow(7.0)
    assert patience.start_limit_s(60.0) == 7.0
    assert "load is 20 on 2 processors" in patience.advice()
    assert "-j 1" in patience.advice()
