from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.drill import NamedCrash, Verdict, load
from oncewhere.drill.placeholders import fill
from oncewhere.errors import ConfigurationError

GOOD = """
[processor]
command = ["{python}", "x.py"]
input = "in"
output = ["out"]
group = "g"
identity = "event_id"
[effects.bank]
system = "postgresql"
observe = "select 1, 1"
[drill]
inputs = "inputs.jsonl"
"""


def declare(folder: Path, text: str) -> Path:
    (folder / "oncewhere.toml").write_text(text)
    return folder


def test_a_declaration_without_versions_has_one_that_is_named_like_its_folder(tmp_path: Path) -> None:
    declaration = load(declare(tmp_path, GOOD))
    assert list(declaration.versions) == [tmp_path.name]
    assert not declaration.demonstrates
    assert declaration.versions[tmp_path.name].places == ("out", "bank")


def test_a_version_changes_only_what_it_names(tmp_path: Path) -> None:
    text = (
        GOOD
        + '[versions.naive]\ncommand = ["naive"]\nexpect = { after-effect = { bank = "duplicate" } }\n'
        + '[versions.naive.effects.bank]\npolicy = "none"\n'
    )
    naive = load(declare(tmp_path, text)).versions["naive"]
    assert naive.processor.command == ["naive"]
    assert naive.processor.group == "g"
    assert (naive.effects["bank"].policy, naive.effects["bank"].observe) == ("none", "select 1, 1")
    assert naive.expected(NamedCrash.AFTER_EFFECT, "bank") is Verdict.DUPLICATE
    assert naive.expected(NamedCrash.AFTER_COMMIT, "bank") is Verdict.ONCE


@pytest.mark.parametrize("nearly", ["dedupe-tabel", "dedupe_table", "DedupeTable", "dedupe table"])
def test_what_is_nearly_a_policy_is_refused_and_own_words_are_not(tmp_path: Path, nearly: str) -> None:
    effect = 'system = "postgresql"'
    with pytest.raises(ConfigurationError, match="did you mean 'dedupe-table'"):
        load(declare(tmp_path, GOOD.replace(effect, f'{effect}\npolicy = "{nearly}"')))
    words = "dedupe row with the recorded output"
    (version,) = load(declare(tmp_path, GOOD.replace(effect, f'{effect}\npolicy = "{words}"'))).versions.values()
    assert version.effects["bank"].policy == words


