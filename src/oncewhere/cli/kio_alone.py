"""kio's import comes in; the same import without hypothesis goes out.

kio imports hypothesis where that is installed, to offer strategies to its own tests. It takes a fifth of a second, and
writes a folder `.hypothesis` where a command is given: no command of ours has any use for either.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Final

ASKS_FOR_HYPOTHESIS: Final = "kio.static._phantom"
HYPOTHESIS: Final = "hypothesis"


class KioAlone(MetaPathFinder):
    """Stands before the other finders, and concerns itself with one module."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The module's own spec, with a loader that hides hypothesis; None for every other module."""
        if fullname != ASKS_FOR_HYPOTHESIS or HYPOTHESIS in sys.modules:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Hiding(spec.loader)
        return spec


class _Hiding(Loader):
    """Loads as another does, while hypothesis cannot be found."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[HYPOTHESIS] = None  # type: ignore[assignment]  # as the import system says "not there"
        try:
            self._loader.exec_module(module)
        finally:
            del sys.modules[HYPOTHESIS]


def keep_kio_alone() -> None:
    """From here on, kio does not import hypothesis."""
    if not any(isinstance(finder, KioAlone) for finder in sys.meta_path):
        sys.meta_path.insert(0, KioAlone())
