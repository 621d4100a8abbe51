"""Garbage is collected while records are processed, and what was there before is not looked at."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scene import Topics

OWN = """
import gc, weakref
from oncewhere.runtime.collecting import only_what_is_new

class Node:
    def __init__(self):
        self.me = self

gc.unfreeze()
"""
"""Each in a process of its own: what is frozen is so for all of it."""

MEANWHILE = """
before = weakref.ref(Node())
with only_what_is_new():
    meanwhile = weakref.ref(Node())
    gc.collect()
    assert meanwhile() is None, "what is made meanwhile is collected"
    assert before() is not None, "what was there before is not looked at"
gc.collect()
assert before() is None, "and is later"
with only_what_is_new():
    assert gc.get_freeze_count() == 0, "what the first run left is not kept in the second"
"""

FROZEN = """
gc.freeze()
with only_what_is_new():
    assert gc.get_freeze_count()
assert gc.get_freeze_count(), "what a program has frozen itself stays so"
"""

PROCESSOR = """
import os
from oncewhere import Processor

frozen = []
app = Processor({"bootstrap.servers": os.environ["KAFKA"]}, group_id="collecting", transactional_id="collecting-0")

@app.consume(os.environ["INPUT"], bytes)
def on_record(record, tx):
    frozen.append(gc.get_freeze_count())
    app.stop()

app.run()
assert frozen and frozen[0] > 0, frozen
assert gc.get_freeze_count() == 0
"""


def run(program: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWN + program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", [MEANWHILE, FROZEN], ids=["meanwhile", "frozen by the program"])
def test_what_was_there_before_is_kept_out_of_collections(program: str) -> None:
    run(program)


@pytest.mark.servers
def test_a_processor_does_so_and_gives_back_when_it_ends(topics: Topics) -> None:
    topics.send(b"1")
    run(PROCESSOR, KAFKA=topics.address, INPUT=topics.input)
