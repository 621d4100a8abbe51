"""What several tests of the doctor share is found in modules beside them."""

from __future__ import annotations

import sys
from pathlib import Path

# Tests are no package: `late_write` and `facts_of` are found here, and `systems` beside the tests of effects.
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "effects")]
