"""A folder's name comes in; the payment example stands in it, ready to be drilled."""

from __future__ import annotations

import shutil
from pathlib import Path

from oncewhere.errors import ConfigurationError

INSTALLED = Path(__file__).parents[1] / "_demo"
"""Where the wheel has it."""
CHECKOUT = Path(__file__).parents[3] / "examples" / "payments"
"""Where a checkout has it."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".oncewhere", "*.pyc")


def copy_demo(folder: Path) -> None:
    """Copies the example.

    Args:
        folder: must not exist, or be empty.

    Raises:
        ConfigurationError: something stands there already, or cannot be written.
    """
    source = INSTALLED if INSTALLED.is_dir() else CHECKOUT
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is not empty.", hint="Name another folder: oncewhere init --demo FOLDER")
    try:
        shutil.copytree(source, folder, ignore=_LEFT_OUT, dirs_exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}.") from None
