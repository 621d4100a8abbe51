from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from oncewhere.drill import Version, inputs
from oncewhere.drill.declaration import Processor, Settings
from oncewhere.drill.feeding import NOWHERE, all_stand
from oncewhere.drill.identity import Identity
from oncewhere.errors import ConfigurationError


def version(source: str | list[str], identity: str = "event_id") -> Version:
    processor = Processor(command=["x"], input="in", output=["out"], group="g", identity=identity)
    settings = Settings(inputs=source, partitions=2)
    return Version(name="v", about="", processor=processor, effects={}, settings=settings, expect={})


@pytest.mark.parametrize(
    ("text", "key", "value", "headers", "found"),
    [
        ("event_id", b"k", b'{"event_id": "e1"}', [], "e1"),
        ("event_id", b"k", b'{"event_id": 7}', [], "7"),
        ("payment.id", b"k", b'{"payment": {"id": "p"}}', [], "p"),
        ("event_id", b"k", b'{"other": 1}', [], None),
        ("event_id", b"k", b'{"event_id": true}', [], None),
        ("event_id", b"k", b'{"event_id": null}', [], None),
        ("event_id", b"k", b"not json", [], None),
        ("event_id", b"k", b"\xff\xfe", [], None),
        ("event_id", b"k", None, [], None),
        ("key", b"k", None, [], "k"),
        ("key", None, b"{}", [], None),
        ("header:id", None, None, [("x", b"1"), ("id", b"2")], "2"),
        ("header:id", None, None, [("id", None)], None),
    ],
)
def test_the_identity_stands_where_the_declaration_says(
    text: str,
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, bytes | None]],
    found: str | None,
) -> None:
    identity = Identity.parse(text)
    assert identity.of(key, value, headers) == found
    assert str(identity) == text


def test_inputs_come_from_a_file_with_their_values_untouched(tmp_path: Path) -> None:
    (tmp_path / "i.jsonl").write_text('{"key": "ä", "value": {"event_id":  "1"}, "headers": {"h": "é"}}\n\n')
    (record,) = inputs.load(version("i.jsonl"), tmp_path)
    assert (record.key, bytes(record.value), record.headers) == ("ä", b'{"event_id":  "1"}', {"h": "é"})


def test_inputs_come_from_a_command(tmp_path: Path) -> None:
    code = 'print(\'{"value": {"event_id": "1"}}\')'
    assert len(inputs.load(version(["{python}", "-c", code]), tmp_path)) == 1
    assert sys.executable


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "holds no record"),
        (['{"value": {}}'], "record 1 carries no identity"),
        (
            ['{"value": {"event_id": "1"}}', '{"value": {"event_id": "1"}}'],
            "records 1 and 2 carry the same identity '1'",
        ),
        (["{"], "line 1"),
        (['{"value": {"event_id": "1"}, "partition": 2}'], "there is no partition 2"),
        (['{"vlaue": {}}'], "vlaue"),
    ],
)
def test_inputs_that_could_not_be_judged_are_refused(tmp_path: Path, lines: list[str], says: str) -> None:
    (tmp_path / "i.jsonl").write_text("\n".join(lines))
    with pytest.raises(ConfigurationError, match=says):
        inputs.load(version("i.jsonl"), tmp_path)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("none.jsonl", "cannot be read"),
        (["no-such-program-anywhere"], "cannot be started"),
        (["{python}", "-c", "import sys; sys.exit('broken generator')"], "exit code 1"),
    ],
)
def test_inputs_that_cannot_be_had_are_said(tmp_path: Path, source: str | list[str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        inputs.load(version(source), tmp_path)
    if "exit code" in says:
        assert "broken generator" in str(caught.value.detail)


def test_the_example_makes_the_same_payments_for_the_same_seed() -> None:
    folder = Path(__file__).parents[2] / "examples" / "payments"
    made = [inputs.load(version(["{python}", "generate.py", "--partitions", "2"]), folder) for _ in range(2)]
    assert made[0] == made[1]
    values = [json.loads(bytes(r.value)) for r in made[0]]
    assert len(values) == 300
    assert all(isinstance(v["amount"], str) for v in values)
    assert any(not v["merchant"].isascii() for v in values)


@pytest.mark.parametrize(
    ("positions", "stand"),
    [
        ([], True),
        ([(0, 0), (1, 0), (0, 1)], True),
        ([(0, 0), (0, 0), (0, 1)], False),
        ([(0, NOWHERE), (0, 0)], False),
        ([(0, 0), (0, 2)], False),
        ([(2, 0)], False),
    ],
)
def test_an_input_that_was_acknowledged_and_has_no_place_is_noticed(
    positions: list[tuple[int, int]], stand: bool
) -> None:
    assert all_stand(positions, {0: 2, 1: 1}) is stand
