"""`MODULE:APP` on the command line: a name comes in; the user's own processor goes out."""

from __future__ import annotations

import os
from pathlib import Path

from oncewhere import Processor, addresses
from oncewhere.runtime import loading

AT = "ONCEWHERE_AT_"
"""Begins the environment variables that say where servers are, over what the code says: ONCEWHERE_AT_kafka, and one
for each place by its name."""


def load(name: str) -> Processor:
    """Finds a processor, in this folder first; with the addresses that the environment gives.

    Raises:
        ConfigurationError: there is none of that name.
    """
    found = {key.removeprefix(AT): value for key, value in os.environ.items() if key.startswith(AT) and value}
    with addresses.given(found):
        return loading.load(name, Path.cwd())
