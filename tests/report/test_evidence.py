"""A run as a document's evidence: it is found by the version's name, and by nothing where a version has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import make_run

from oncewhere.cli.facts import runs_of
from oncewhere.drill import load
from oncewhere.errors import ConfigurationError

UNNAMED = (
    '[processor]\ncommand = ["true"]\ninput = "payment-authorized"\noutput = ["out"]\n'
    'group = "settlement"\nidentity = "key"\n'
    '[drill]\ninputs = "inputs.jsonl"\n'
)


def test_a_run_of_a_version_without_a_name_counts_in_a_clone_under_another_name(tmp_path: Path) -> None:
    run = make_run(tmp_path / "build", points=1, names=["the-folder-of-the-build"])
    here = tmp_path / "settle"
    here.mkdir()
    (here / "oncewhere.toml").write_text(UNNAMED)
    (told,) = runs_of(load(here), "settle", [run]).runs
    assert told.result.version.name == "the-folder-of-the-build"


@pytest.mark.parametrize("other", ['group = "settlement"', '"payment-authorized"'], ids=["group", "topic"])
def test_a_run_of_another_processor_is_no_evidence(tmp_path: Path, other: str) -> None:
    run = make_run(tmp_path / "build", points=1, names=["refund"])
    here = tmp_path / "settle"
    here.mkdir()
    (here / "oncewhere.toml").write_text(UNNAMED.replace(other, other[:-1] + '-eu"'))
    with pytest.raises(ConfigurationError, match="tells nothing of settle"):
        runs_of(load(here), "settle", [run])


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


def test_a_processor_that_was_drilled_by_its_module_has_been_drilled_and_the_other_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "oncewhere.toml").write_text(
        '[processor]\napp = "settlement:app"\nidentity = "event_id"\n[drill]\ninputs = "inputs.jsonl"\n'
    )
    (tmp_path / "settlement.py").write_text(
        "from oncewhere import Processor\n"
        'app = Processor({"bootstrap.servers": "k:1"}, group_id="settlement", transactional_id="t")\n'
        '@app.consume("payment-authorized", bytes)\n'
        "def handle(record, tx):\n"
        '    tx.produce("out", record.value)\n'
    )
    make_run(tmp_path, points=1, names=["settlement"], declaration="settlement:app")
    make_run(tmp_path, points=1, names=["another"], declaration="another:app")
    by_folder, by_module = load(Path()), load(Path("settlement:app"))
    (named,) = by_folder.versions
    assert [told.result.version.name for told in runs_of(by_folder, named, []).runs] == ["settlement"]
    make_run(tmp_path, points=1, names=[named], declaration=".")
    (module,) = by_module.versions
    assert {told.result.version.name for told in runs_of(by_module, module, []).runs} == {"settlement", named}
