"""`oncewhere schema`: a system comes in; CREATE TABLE statements go to standard output."""

from __future__ import annotations

import click

from oncewhere.effects.sql.dialect import DIALECTS
from oncewhere.effects.sql.schema import TABLES, script
from oncewhere.errors import ConfigurationError


@click.command(short_help="Print the tables that effects need, for your own migrations.")
@click.argument("system", type=click.Choice(list(DIALECTS)))
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="USUAL=YOURS",
    help="Give a table another name, such as oncewhere_ledger=bank.ledger. May be repeated.",
)
def schema(system: str, names: tuple[str, ...]) -> int:
    """Print the CREATE TABLE statements of all tables that policies keep in SYSTEM.

    Leave out those of policies that you do not use. MariaDB takes MySQL's.

    \b
    oncewhere schema postgresql
    oncewhere schema mysql --name oncewhere_ledger=bank.ledger
    """  # noqa: D301  # click keeps the lines below \b as they are
    chosen: dict[str, str] = {}
    for given in names:
        usual, _, yours = given.partition("=")
        if usual not in TABLES:
            raise ConfigurationError(f"There is no table {usual!r}.", hint=f"There are {', '.join(TABLES)}.")
        chosen[usual] = yours
    click.echo(script(DIALECTS[system], chosen), nl=False)
    return 0
