"""What is asked of the interpreter while records are processed, and given back: its garbage collector, its lock."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scene import Topics

OWN = """
import gc, sys, weakref
from oncewhere.runtime.interpreter import lock_given_soon, only_what_is_new

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

LOCK = """
with lock_given_soon():
    assert sys.getswitchinterval() < 0.001
    with lock_given_soon():
        pass
    assert sys.getswitchinterval() < 0.001, "a second run that ends takes nothing from the first"
assert sys.getswitchinterval() == 0.005
sys.setswitchinterval(0.0001)
chosen = sys.getswitchinterval()
with lock_given_soon():
    assert sys.getswitchinterval() == chosen, "a program's own choice is kept"
assert sys.getswitchinterval() == chosen
"""

PROCESSOR = """
import os
from oncewhere import Processor

frozen = []
app = Processor({"bootstrap.servers": os.environ["KAFKA"]}, group_id="interpreter", transactional_id="interpreter-0")

@app.consume(os.environ["INPUT"], bytes)
def on_record(record, tx):
    frozen.append(gc.get_freeze_count())
    assert sys.getswitchinterval() < 0.001
    app.stop()

app.run()
assert frozen and frozen[0] > 0, frozen
assert gc.get_freeze_count() == 0
assert sys.getswitchinterval() == 0.005
"""


def run(program: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWN + program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", [MEANWHILE, FROZEN, LOCK], ids=["garbage", "frozen objects", "lock"])
def test_what_is_asked_of_the_interpreter_is_given_back(program: str) -> None:
    run(program)


@pytest.mark.servers
def test_a_processor_does_so_and_gives_back_when_it_ends(topics: Topics) -> None:
    topics.send(b"1")
    run(PROCESSOR, KAFKA=topics.address, INPUT=topics.input)
