"""A drill of another program, or one that counted something else, proves nothing of what is declared today."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncewhere.document import Committed, as_markdown, compose, differences
from oncewhere.document.claim import claims, sentence
from oncewhere.document.setup import Setup, set_up_otherwise, setup_of
from oncewhere.document.statement import Standing
from oncewhere.drill import load

sys.path.insert(0, str(Path(__file__).parent))

from drilled_folder import DECLARATION

SETUP = Setup(
    command=["{python}", "sound.py", "a b"],
    observe={"bank": "select event_id, count(*)\nfrom settlement group by event_id"},
    schema={"bank": ["ledger.sql"]},
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"command": ["java", "-jar", "naive.jar"]}, "the command was `{python} sound.py 'a b'`"),
        (
            {"observe": {"bank": "select 1, 1"}},
            "`observe` of `bank` was `select event_id, count(*) from settlement group by event_id`",
        ),
        ({"schema": {}}, "the schema of `bank` was `ledger.sql`"),
    ],
)
def test_what_was_drilled_is_not_what_is_declared_now(ledger, changed, changes: dict[str, Any], words: str) -> None:
    before = changed(changed(ledger, "drilled", setup=SETUP), "declared", setup=SETUP)
    assert {claim.standing for claim in claims(before)} == {Standing.HOLDS}
    now = changed(before, "declared", setup=msgspec.structs.replace(SETUP, **changes))
    assert {claim.standing for claim in claims(now)} == {Standing.UNKNOWN}
    assert f"what was drilled is not what is declared now ({words})" in sentence(now)
    today = datetime(2026, 12, 1, tzinfo=UTC)
    found = differences(Committed(facts=before), as_markdown(compose(before)), now, today=today)
    assert f"When it was drilled, {words}: drill it again." in [difference.sentence for difference in found]


def test_facts_of_an_earlier_version_are_not_compared(ledger, changed) -> None:
    assert ledger.drilled.setup is None
    now = changed(ledger, "declared", setup=SETUP)
    assert sentence(now) == sentence(ledger)
    assert list(set_up_otherwise(SETUP, None, ["bank"])) == []


def test_a_setup_has_no_secret_in_it_and_is_the_same_when_it_is_read_from_a_runs_folder(tmp_path: Path) -> None:
    command = '["java", "--db-password", "hunter2", "-Durl=jdbc://me:hunter3@db/x", "API_TOKEN=hunter4", "a b"]'
    text = DECLARATION.replace('["x"]', command).replace('"none"', '"none"\nschema = "/somewhere/on/a/machine/s.sql"')
    (tmp_path / "oncewhere.toml").write_text(text)
    (version,) = load(tmp_path).versions.values()
    setup = setup_of(version)
    assert "hunter" not in str(setup)
    assert setup.schema == {"bank": ["s.sql"]}
    processor = msgspec.structs.replace(version.processor, command=setup.command)
    effects = {"bank": msgspec.structs.replace(version.effects["bank"], schema=setup.schema["bank"])}
    assert setup_of(msgspec.structs.replace(version, processor=processor, effects=effects)) == setup


def test_another_command_is_noticed_though_no_file_but_the_declaration_changed(
    tmp_path: Path, typed: Callable[..., tuple[int, str]]
) -> None:
    assert typed(".")[0] == 0
    assert "the command was" not in typed(".", "--check")[1]
    (tmp_path / "oncewhere.toml").write_text(DECLARATION.replace('["x"]', '["naive"]'))
    code, told = typed(".", "--check")
    assert code == 1
    assert "When it was drilled, the command was x: drill it again." in told
