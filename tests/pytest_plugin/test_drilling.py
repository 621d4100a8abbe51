"""What a test's call makes of a drill, before any server is asked for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oncewhere.drill import Choice, PointSet
from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.masking import masked
from oncewhere.pytest_plugin import drilling
from oncewhere.pytest_plugin.drilling import Driller
from oncewhere.pytest_plugin.origin import Origin
from oncewhere.pytest_plugin.said_beside_a_file import STANDS_AT
from oncewhere.pytest_plugin.wanted import Wanted
from oncewhere.report import read_run

DECLARATION = """
[processor]
command = ["python3", "-c", "pass"]
input = "a"
output = ["b"]
group = "g"
identity = "event_id"
[drill]
inputs = "inputs.jsonl"
sweep_inputs = 40
"""
SERVERS: Any = SimpleNamespace(is_ours=True, for_drill=lambda systems, dsns: (systems, dsns))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Choice]:
    """The choices of the drills that were begun; each ends at once, as one does whose processor cannot start."""
    choices: list[Choice] = []

    class Ends:
        def __init__(self, *_: object, choice: Choice, **__: object) -> None:
            choices.append(choice)

        async def run(self) -> None:
            raise InconclusiveError(
                "it ended; password=hush",
                hint="It said token=hush.",
                detail="first\n" * 20 + "last words; password=hush",
            )

    monkeypatch.setattr(drilling, "Drill", Ends)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "oncewhere.toml").write_text(DECLARATION)
    return choices


def driller(root: Path, *, points: str = "mission", kafka: str = "") -> Driller:
    options = (("--oncewhere-kafka", kafka),) if kafka else ()
    return Driller(
        SERVERS,
        origin=Origin(nodeid="tests/test_it.py::test_once[a b]", rootdir=root, options=options),
        folder=root / "tests",
        scratch=root,
        root=root / ".oncewhere",
        name="test_once[a b]",
        points=points,
        seed=5,
    )


@pytest.mark.parametrize(("points", "limit"), [("mission", None), ("boundaries", 40), ("all", 40)])
def test_a_sweep_sends_as_many_inputs_as_the_declaration_says(
    tmp_path: Path, asked: list[Choice], points: str, limit: int | None
) -> None:
    with pytest.raises(InconclusiveError):
        driller(tmp_path, points=points)(".")
    (choice,) = asked
    assert (choice.points, choice.inputs_limit, choice.seed) == (PointSet(points), limit, 5)


def test_what_ends_a_drill_is_raised_with_its_last_words_and_without_its_way_through_our_code(
    tmp_path: Path, asked: list[Choice]
) -> None:
    del asked
    with pytest.raises(InconclusiveError) as raised:
        driller(tmp_path)(".")
    assert str(raised.value) == "it ended; password=*** It said token=***"
    assert raised.value.__notes__ == ["  | first"] * 9 + ["  | last words; password=***"]
    assert raised.value.__cause__ is None
    shown = [entry for entry in raised.traceback if not entry.ishidden(raised)]
    assert {entry.path for entry in shown} == {Path(__file__)}, "the test's own line"


@pytest.mark.parametrize(
    ("argument", "given", "place"),
    [
        ("drill", {"deadline_s": 120}, "drill.deadline_s"),
        ("processor", {"environment": {"A": "b"}}, "processor.environment"),
        ("effects", {"bank": {"observe": "select 1"}}, "[effects.bank]"),
        ("inputs", [], "drill.inputs"),
        ("observe", {"bank": "select 1"}, "effects.bank.observe"),
        ("observe", "select 1", "effects.NAME.observe"),
        ("schema", "create table a (b int);", "effects.NAME.schema"),
        ("identity", "id", "processor.identity"),
        ("output", ["c"], "processor.output"),
    ],
)
def test_what_is_said_beside_a_file_is_refused_and_never_dropped(
    tmp_path: Path, asked: list[Choice], argument: str, given: Any, place: str
) -> None:
    for path in (".", Path("oncewhere.toml")):
        with pytest.raises(ConfigurationError) as refused:
            driller(tmp_path)(path, **{argument: given})
        assert f"and {argument}= would change nothing." in refused.value.message
        assert f"Write it into the file ({place})." in str(refused.value.hint)
    assert asked == [], "nothing was drilled"


def test_every_argument_that_says_something_of_a_processor_has_its_place_in_a_file() -> None:
    assert set(STANDS_AT) == set(Wanted.__dataclass_fields__)


@pytest.mark.parametrize("kafka", ["", "k:9092"])
def test_a_run_of_a_test_says_whose_servers_it_used_and_what_repeats_it(
    tmp_path: Path, asked: list[Choice], kafka: str
) -> None:
    del asked
    with pytest.raises(InconclusiveError):
        driller(tmp_path, kafka=kafka)(".")
    (folder,) = (tmp_path / ".oncewhere" / "runs").glob("2*")
    run = read_run(folder)
    told = run.provenance
    given = f" --oncewhere-kafka {kafka}" if kafka else ""
    assert told.command == told.repeat == f"pytest 'tests/test_it.py::test_once[a b]'{given}"
    assert (run.path, told.project) == ("tests", tmp_path.name)
    assert told.servers == (("kafka",) if kafka else ())
    assert ("kafka" in run.made_with) is not bool(kafka), "the version of a Kafka of theirs is not known"
    assert ("as the test asked: Kafka." in told.safety()) is bool(kafka)
    assert ("nothing of production was touched" in told.safety()) is not bool(kafka)


@pytest.mark.parametrize(
    ("nodeid", "command"),
    [
        ("tests/test_tokens.py::TestToken::test_once", "pytest tests/test_tokens.py::TestToken::test_once"),
        ("tests/test_it.py::test_once[password=hush]", "pytest 'tests/test_it.py::test_once[password=***'"),
    ],
)
def test_the_command_that_runs_a_test_again_hides_secrets_and_no_names(
    tmp_path: Path, nodeid: str, command: str
) -> None:
    assert Origin(nodeid=nodeid, rootdir=tmp_path).command == command
    assert masked(command) == command
