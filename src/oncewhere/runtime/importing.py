"""That a command is importing somebody's module goes in; a processor that would run in it is refused.

`oncewhere drill settlement:app` imports `settlement` to read what it declares. Where that module ends in a bare
`app.run()`, the import would start the processor at the addresses in its code: production's, perhaps.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_A_MODULE = "<module>"
"""What Python calls the code at the top of a module."""

_importing: ContextVar[bool] = ContextVar("oncewhere_importing", default=False)


@contextmanager
def importing() -> Iterator[None]:
    """Inside, a module is imported for what it declares: no processor may run."""
    token = _importing.set(True)
    try:
        yield
    finally:
        _importing.reset(token)


def refuse_while_importing() -> None:
    """Called where a processor would start.

    Raises:
        ConfigurationError: its module is being imported for what it declares.
    """
    if _importing.get():
        raise ConfigurationError(
            f"{_place()} runs the processor when the module is imported. Nothing was contacted.",
            hint='Put it under if __name__ == "__main__": there.',
        )


def _place() -> str:
    """File and line of the module's code that came here."""
    frame = sys._getframe()  # noqa: SLF001  # the only way to the caller's line without building a whole traceback
    while frame.f_back is not None and frame.f_code.co_name != _OF_A_MODULE:
        frame = frame.f_back
    return f"{os.path.relpath(frame.f_code.co_filename)} line {frame.f_lineno}"
