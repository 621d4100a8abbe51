"""A project's folder and what was asked come in; an oncewhere.toml that loads, and what is left to do, go out."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import get_args

import click

from oncewhere.drill import inputs
from oncewhere.drill.application import read
from oncewhere.drill.declaration import FILE_NAME, Version, load
from oncewhere.drill.effect import SQL_SYSTEMS, System
from oncewhere.errors import ConfigurationError
from oncewhere.project.answers import Answers, EffectAnswer
from oncewhere.project.asked import Asked
from oncewhere.project.sources import renamed
from oncewhere.project.survey import Found, survey
from oncewhere.project.writing import as_toml, sample_inputs

INPUTS = "inputs.jsonl"
ASKED_LIMIT = 5
"""So often one question is asked."""


def write_declaration(folder: Path, asked: Asked) -> int:
    """Writes it, from what the project tells, what was asked, and what a person answers on a terminal.

    Args:
        folder: the project's.
        asked: the options.

    Raises:
        ConfigurationError: there is one already, something is not known, or the folder cannot be written.
    """
    file = folder / FILE_NAME
    if file.exists() and not asked.force:
        raise ConfigurationError(f"{file} exists already.", hint="Drill it: oncewhere drill .  (or give --force)")
    found = survey(folder)
    if found.told_by:
        click.echo(f"Looked at {', '.join(found.told_by)}.", err=True)
    ask = _Asking(interactive=not asked.yes and sys.stdin.isatty())
    app = asked.app or (found.app if asked.command is None else None)
    words = () if app is not None else _command(ask, asked.command, found)
    told = Answers(
        app=app,
        command=words,
        input=asked.input
        or ("" if app else ask.text("The topic that it consumes", flag="--input", example="payment-authorized")),
        output=asked.outputs
        or (() if app else ask.texts("The topics that it produces to", flag="--output", example="payment-settled")),
        group=asked.group
        or ("" if app else ask.text("Its consumer group", default=folder.resolve().name, flag="--group")),
        identity=asked.identity
        or ask.text("What names the business event", default=_identity(found), flag="--identity"),
        environment={},
        effects=(),
        inputs=found.inputs or INPUTS,
    )
    told = _with_effects(folder, told, asked.effects, found, ask)
    text = as_toml(told)
    _write(folder, text, told, sample=found.inputs is None)
    return _check_what_was_written(folder, told, found)


class _Asking:
    """Asks a person, or takes the default; where there is none, the flag is named."""

    def __init__(self, *, interactive: bool) -> None:
        self.interactive = interactive

    def text(self, question: str, *, flag: str, default: str | None = None, example: str = "") -> str:
        """One answer; an empty one is told why it will not do."""
        for _ in range(ASKED_LIMIT if self.interactive else 0):
            answer = str(click.prompt(question, default=default or "", show_default=bool(default), err=True)).strip()
            if answer:
                return answer
            click.echo(f"Nothing tells it, so it cannot be left empty. For example: {example or flag}", err=True)
        if default is None:
            raise ConfigurationError(f"{question} is not known.", hint=f"Say it by {flag}; --help has examples.")
        return default

    def texts(self, question: str, *, flag: str, example: str) -> tuple[str, ...]:
        """Several, with spaces between them."""
        return tuple(self.text(question, flag=flag, example=example).replace(",", " ").split())


def _identity(found: Found) -> str:
    """What the inputs that are there are told apart by; the example's, where there are none."""
    return next(iter(found.identities), "event_id")


def _command(ask: _Asking, given: str | None, found: Found) -> tuple[str, ...]:
    default = None if found.command is None else shlex.join(found.command)
    text = given or ask.text(
        "How the processor is started", default=default, flag="--command", example="java -jar app.jar"
    )
    return tuple("{python}" if word in {"python", "python3"} else word for word in shlex.split(text))


