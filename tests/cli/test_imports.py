"""What a command imports: no more than it needs, and never hypothesis, which writes a folder where one stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOLD = """
import sys
from oncewhere.cli.entry import main
code = main(sys.argv[1:])
names = ("kio", "confluent_kafka", "hypothesis", "psycopg", "oncewhere.cluster.client", "oncewhere.drill.engine")
print("imported:", *(name for name in names if name in sys.modules))
sys.exit(code)
"""


def imported(folder: Path, *arguments: str) -> list[str]:
    """What of the heavy packages a command has imported when it is done."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    last = (done.stdout.splitlines() or [""])[-1]
    assert last.startswith("imported:"), done.stderr
    return last.split()[1:]


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "--version",
        "explain",
        "explain lost",
        "explain hanging-transaction",
        "explain kafka.EndTxn.1.1.before",
        "init --help",
    ],
)
def test_what_only_prints_imports_neither_a_client_nor_kafkas_schemas(tmp_path: Path, words: str) -> None:
    assert imported(tmp_path, *words.split()) == []


@pytest.mark.parametrize("words", ["drill --help", "doctor --help", "replay latest", "show", "check", "config --show"])
def test_no_command_imports_hypothesis_or_leaves_its_folder(tmp_path: Path, words: str) -> None:
    assert "hypothesis" not in imported(tmp_path, *words.split())
    assert not (tmp_path / ".hypothesis").exists()


def test_hypothesis_would_be_imported_by_kio_alone(tmp_path: Path) -> None:
    """The control: were nothing done, kio would import it, so the test above can fail."""
    code = "import kio.static.primitive, sys; sys.exit('hypothesis' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_a_program_that_wants_hypothesis_still_gets_it_afterwards(tmp_path: Path) -> None:
    code = (
        "from oncewhere.cli.kio_alone import keep_kio_alone; keep_kio_alone(); import sys, kio.static.primitive\n"
        "assert 'hypothesis' not in sys.modules\nimport hypothesis\nassert hypothesis.__version__"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