def test_a_declaration_is_read_from_pyproject_as_well(tmp_path: Path) -> None:
    inner = GOOD.replace("[processor]", "[tool.oncewhere.processor]").replace("[effects.", "[tool.oncewhere.effects.")
    (tmp_path / "pyproject.toml").write_text(inner.replace("[drill]", "[tool.oncewhere.drill]"))
    assert load(tmp_path).folder == tmp_path.resolve()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("group =", "gruop ="), r"unknown key 'gruop' in processor.*Did you mean 'group'"),
        (("observe =", "obsrve ="), r"unknown key 'obsrve' in effects.*Did you mean 'observe'"),
        (("[drill]", "[dirll]"), r"unknown key 'dirll' in the top level.*Did you mean 'drill'"),
        (('input = "in"\n', ""), r"processor\.input is missing"),
        (('system = "postgresql"', 'system = "oracle"'), r"effects\.bank\.system cannot be 'oracle'. Known: .*sqlite"),
        (('output = ["out"]', "output = []"), r"processor.output is empty"),
        (('command = ["{python}", "x.py"]', "command = []"), r"processor.command is empty"),
        (('inputs = "inputs.jsonl"', 'inputs = "i"\npartitions = 0'), r"partitions must be from 1 to 100"),
        (("[effects.bank]", "[effects.kafka]"), r"cannot be named 'kafka'"),
        (("[processor]", "[processor"), r"not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        load(declare(tmp_path, GOOD.replace(*change)))
    assert "oncewhere.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


SECOND = '\n[effects.refunds]\nsystem = "postgresql"\nobserve = "select 1, 1"\n'


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        (
            SECOND.replace("postgresql", "postgres"),
            r"effects\.refunds\.system cannot be 'postgres'\. Did you mean 'postgresql'\? Known: .*, mysql, .*sqlite\.",
        ),
        (SECOND + 'policy = "dedupe-tabel"\n', r": effects\.refunds: policy 'dedupe-tabel' is unknown; did you mean"),
        (SECOND + "schema = 3\n", r": effects\.refunds\.schema: Expected .* got `int`\.$"),
        (SECOND + 'schema = ["a.sql", 3]\n', r": effects\.refunds\.schema\[1\]: Expected"),
        (SECOND + "dealy_ms = 3\n", r"unknown key 'dealy_ms' in effects\.refunds\. Did you mean 'delay_ms'\?$"),
        (SECOND.replace('system = "postgresql"', ""), r"effects\.refunds\.system is missing"),
        (
            '[versions.a]\n[versions.b.effects.bank]\nstand_in = "accept"\n',
            r"versions\.b\.effects\.bank\.stand_in cannot be 'accept'\. Did you mean 'accepts'\?",
        ),
        (
            '[versions.a]\nexpect = { after-efect = { bank = "duplicate" } }\n',
            r"unknown key 'after-efect' in versions\.a\.expect\. Did you mean 'after-effect'\?",
        ),
        (
            '[versions.a]\nexpect = { after-effect = { bank = "twice" } }\n',
            r"versions\.a\.expect\.after-effect\.bank cannot be 'twice'\. Known: .*duplicate",
        ),
        (
            '[document]\nreaders = [{ name = "x", isolation_level = "read-committed" }]\n',
            r"document\.readers\[0\]\.isolation_level cannot be .* mean 'read_committed'",
        ),
        (
            '[versions.a.effects.bank]\npolicy = "dedupe-tabel"\n',
            r"toml: versions\.a\.effects\.bank: policy 'dedupe-tabel' is unknown; did you mean 'dedupe-table'\?$",
        ),
        ('[versions.a]\nabuot = "x"\n', r"unknown key 'abuot' in versions\.a\. Did you mean 'about'"),
    ],
)
def test_a_wrong_value_is_said_with_its_own_key_and_what_there_is(tmp_path: Path, addition: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load(declare(tmp_path, GOOD + addition))


@pytest.mark.parametrize(
    "addition",
    [
        '[versions.a]\nexpect = { after-effect = { banc = "duplicate" } }\n',
        '[versions.a.effects.banc]\npolicy = "x"\n',
    ],
)
def test_a_version_that_names_no_place_is_refused_with_the_nearest(tmp_path: Path, addition: str) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown key 'banc'.*Did you mean 'bank'"):
        load(declare(tmp_path, GOOD + addition))


def test_a_folder_without_a_declaration_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no oncewhere.toml"):
        load(tmp_path)
    with pytest.raises(ConfigurationError, match="does not exist"):
        load(tmp_path / "nowhere")


def test_a_placeholder_that_nobody_fills_is_refused_with_the_nearest() -> None:
    assert fill("{kafka}/x", {"kafka": "h:1"}, "w") == "h:1/x"
    with pytest.raises(ConfigurationError, match=r"w uses \{kafak\}.*Did you mean \{kafka\}"):
        fill("{kafak}", {"kafka": "h:1"}, "w")
    assert fill('{"json": 1}', {}, "w") == '{"json": 1}'


def test_the_parts_of_a_database_address_are_filled_in_for_drivers_that_want_them_apart() -> None:
    values = {"bank": "postgresql://me@h:1/d", "bank.host": "h", "bank.port": "1", "bank.database": "d"}
    filled = fill("jdbc:postgresql://{bank.host}:{bank.port}/{bank.database}", values, "w")
    assert filled == "jdbc:postgresql://h:1/d"
    with pytest.raises(ConfigurationError, match=r"w uses \{bank.hots\}.*Did you mean \{bank.host\}"):
        fill("{bank.hots}", values, "w")
