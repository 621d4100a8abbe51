"""What a processor says of its secrets is not kept, and not repeated when it fails."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from oncewhere.drill.declaration_file import declare
from oncewhere.drill.victim import Victim

PROGRAM = (
    "import os; print(os.environ['BANK'], os.environ['BANK_PASSWORD'], os.environ['API_TOKEN'], os.environ['KAFKA']);"
    "print('pass' + 'word=LiteralPw4455')"
)
ADDRESSES = {
    "kafka": "127.0.0.1:9092",
    "bank": "postgresql://me:p%40ss%2Fword@127.0.0.1:5432/trial",
    "bank.password": "p@ss/word",
}


def test_passwords_are_taken_out_of_what_a_processor_said(tmp_path: Path) -> None:
    tables = {
        "processor": {
            "command": [sys.executable, "-c", PROGRAM],
            "input": "in",
            "output": ["out"],
            "group": "g",
            "identity": "key",
            "environment": {
                "KAFKA": "{kafka}", "BANK": "{bank}", "BANK_PASSWORD": "{bank.password}", "API_TOKEN": "4711-secret"
            },
        },
        "effects": {"bank": {"system": "postgresql", "observe": "select 1, 1"}},
        "drill": {"inputs": "inputs.jsonl"},
    }  # fmt: skip
    (version,) = declare(tables, tmp_path / "oncewhere.toml", name="one").versions.values()
    victim = Victim(version, tmp_path, ADDRESSES, tmp_path)
    victim.start()
    deadline = time.monotonic() + 10
    while victim.exited() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "4711-secret" in victim.log.read_text()
    masked = "postgresql://me:***@127.0.0.1:5432/trial *** *** 127.0.0.1:9092\npassword=***"
    assert victim.last_words() == masked
    victim.bury()
    victim.hide_secrets()
    assert victim.log.read_text().strip() == masked
