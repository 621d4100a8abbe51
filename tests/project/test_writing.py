"""Whatever a project's names are, what is written is TOML that says them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from oncewhere.drill.declaration_file import loads
from oncewhere.errors import ConfigurationError
from oncewhere.project.answers import Answers, EffectAnswer
from oncewhere.project.writing import as_toml, is_sample, sample_inputs

ODD = ('quote " and \\', "del \x7f", "nul \0 and line\n", "größe ✓", "tab\t")


def answers(effect: str = "bank", **environment: str) -> Answers:
    return Answers(
        command=ODD,
        input="in",
        output=("out",),
        group="g",
        environment=environment,
        effects=(EffectAnswer(name=effect, system="postgresql", policy="undeclared", observe="select 1, 1"),),
        inputs="inputs.jsonl",
    )


def test_any_text_is_read_back_as_it_was() -> None:
    assert tomllib.loads(as_toml(answers()))["processor"]["command"] == list(ODD)


@pytest.mark.parametrize("name", ["PLAIN-1_a", "app.topic", "GRÖSSE", "x²", "with blank", 'a"b'])
def test_any_name_is_a_key(name: str) -> None:
    assert tomllib.loads(as_toml(answers(**{name: "x"})))["processor"]["environment"] == {name: "x"}
    assert list(tomllib.loads(as_toml(answers(effect=name)))["effects"]) == [name]


def test_what_is_not_written_yet_is_checked_as_a_drill_would(tmp_path: Path) -> None:
    file = tmp_path / "new" / "oncewhere.toml"
    assert list(loads(as_toml(answers()), file).versions) == ["new"]
    with pytest.raises(ConfigurationError, match=r"oncewhere\.toml: an effect cannot be named 'my\.bank'"):
        loads(as_toml(answers(effect="my.bank")), file)
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        loads("[", file)


@pytest.mark.parametrize("identity", ["key", "header:event", "order_id"])
@pytest.mark.parametrize("sample", [None, {"order_id": 1, "at": "now"}, {"order_id": "", "cents": 1}])
def test_records_that_were_made_up_are_known_again_until_one_is_changed(
    tmp_path: Path, identity: str, sample: dict[str, object] | None
) -> None:
    file = tmp_path / "inputs.jsonl"
    file.write_text(text := sample_inputs(identity, sample))
    assert is_sample(file)
    file.write_text(text + text)
    assert not is_sample(file)
    file.write_text(text.replace("event-007", "o-7").replace('"order_id": 7,', '"order_id": 700,'))
    assert not is_sample(file)


@pytest.mark.parametrize("text", ["", "no json\n", "[1]\n", '{"value": 1}\n'])
def test_other_files_were_not_made_up(tmp_path: Path, text: str) -> None:
    (tmp_path / "inputs.jsonl").write_text(text)
    assert not is_sample(tmp_path / "inputs.jsonl")
