"""What several tests of the doctor share is found in modules beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: `late_write` and `facts_of` are found here
