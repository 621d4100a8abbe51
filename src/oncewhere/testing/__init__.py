"""Unit tests of handlers, without Kafka and without a database.

- A `FakeTransaction` stands where the runtime's `Transaction` would: made for a record, given to a handler.
- An `Output` is what the handler produced; a `Run` is an effect that it asked for, with what it returned.
- `FakeTransaction.redelivered()` is the same record once more: recorded results are given, and no effect runs again,
  where the effect's policy says so.

What it cannot show is what happens between two commits: that is what a drill is for.
"""

from .fake_transaction import FakeTransaction
from .seen import Output, Run

__all__ = ["FakeTransaction", "Output", "Run"]
