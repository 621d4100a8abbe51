"""What the tests of pages share; tests are no package, so their neighbours are found here."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
