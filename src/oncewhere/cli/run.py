"""`oncewhere run module:app`: a processor written with the library is found, and run until it is told to stop."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

import click

from oncewhere import Processor
from oncewhere.errors import ConfigurationError


@click.command(short_help="Run a processor that is written with the library.")
@click.argument("app", metavar="MODULE:APP")
@click.option("-v", "--verbose", is_flag=True, help="Log every batch, not only what is out of the ordinary.")
def run(app: str, *, verbose: bool) -> int:
    """Run a processor: APP is a Processor in MODULE, looked for in this folder first.

    \b
    oncewhere run settlement:app
    """  # noqa: D301  # click keeps the lines below \b as they are
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    _load(app).run()
    return 0


def _load(name: str) -> Processor:
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
