"""`oncewhere init`: a project's folder comes in; an oncewhere.toml that drills goes out, or the demonstration."""

from __future__ import annotations

from pathlib import Path

import click

from oncewhere.errors import ConfigurationError
from oncewhere.project.asked import Asked
from oncewhere.project.demo import copy_demo

from .completing import words_begun
from .places import install

DEMO_FOLDER = Path("payments")
SYSTEMS = "postgresql, mysql, redis, http, smtp, sqlite"


@click.command(short_help="Write a declaration for a processor, or copy the demonstration.")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--demo", is_flag=True, help="Copy the payment example into FOLDER (default: payments), ready to drill.")
@click.option("--app", metavar="MODULE:APP", help="The processor, where it is written with the library.")
@click.option("--command", metavar="COMMAND", help="How the processor is started, such as 'java -jar settlement.jar'.")
@click.option("--input", "input_topic", metavar="TOPIC", help="The topic that it consumes.")
@click.option("--output", "outputs", metavar="TOPIC", multiple=True, help="A topic that it produces to; repeatable.")
@click.option("--group", metavar="GROUP", help="Its consumer group (default: the folder's name).")
@click.option("--identity", metavar="FIELD", help="What names the business event: a JSON field, key, or header:NAME.")
@click.option(
    "--effect",
    "effects",
    metavar="NAME=SYSTEM",
    multiple=True,
    shell_complete=words_begun(*SYSTEMS.split(", "), before="="),
    help=f"A place outside Kafka; SYSTEM is one of {SYSTEMS}. Repeatable.",
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: take what was found, and the defaults.")
@click.option("--force", is_flag=True, help="Write over an oncewhere.toml that is there.")
def init(  # noqa: PLR0913  # one parameter for each option
    folder: Path | None,
    *,
    demo: bool,
    app: str | None,
    command: str | None,
    input_topic: str | None,
    outputs: tuple[str, ...],
    group: str | None,
    identity: str | None,
    effects: tuple[str, ...],
    yes: bool,
    force: bool,
) -> int:
    """Write an oncewhere.toml for the processor in FOLDER (default: here); what the project tells is not asked.

    It looks at build files, the Compose file, .env files, application.yml and .properties, SQL schemas, processors
    written with the library, and the calls of other Python programs, and starts nothing. Beside each value it writes
    where it is from. What is a guess is asked for on a terminal; elsewhere, or with --yes, it is marked, and what
    nothing tells is taken from the options.

    \b
    oncewhere init --demo
    oncewhere init
    oncewhere init --app settlement:app --yes
    oncewhere init --command 'java -jar settlement.jar' --input payment-authorized --output payment-settled \\
        --effect bank=postgresql --yes
    """  # noqa: D301  # click keeps the lines below \b as they are
    if demo:
        return _demo(folder or DEMO_FOLDER)
    try:
        from .project_survey import write_declaration  # noqa: PLC0415  # the demonstration needs none of the drill
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Writing a declaration needs the package {error.name}, which is not installed.",
            hint=f"Run: {install('drill')}",
        ) from None
    asked = Asked(
        app=app,
        command=command,
        input=input_topic,
        outputs=outputs,
        group=group,
        identity=identity,
        effects=effects,
        yes=yes,
        force=force,
    )
    return write_declaration(folder or Path(), asked)


def _demo(folder: Path) -> int:
    copy_demo(folder)
    here = folder.resolve() == Path.cwd()
    where = "here" if here else f"in {folder}"
    click.echo(f"The payment example stands {where}: one processor in five versions, three of them broken.")
    click.echo("Next: oncewhere drill" if here else f"Next: cd {folder} && oncewhere drill")
    return 0
