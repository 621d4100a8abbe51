"""What is asked of the package index, and what is made of its answer; the index itself is asked by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("wheels", ROOT / "tools" / "wheels.py")
assert _SPEC is not None
assert _SPEC.loader is not None
wheels = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(wheels)


def test_the_lock_becomes_constraints_with_its_markers_and_without_its_hashes() -> None:
    lock = "a-b==1.2 ; sys_platform == 'win32' \\\n    --hash=sha256:x\nc[d]==3.post1 \\\n    --hash=sha256:y\n"
    assert wheels.pins(lock) == "a-b==1.2 ; sys_platform == 'win32'\nc==3.post1\n"
    found = wheels.pins((ROOT / "requirements.lock").read_text())
    assert "\nconfluent-kafka==" in found
    assert "--hash" not in found


def test_what_has_no_wheel_is_named() -> None:
    told = "error: no\n cause: Because confluent-kafka==2.16.1 has no usable\n wheels and x depends on it, no.\nhint: y"
    assert wheels.missing(told) == "confluent-kafka"
    assert wheels.missing("error: the index cannot be reached\n") == "error: the index cannot be reached"
