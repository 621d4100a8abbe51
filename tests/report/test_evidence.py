"""A run as a document's evidence: it is found by the version's name, and by nothing where a version has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import make_run

from oncewhere.cli.facts import runs_of
from oncewhere.drill import load
from oncewhere.errors import ConfigurationError

UNNAMED = (
    '[processor]\ncommand = ["true"]\ninput = "in"\noutput = ["out"]\ngroup = "g"\nidentity = "key"\n'
    '[drill]\ninputs = "inputs.jsonl"\n'
)


def test_a_run_of_a_version_without_a_name_counts_in_a_clone_under_another_name(tmp_path: Path) -> None:
    run = make_run(tmp_path / "build", points=1, names=["the-folder-of-the-build"])
    here = tmp_path / "settle"
    here.mkdir()
    (here / "oncewhere.toml").write_text(UNNAMED)
    (told,) = runs_of(load(here), "settle", [run]).runs
    assert told.result.version.name == "the-folder-of-the-build"


def test_a_run_of_several_versions_or_for_a_named_one_counts_by_its_names_only(tmp_path: Path) -> None:
    here = tmp_path / "settle"
    here.mkdir()
    (here / "oncewhere.toml").write_text(UNNAMED)
    several = make_run(tmp_path / "several", points=1, names=["naive", "sound"])
    with pytest.raises(ConfigurationError, match="tells nothing of settle"):
        runs_of(load(here), "settle", [several])
    payments = load(Path(__file__).parents[2] / "examples" / "payments")
    other = make_run(tmp_path / "other", points=1, names=["settle"])
    with pytest.raises(ConfigurationError, match="tells nothing of skip"):
        runs_of(payments, "skip", [other])
