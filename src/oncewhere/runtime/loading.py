"""`MODULE:APP` comes in; the user's own processor goes out, imported as Python would."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from oncewhere.errors import ConfigurationError
from oncewhere.runtime.importing import importing
from oncewhere.spelling import nearest

if TYPE_CHECKING:
    from types import ModuleType

    from oncewhere.runtime.processor import Processor

SUFFIX = ".py"


def names_an_app(text: str) -> bool:
    """True for `settlement:app` and `src/settlement.py:app`; False for a path, or an address."""
    module, separator, attribute = text.rpartition(":")
    return bool(separator and module and attribute.isidentifier())


def load(name: str, folder: Path) -> Processor:
    """Finds a processor.

    Args:
        name: `MODULE:APP`, or `FILE.py:APP`.
        folder: where the module is looked for first, and where a file's path starts.

    Raises:
        ConfigurationError: there is none of that name, or its module runs it when it is imported.
    """
    from oncewhere.runtime.processor import Processor  # noqa: PLC0415  # whoever only reads a name needs no client

    if not names_an_app(name):
        raise ConfigurationError(f"{name!r} names no processor.", hint="Write MODULE:APP, such as settlement:app.")
    module_name, _, attribute = name.rpartition(":")
    sys.path.insert(0, str(folder))
    with importing():
        module = _file(folder / module_name) if module_name.endswith(SUFFIX) else _module(module_name, folder)
    found = getattr(module, attribute, None)
    if not isinstance(found, Processor):
        others = [key for key, value in vars(module).items() if isinstance(value, Processor)]
        raise ConfigurationError(
            f"{module_name} has no Processor named {attribute}.",
            hint=f"It has {', '.join(others)}." if others else "Write app = Processor(…) at the top of the module.",
        )
    return found


def _module(name: str, folder: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0] and error.name != name:
            raise
        near = nearest(name, (path.stem for path in folder.glob(f"*{SUFFIX}")))
        hint = f"Did you mean {near}?" if near else "Run this in the module's folder."
        raise ConfigurationError(f"There is no module {name} here.", hint=hint) from None


def _file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError(f"There is no file {path}.")
    sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