def _with_effects(folder: Path, told: Answers, given: tuple[str, ...], found: Found, ask: _Asking) -> Answers:
    """The effects that were named, or those that the project's variables lead to."""
    systems = dict(_named(text) for text in given) or dict(found.effects)
    if not systems and told.app is None and ask.interactive:
        text = ask.text("Places outside Kafka, as NAME=SYSTEM (- for none)", flag="--effect", default="bank=postgresql")
        systems = {} if text.strip() == "-" else dict(_named(word) for word in text.split())
    if told.app is not None:
        systems = _declared_places(told.app, folder)
    environment = {v.name: v.text for v in renamed(found.variables, systems)} if told.app is None else {}
    answers = []
    for name, system in systems.items():
        schema = next((s for s in found.schemas if s.observe(told.identity)), None) if system in SQL_SYSTEMS else None
        schema = schema or (found.schemas[0] if found.schemas and system in SQL_SYSTEMS else None)
        observe = schema.observe(told.identity) if schema is not None else None
        if system in SQL_SYSTEMS and observe is None:
            guess = f"select {told.identity}, count(*) from processed_event group by {told.identity}"  # noqa: S608  # a suggestion
            observe = ask.text(
                f"A query that counts what happened in {name}, by event",
                default=(schema.guess() if schema is not None else None) or guess,
                flag="observe",
            )
        policy = None
        if told.app is None:
            policy = ask.text(f"What prevents duplicates in {name}", default="undeclared", flag="policy")
        answers.append(
            EffectAnswer(
                name=name, system=system, policy=policy, schema=None if schema is None else schema.file, observe=observe
            )
        )
        if told.app is None and not any(f"{{{name}" in text for text in environment.values()):
            environment[f"{name.upper().replace('-', '_')}_URL"] = f"{{{name}}}"
    if told.app is None and "{kafka}" not in environment.values():
        environment = {"KAFKA_BOOTSTRAP_SERVERS": "{kafka}", **environment}
    return dataclasses.replace(told, effects=tuple(answers), environment=environment)


def _declared_places(app: str, folder: Path) -> dict[str, str]:
    """The databases of a processor, read from it."""
    declared = read(app, folder, {})
    return {effect.place: effect.system for effect in declared.effects if effect.system in SQL_SYSTEMS}


def _named(text: str) -> tuple[str, str]:
    name, separator, system = text.partition("=")
    if not separator or system not in get_args(System):
        systems = ", ".join(get_args(System))
        raise ConfigurationError(f"{text!r} is not NAME=SYSTEM.", hint=f"SYSTEM is one of {systems}.")
    return name, system


def _write(folder: Path, text: str, told: Answers, *, sample: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_text(text, encoding="utf-8")
        if sample:
            (folder / told.inputs).write_text(sample_inputs(told.identity), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}.") from None


def _check_what_was_written(folder: Path, told: Answers, found: Found) -> int:
    """Reads it as a drill would, and says what is left to do."""
    declared = load(folder)
    version = next(iter(declared.versions.values()))
    click.echo(f"Wrote {folder / FILE_NAME}.")
    if found.inputs is None:
        click.echo(f"Wrote {folder / told.inputs}: records with no more than an identity; give them your fields.")
    if told.app is None and found.guessed:
        names = ", ".join(version.processor.environment)
        click.echo(
            f"Look at [processor.environment]: no file sets {names}; what they mean is a guess from their names."
        )
    for name, effect in version.effects.items():
        others = [schema.file for schema in found.schemas if schema.file != effect.schema]
        if effect.schema is not None and others:
            click.echo(f"{name}: took {effect.schema} for its tables; there are {', '.join(others)} as well.")
        if effect.system in SQL_SYSTEMS and effect.schema is None:
            click.echo(f"{name}: no SQL file was found that makes its tables; name one as schema, and look at observe.")
        if schema_lacks(found, effect.schema, version.processor.identity):
            click.echo(
                f"{name}: no table of {effect.schema} has a column {version.processor.identity}; look at observe: it "
                "must count by what processor.identity names."
            )
    if found.inputs is not None and (wrong := _wrong_inputs(version, folder)) is not None:
        click.echo(f"Before a drill, mend this: {wrong}")
    click.echo(f"Next: oncewhere drill {folder}")
    return 0


def schema_lacks(found: Found, file: str | None, identity: str) -> bool:
    """True where the tables of a file are known, and none has a column of the identity's name."""
    schema = next((schema for schema in found.schemas if schema.file == file), None)
    return schema is not None and schema.observe(identity) is None


def _wrong_inputs(version: Version, folder: Path) -> ConfigurationError | None:
    """What a drill would say of the inputs, before it starts anything."""
    try:
        inputs.load(version, folder)
    except ConfigurationError as error:
        return error
    return None
