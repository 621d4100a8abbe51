"""The events of inputs.jsonl as letters of an outbox: `python letters.py PLACE`; a line of JSON for each goes out."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(place: str) -> None:
    for line in Path(__file__).with_name("inputs.jsonl").read_text().splitlines():
        event = json.loads(line)
        event["value"] = {"id": event["key"], "effect": f"at_{place}", "arguments": event["value"]}
        sys.stdout.write(json.dumps(event) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
