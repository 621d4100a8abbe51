from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from oncewhere.drill import (
    Coverage,
    DrillResult,
    Finding,
    Plan,
    PointSet,
    Step,
    TrialResult,
    Verdict,
    VersionResult,
    load,
    parse_id,
)
from oncewhere.drill.control import NAME, but_the_control, with_control
from oncewhere.errors import ConfigurationError
from oncewhere.report.junit import as_junit
from oncewhere.report.provenance import Ending, Provenance
from oncewhere.report.run_json import Run
from oncewhere.report.words import conclusion

DECLARATION = """
[processor]
command = ["right"]
input = "in"
output = ["out"]
group = "g"
identity = "key"
[drill]
inputs = "x"
{control}
[versions.right]
[versions.naive]
command = ["naive"]
"""


def declared(folder: Path, control: str = ""):
    (folder / "oncewhere.toml").write_text(DECLARATION.format(control=control))
    return load(folder)


def test_a_version_of_the_declaration_may_be_the_control(tmp_path: Path) -> None:
    declaration = declared(tmp_path, 'control = "naive"')
    versions, name = with_control(declaration, list(declaration.versions.values()))
    assert ([v.name for v in versions], name) == (["right", "naive"], "naive")


def test_a_command_may_be_the_control_of_a_processor_without_versions(tmp_path: Path) -> None:
    declaration = declared(tmp_path, 'control = ["right", "--no-dedupe"]')
    versions, name = with_control(declaration, [declaration.versions["right"]])
    assert (versions[-1].processor.command, name) == (["right", "--no-dedupe"], NAME)
    assert versions[-1].effects == versions[0].effects


@pytest.mark.parametrize(
    ("control", "chosen", "says"),
    [
        ("", "right", "names no control"),
        ('control = "nobody"', "right", "does not have"),
        ('control = "naive"', "naive", "control itself"),
    ],
)
def test_what_is_no_control_is_told_in_one_sentence(tmp_path: Path, control: str, chosen: str, says: str) -> None:
    declaration = declared(tmp_path, control)
    with pytest.raises(ConfigurationError, match=says):
        with_control(declaration, [declaration.versions[chosen]])


def test_a_control_that_is_the_only_version_says_what_must_stand_beside_it(tmp_path: Path) -> None:
    text = DECLARATION.format(control='control = "naive"').replace("[versions.right]\n", "")
    (tmp_path / "oncewhere.toml").write_text(text)
    declaration = load(tmp_path)
    with pytest.raises(ConfigurationError, match="the declaration has no other version") as refused:
        with_control(declaration, [declaration.versions["naive"]])
    assert "[versions.NAME], which may be empty but for `about`" in refused.value.hint
    assert but_the_control(declaration) == ["naive"]


def test_whoever_names_no_version_does_not_mean_the_control(tmp_path: Path) -> None:
    assert but_the_control(declared(tmp_path, 'control = "naive"')) == ["right"]
    assert but_the_control(declared(tmp_path)) == ["right", "naive"]


def drilled(folder: Path, right: Verdict, naive: Verdict) -> DrillResult:
    declaration = declared(folder)

    def one(name: str, verdict: Verdict) -> VersionResult:
        point = parse_id("kafka.EndTxn.1.1.before", {"kafka": "kafka"})
        finding = Finding(place="out", system="kafka", check=6, verdict=verdict, sentence="as judged")
        trial = TrialResult(
            plan=Plan(steps=(Step(point=point),)),
            crashes=(),
            reached=True,
            findings=(finding,),
            lives=2,
            duration_s=1,
            folder="f",
        )
        coverage = Coverage(points=PointSet.ALL, inputs=1, chosen=1, reached=1, recorded=1)
        return VersionResult(version=declaration.versions[name], trials=(trial,), coverage=coverage)

    versions = (one("right", right), one("naive", naive))
    return DrillResult(versions=versions, demonstration=False, folder="f", duration_s=1, control="naive")


@pytest.mark.parametrize(
    ("right", "naive", "code", "says"),
    [
        (Verdict.ONCE, Verdict.DUPLICATE, 0, "turned red at 1 of 1 points, as it must"),
        (Verdict.ONCE, Verdict.ONCE, 1, "THE CONTROL DID NOT TURN RED"),
        (Verdict.ONCE, Verdict.UNKNOWN, 1, "THE CONTROL DID NOT TURN RED"),
        (Verdict.LOST, Verdict.DUPLICATE, 1, "as it must"),
        (Verdict.UNKNOWN, Verdict.DUPLICATE, 3, "as it must"),
    ],
)
def test_a_drill_whose_control_stays_green_has_failed(
    tmp_path: Path, right: Verdict, naive: Verdict, code: int, says: str
) -> None:
    result = drilled(tmp_path, right, naive)
    assert result.exit_code == code
    assert says in " ".join(conclusion(result, Provenance()))
    run = Run(path="", result=result, made_with={}, provenance=Provenance(), ending=Ending())
    failures = {suite.get("name"): suite.get("failures") for suite in as_junit(run)}
    assert failures["naive"] == ("0" if naive.violated else "1")


def test_a_control_without_a_name_of_its_own_is_named_once(tmp_path: Path) -> None:
    result = drilled(tmp_path, Verdict.ONCE, Verdict.DUPLICATE)
    naive = next(v for v in result.versions if v.version.name == "naive")
    unnamed = dataclasses.replace(naive, version=msgspec.structs.replace(naive.version, name=NAME))
    lines = conclusion(dataclasses.replace(result, versions=(unnamed,), control=NAME), Provenance())
    assert "The control turned red at 1 of 1 points, as it must." in lines
