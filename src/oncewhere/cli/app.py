"""`MODULE:APP` on the command line: a name comes in; the user's own processor goes out."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from oncewhere import Processor
from oncewhere.errors import ConfigurationError


def load(name: str) -> Processor:
    """Finds a processor, in this folder first.

    Raises:
        ConfigurationError: there is none of that name.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigurationError(f"{name!r} names no processor.", hint="Write MODULE:APP, such as settlement:app.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise
        raise ConfigurationError(
            f"There is no module {module_name} here.", hint="Run this in the module's folder."
        ) from None
    found = getattr(module, attribute, None)
    if not isinstance(found, Processor):
        raise ConfigurationError(f"{module_name} has no Processor named {attribute}.")
    return found
