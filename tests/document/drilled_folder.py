"""A declaration of the processor that `tests/report/made_run.py` makes runs of."""

from __future__ import annotations

DECLARATION = """
[processor]
command = ["x"]
input = "payment-authorized"
output = ["payment-settled"]
group = "settlement"
identity = "event_id"
[effects.bank]
system = "postgresql"
policy = "none"
observe = "select"
[drill]
inputs = "inputs.jsonl"
"""
