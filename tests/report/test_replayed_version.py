"""A run and a declaration: which version of it a replay takes; another processor is never taken for the run's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest
from made_run import make_run

from oncewhere.cli.drilled_before import declaration_of, version_drilled
from oncewhere.drill import Declaration, load
from oncewhere.errors import ConfigurationError
from oncewhere.report import Run, read_run

UNNAMED = (
    '[processor]\ncommand = ["true"]\ninput = "payment-authorized"\noutput = ["out"]\n'
    'group = "settlement"\nidentity = "key"\n'
    '[drill]\ninputs = "inputs.jsonl"\n'
)


def a_run(folder: Path, name: str, *, project: str) -> Run:
    """Of one version, drilled in the project's own folder."""
    run = read_run(make_run(folder / "runs-of-another-machine", points=1, names=[name]))
    return dataclasses.replace(run, path=".", provenance=dataclasses.replace(run.provenance, project=project))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "settle"
    folder.mkdir()
    (folder / "oncewhere.toml").write_text(UNNAMED)
    return folder


def taken(declaration: Declaration, run: Run) -> str:
    return version_drilled(declaration, run, run.result.versions[0].version).name


def test_a_version_without_a_name_is_found_in_a_clone_under_another_name(tmp_path: Path, here: Path) -> None:
    assert taken(load(here), a_run(tmp_path, "the-folder-of-the-build", project="the-folder-of-the-build")) == "settle"


def test_a_named_version_is_found_by_its_name_only(tmp_path: Path, here: Path) -> None:
    payments = load(Path(__file__).parents[2] / "examples" / "payments")
    assert taken(payments, a_run(tmp_path / "a", "skip", project="payments")) == "skip"
    with pytest.raises(ConfigurationError, match="no version 'gone'"):
        taken(payments, a_run(tmp_path / "b", "gone", project="payments"))
    with pytest.raises(ConfigurationError, match="no version 'naive'"):
        taken(load(here), a_run(tmp_path / "c", "naive", project="payments"))


@pytest.mark.parametrize("other", ['group = "settlement"', '"payment-authorized"'], ids=["group", "topic"])
def test_another_processor_is_not_replayed_in_its_stead(tmp_path: Path, here: Path, other: str) -> None:
    (here / "oncewhere.toml").write_text(UNNAMED.replace(other, other[:-1] + '-eu"'))
    with pytest.raises(ConfigurationError, match="holds another processor") as refused:
        taken(load(here), a_run(tmp_path, "refund", project="refund"))
    assert "project of refund" in str(refused.value.hint)


def test_a_named_version_that_consumes_in_another_group_is_another_processor(tmp_path: Path) -> None:
    run = a_run(tmp_path, "skip", project="payments")
    (drilled,) = run.result.versions
    processor = msgspec.structs.replace(drilled.version.processor, group="refund")
    payments = load(Path(__file__).parents[2] / "examples" / "payments")
    with pytest.raises(ConfigurationError, match="holds another processor"):
        version_drilled(payments, run, msgspec.structs.replace(drilled.version, processor=processor))


def test_the_version_of_a_test_has_no_name_of_its_own_unless_a_file_declares_it(
    tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here.parent)

    def by_a_test(name: str, path: str) -> Run:
        run = a_run(tmp_path / path, name, project="shop")
        told = dataclasses.replace(run.provenance, repeat="pytest tests/test_pay.py::test_once")
        return dataclasses.replace(run, path=path, provenance=told)

    assert taken(load(here), by_a_test("settlement", "tests/test_pay.py")) == "settle"
    assert declaration_of(by_a_test("settle", "settle"), None) == here, "the test drilled the file"
    with pytest.raises(ConfigurationError, match="no version 'settlement'"):
        taken(load(here), by_a_test("settlement", "settle"))
