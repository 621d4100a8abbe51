"""The benchmarks are scripts beside a folder `measure`, not a package: a test imports it as they do."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
