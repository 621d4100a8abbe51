"""Instances under one transactional.id, told apart before any of them fences another; no server is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.cli.run import _claim
from oncewhere.errors import ConfigurationError


@pytest.mark.parametrize(("name", "stem"), [("loyalty-1", "loyalty"), ("loyalty", "loyalty"), ("7", "7")])
def test_the_second_of_a_name_is_refused_and_told_what_to_write_in_its_own_words(
    tmp_path: Path, name: str, stem: str
) -> None:
    _claim(tmp_path, name, "0")
    _claim(tmp_path, "another", "1")
    with pytest.raises(ConfigurationError, match="they would fence each other") as refused:
        _claim(tmp_path, name, "1")
    assert f"StableOrdinal({stem!r})" in str(refused.value.hint)
