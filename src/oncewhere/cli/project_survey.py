"""A project's folder and what was asked come in; an oncewhere.toml that loads, and what is left to do, go out."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path

import click

from oncewhere.drill import application, inputs
from oncewhere.drill.declaration import FILE_NAME, Declaration, Version
from oncewhere.drill.declaration_file import loads
from oncewhere.drill.effect import SQL_SYSTEMS
from oncewhere.errors import ConfigurationError
from oncewhere.project.answers import Answers
from oncewhere.project.asked import Asked
from oncewhere.project.identity import identity_among
from oncewhere.project.schemas import Schema
from oncewhere.project.survey import Found, survey
from oncewhere.project.told import GUESS, Told
from oncewhere.project.writing import as_toml, sample_inputs

from .asked_effects import with_effects
from .asking import COMMAND, GROUP, IDENTITY, INPUT, OUTPUT, Asking

INPUTS = "inputs.jsonl"


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
    ask = Asking(interactive=not asked.yes and sys.stdin.isatty())
    app = asked.app or (found.app if asked.command is None else None)
    told = _of_program(folder, asked, found, ask) if app is None else _of_app(app, folder, asked, found, ask)
    told = with_effects(folder, told, asked.effects, found, ask)
    told = dataclasses.replace(told, sources=ask.sources)
    text = as_toml(told)
    declared = loads(text, file)
    _write(folder, text, told, sample=found.inputs is None)
    return _say_what_is_left(declared, folder, told, found)


def _of_app(app: str, folder: Path, asked: Asked, found: Found, ask: Asking) -> Answers:
    """A processor that is written with the library says the rest itself; also what its inputs look like."""
    topics = application.read(app, folder, {}).topics
    sample = topics[0].sample if topics else None
    fields = sample if isinstance(sample, dict) and sample else None
    if fields is not None and not found.identities and (found.identity is None or found.identity.value not in fields):
        found = dataclasses.replace(found, identity=identity_among(fields, topics[0].value_type))
    return Answers(
        app=app,
        output=asked.outputs,
        identity=_identity(asked, found, ask),
        environment={},
        effects=(),
        inputs=found.inputs or INPUTS,
        sample=fields,
    )


def _of_program(folder: Path, asked: Asked, found: Found, ask: Asking) -> Answers:
    """Any other: what the project says is taken, what may follow from it is asked."""
    names = found.names
    group = names.group or Told(folder.resolve().name, "the folder's name", sure=False)
    outputs = Told(" ".join(names.outputs.value), names.outputs.by, names.outputs.sure) if names.outputs else None
    told = (
        (COMMAND, asked.command or found.command),
        (INPUT, asked.input or names.input),
        (OUTPUT, asked.outputs or outputs),
    )
    ask.require(*(question for question, answer in told if not answer))
    return Answers(
        command=_command(ask, asked.command, found),
        input=asked.input or ask.known("processor.input", names.input, INPUT),
        output=asked.outputs or tuple(ask.known("processor.output", outputs, OUTPUT).replace(",", " ").split()),
        group=asked.group or ask.known("processor.group", group, GROUP),
        identity=_identity(asked, found, ask),
        environment={},
        effects=(),
        inputs=found.inputs or INPUTS,
    )


def _identity(asked: Asked, found: Found, ask: Asking) -> str:
    """What the code says; what the inputs are told apart by; what code and tables let guess; else the example's."""
    if asked.identity:
        return asked.identity
    told = found.identity
    if (told is None or not told.sure) and found.identities:
        told = Told(found.identities[0], f"each record of {found.inputs} has another", sure=False)
    told = told or Told("event_id", "there are no inputs that tell it", sure=False)
    return ask.known("processor.identity", told, IDENTITY)


def _command(ask: Asking, given: str | None, found: Found) -> tuple[str, ...]:
    told = found.command
    joined = None if told is None else Told(shlex.join(told.value), told.by, told.sure)
    text = given or ask.known("processor.command", joined, COMMAND)
    return tuple("{python}" if word in {"python", "python3"} else word for word in shlex.split(text))


def _write(folder: Path, text: str, told: Answers, *, sample: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_text(text, encoding="utf-8")
        if sample:
            (folder / told.inputs).write_text(sample_inputs(told.identity, told.sample), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}.") from None


def _say_what_is_left(declared: Declaration, folder: Path, told: Answers, found: Found) -> int:
    """What was written, and what is left to do."""
    version = next(iter(declared.versions.values()))
    click.echo(f"Wrote {folder / FILE_NAME}.")
    if found.inputs is None:
        have = "no more than an identity, which your processor may not read"
        have = "the fields that its type has" if told.sample else have
        click.echo(f"Wrote {folder / told.inputs}: records with {have}.")
    for line in _to_look_at(told, found):
        click.echo(line)
    for name, effect in version.effects.items():
        taken = schema_taken(found, effect.schema)
        others = [schema.file for schema in found.schemas if schema is not taken]
        if taken is not None and others:
            click.echo(f"{name}: took {taken.file} for its tables; there are {', '.join(others)} as well.")
        if effect.system in SQL_SYSTEMS and effect.schema is None:
            click.echo(f"{name}: no SQL file was found that makes its tables; name one as schema, and look at observe.")
        if taken is not None and (place := taken.blind(effect.observe or "")) is not None:
            click.echo(_never_twice(name, *place))
        identity = version.processor.identity
        if taken is not None and taken.observe(identity) is None:
            click.echo(
                f"{name}: no table of {taken.file} has a column {identity} that the processor writes. Look at "
                "processor.identity first: does it name the business event? Then at observe, which must count by it."
            )
    if found.inputs is not None and (wrong := _wrong_inputs(version, folder)) is not None:
        click.echo(f"Before a drill, mend this: {wrong}")
    put = "values that mean something to it" if told.sample else "the fields that your processor reads"
    before = f"put {put} into {folder / told.inputs}, then " if found.inputs is None else ""
    click.echo(f"Next: {before}oncewhere drill {folder}")
    return 0


def _never_twice(effect: str, table: str, column: str) -> str:
    return (
        f"{effect}: {table} keeps one row for each {column}, so a count by it cannot show a second time. Let observe "
        "count rows that the effect itself adds, or declare unique-constraint where that row is the effect."
    )


def _to_look_at(told: Answers, found: Found) -> list[str]:
    """What is in the file without anybody having said it."""
    lines = []
    if guessed := [key for key, source in told.sources.items() if source.startswith(GUESS)]:
        lines.append(f"Guessed, so look at: {', '.join(guessed)}. Beside each stands what it was guessed from.")
    if told.app is None and found.others:
        others = ", ".join(found.others)
        lines.append(f"Took {found.service}; it builds {others} as well: a processor has a file of its own.")
    return lines


def schema_taken(found: Found, declared: str | list[str] | None) -> Schema | None:
    """What is known of the files that were declared."""
    files = (declared,) if isinstance(declared, str) else tuple(declared or ())
    return next((schema for schema in found.schemas if schema.files == files), None)


def _wrong_inputs(version: Version, folder: Path) -> ConfigurationError | None:
    """What a drill would say of the inputs, before it starts anything."""
    try:
        inputs.load(version, folder)
    except ConfigurationError as error:
        return error
    return None
