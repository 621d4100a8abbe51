"""`oncewhere config --show` and completion: what a command would go by, and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def shown(typed, *arguments: str) -> dict[str, tuple[str, str]]:
    done = typed("config", "--show", *arguments)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("drill --")]
    return {row[1]: (row[2], row[3]) for row in rows}


def test_the_environment_counts_more_than_the_file_and_the_file_more_than_the_default(
    tmp_path: Path, typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "oncewhere.toml").write_text('[options.drill]\nlanes = 3\nseed = 9\npoints = "boundaries"\n')
    monkeypatch.setenv("ONCEWHERE_DRILL_SEED", "4")
    values = shown(typed, "drill")
    assert values["--seed"] == ("4", "environment")
    assert values["--points"] == ("boundaries", "oncewhere.toml")
    assert values["--brokers"] == ("1", "default")


def test_what_the_file_says_is_what_the_command_does_and_a_flag_counts_more(tmp_path: Path, typed) -> None:
    (tmp_path / "oncewhere.toml").write_text("[options.drill]\nlanes = 99\n")
    done = typed("drill", ".")
    assert done.returncode == 2
    assert "99 is not in the range" in done.stderr
    assert "99" not in typed("drill", ".", "-j", "1").stderr


def test_a_broken_file_is_told_and_a_password_is_not(tmp_path: Path, typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCEWHERE_DRILL_DSNS", "bank=postgresql://me:hush@h/x")
    monkeypatch.setenv("ONCEWHERE_DRILL_KAFKA_SETTINGS", "sasl.password=x&hush;3 hush")
    monkeypatch.setenv("ONCEWHERE_AT_bank", "host=h user=me password='x&y hush'")
    (tmp_path / "oncewhere.toml").write_text("[options.observe]\nkafka_settings = ['ssl.key.password=x hush']\n")
    assert "hush" not in typed("config", "--show").stdout
    (tmp_path / "oncewhere.toml").write_text("[options")
    done = typed("config", "--show")
    assert (done.returncode, "not valid TOML" in done.stderr) == (2, True)


def test_a_variable_that_no_option_has_is_told_as_well(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCEWHERE_START_LIMIT", "600")
    (row,) = [line.split() for line in typed("config", "--show").stdout.splitlines() if "START_LIMIT" in line]
    assert row == ["ONCEWHERE_START_LIMIT", "600", "environment"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(tmp_path: Path, typed, shell: str) -> None:
    done = typed("completion", shell)
    assert done.returncode == 0
    assert f"_ONCEWHERE_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("drill --scenario zo", ["plain,zombie"]),
        ("explain dupl", ["plain,duplicate"]),
        ("show 2026-11-26T10", ["plain,2026-11-26T10-43-09Z-payments", "plain,2026-11-26T10-42-43Z-payments"]),
        ("replay late", ["plain,latest"]),
        ("check Downl", ["file,Downl"]),
        ("replay naive/a", ["plain,naive/after-effect"]),
        ("replay na", ["plain,naive/after-effect", "plain,naive/kafka.Produce.7.1.replied"]),
        ("drill . sk", ["plain,skip"]),
        ("drill . -k after", ["plain,after-effect", "plain,after-commit"]),
        ("drill --report html,ju", ["plain,html,junit"]),
        ("init --effect bank=po", ["plain,bank=postgresql"]),
        ("init --effect ba", []),
    ],
)
def test_the_shell_is_told_scenarios_words_points_and_runs(
    tmp_path: Path, typed, words: str, told: list[str], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    runs = tmp_path / ".oncewhere" / "runs"
    for name in ("2026-11-26T10-42-43Z-payments", "2026-11-26T10-43-09Z-payments"):
        (runs / name).mkdir(parents=True)
    (runs / "latest").symlink_to("2026-11-26T10-43-09Z-payments")
    crashes = [{}]
    trials = [
        {"crash": None, "id": "clean", "crashes": []},
        {"crash": "after-effect", "id": "kafka.EndTxn.2.1.before", "crashes": crashes},
        {"crash": None, "id": "kafka.Produce.7.1.replied", "crashes": crashes},
    ]
    (runs / "latest" / "run.json").write_text(json.dumps({"versions": [{"name": "naive", "trials": trials}]}))
    (tmp_path / "oncewhere.toml").write_text("[versions.naive]\n[versions.skip]\n")
    monkeypatch.setenv("_ONCEWHERE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"oncewhere {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    with pytest.raises(SystemExit):
        typed()
    assert capsys.readouterr().out.split() == told
