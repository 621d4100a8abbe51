"""What the user says of servers is checked before anything starts, and a password is never said again."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.cli import main
from oncewhere.cli.servers import LANES_DEFAULT, Wishes, default_lanes
from oncewhere.drill import load

SECRET = "planted-secret-9"


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> str:
    assert main(["drill", str(folder), *options]) == 2
    told = "".join(capsys.readouterr())
    assert SECRET not in told
    return told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-X", "security.protocol=ssl"), "for a Kafka of yours"),
        (("-b", "localhost:1", "-X", SECRET), "not NAME=VALUE"),
        (("-b", "localhost:1", "--brokers", "3"), "brokers of ours"),
        (("-b", "localhost:1", "-X", "security.protocol=tls"), "is unknown"),
        (
            ("-b", "localhost:1", "-X", "security.protocol=sasl_ssl", "-X", f"sasl.password={SECRET}"),
            "sasl.mechanism = none",
        ),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    assert words in refused(capsys, tmp_path, *options)


def test_a_version_that_is_not_there_is_told_with_the_nearest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2] / "examples")
    told = refused(capsys, Path("payments"), "offset-leger")
    assert "There is no version 'offset-leger'" in told
    assert "Did you mean offset-ledger? It has naive, " in told
    assert "Did you mean" not in refused(capsys, Path("payments"), "zzz")


def test_settings_may_come_from_a_file_and_the_option_wins(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text(f"# ours\n\nsecurity.protocol = sasl_ssl\nsasl.password={SECRET}\n")
    assert "sasl.mechanism = none" in refused(capsys, tmp_path, "-b", "localhost:1", "-F", str(file))
    told = refused(capsys, tmp_path, "-b", "localhost:1", "-F", str(file), "-X", "security.protocol=plaintext")
    assert "oncewhere.toml" in told, "the settings were taken; what is missing is the declaration"


def test_a_listing_starts_no_more_clusters_than_it_has_clean_runs() -> None:
    versions = list(load(Path(__file__).parents[2] / "examples" / "payments").versions.values())
    assert default_lanes(Wishes(), {}, versions[:1], most=1) == 1
    assert default_lanes(Wishes(), {}, versions, most=20) == LANES_DEFAULT
    assert default_lanes(Wishes(), {}, versions[:1]) == LANES_DEFAULT
