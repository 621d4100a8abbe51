"""What a project tells of its effects comes in, and a person's answers; the declaration's effects go out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import click

from oncewhere.drill.application import read
from oncewhere.drill.effect import POLICIES, SQL_SYSTEMS, System, check_name, misspelt_policy
from oncewhere.errors import ConfigurationError
from oncewhere.project.answers import Answers, EffectAnswer
from oncewhere.project.inserts import counting
from oncewhere.project.schemas import Schema, counted_by
from oncewhere.project.sources import renamed
from oncewhere.project.survey import Found
from oncewhere.project.told import GUESS, Told
from oncewhere.project.variables import Variable
from oncewhere.spelling import nearest

from .asking import ASKED_LIMIT, Asking, Question

PLACES = Question(
    "Places outside Kafka, as NAME=SYSTEM (- for none)",
    "--effect",
    "bank=postgresql mail=smtp",
    f"What the processor changes beside Kafka. NAME is your choice, SYSTEM one of {', '.join(get_args(System))}.",
)
OF_A_POLICY = (
    "What keeps an event that is processed again from having its effect there twice. The report compares it with what "
    "happened; undeclared promises nothing."
)
OF_OBSERVE = (
    "The drill runs it after each crash. Its first column is the identity, its second how often that event's effect is "
    "there: rows that the effect itself adds."
)
OBSERVE_EXAMPLE = "select payment_id, count(*) from settlement group by payment_id"
UNDECLARED = "undeclared"
NOTHING_SAYS_IT = "a guess: nothing says what it is called"


def with_effects(folder: Path, told: Answers, given: tuple[str, ...], found: Found, ask: Asking) -> Answers:
    """The effects that were named, or those that the project's variables lead to."""
    systems = _systems(folder, told, given, found, ask)
    variables = list(renamed(found.variables, systems)) if told.app is None else []
    if not given:
        ask.sources.update(_where_found(variables))
    effects = tuple(_effect(name, system, told, found, ask) for name, system in systems.items())
    if told.app is None:
        variables = _complete(variables, systems)
        ask.sources.update(
            {f"processor.environment.{v.name}": v.source.removesuffix(f" ({v.name})") for v in variables if v.source}
        )
    return dataclasses.replace(told, effects=effects, environment={v.name: v.text for v in variables})


def _systems(folder: Path, told: Answers, given: tuple[str, ...], found: Found, ask: Asking) -> dict[str, str]:
    """By the effects' names, what they are."""
    if told.app is not None:
        declared = read(told.app, folder, {})
        return {effect.place: effect.system for effect in declared.effects if effect.system in SQL_SYSTEMS}
    systems = dict(_named(text) for text in given) or dict(found.effects)
    if systems or not ask.interactive:
        return systems
    text = ask.text(PLACES, default="bank=postgresql")
    return {} if text.strip() == "-" else dict(_named(word) for word in text.split())


def _named(text: str) -> tuple[str, str]:
    name, separator, system = text.partition("=")
    if not separator or system not in get_args(System):
        near = nearest(system, get_args(System))
        meant = f"Did you mean {name}={near}? " if near else ""
        raise ConfigurationError(
            f"{text!r} is not NAME=SYSTEM.", hint=f"{meant}SYSTEM is one of {', '.join(get_args(System))}."
        )
    check_name(name, text)
    return name, system


def _where_found(variables: list[Variable]) -> Mapping[str, str]:
    """By the key in the declaration, which variable told an effect's system."""
    return {f"effects.{v.effect}.system": v.source for v in reversed(variables) if v.effect is not None and v.source}


def _effect(name: str, system: str, told: Answers, found: Found, ask: Asking) -> EffectAnswer:
    schema = _schema(found, told.identity) if system in SQL_SYSTEMS else None
    observe = _observe(name, schema, told, found, ask) if system in SQL_SYSTEMS else None
    policy = None
    if told.app is None:
        policy = _policy(name, ask)
    files = () if schema is None else schema.files
    if len(files) > 1:
        ask.sources[f"effects.{name}.schema"] = f"from their names: the migrations of {Path(files[0]).parent}, in order"
    return EffectAnswer(name=name, system=system, policy=policy, schemas=files, observe=observe)


def _policy(name: str, ask: Asking) -> str:
    """What a person believes; a name that is nearly a policy's is asked for again, since all else was answered."""
    asked = f"What prevents duplicates in {name} (a policy, or your own words)"
    question = Question(asked, "policy", ", ".join(POLICIES), OF_A_POLICY)
    policy = ask.text(question, default=UNDECLARED)
    for _ in range(ASKED_LIMIT):
        near = misspelt_policy(policy)
        if near is None:
            break
        click.echo(f"No policy is called {policy}; did you mean {near}? There are {', '.join(POLICIES)}.", err=True)
        policy = ask.text(question, default=near)
    return policy


def _schema(found: Found, identity: str) -> Schema | None:
    """The file that has a table with the identity; else the first."""
    fitting = (schema for schema in found.schemas if schema.observe(identity))
    return next(fitting, found.schemas[0] if found.schemas else None)


def _observe(name: str, schema: Schema | None, told: Answers, found: Found, ask: Asking) -> str:
    """The query that counts; a table's that has the identity, else one to be looked at."""
    key = f"effects.{name}.observe"
    if schema is not None and (query := schema.observe(told.identity)) is not None:
        follows = Told(query, f"it follows from processor.identity, and {schema.file} has the column", sure=False)
        of_a_guess = ask.sources.get("processor.identity", "").startswith(GUESS)
        ask.sources[key] = follows.source if of_a_guess else f"from {schema.file}"
        return query
    asked = f"A query that counts what happened in {name}, by event"
    question = Question(asked, "observe", OBSERVE_EXAMPLE, OF_OBSERVE)
    if schema is not None and (query := schema.guess()) is not None:
        why = f"by its name, no column of {schema.file} holds {told.identity}"
        return ask.known(key, Told(query, why, sure=False), question)
    guess = counting(found.inserts, told.identity) or Told(
        counted_by("settlement", told.identity), "no SQL file tells it; name your table", sure=False
    )
    return ask.known(key, guess, question)


def _complete(variables: list[Variable], systems: Mapping[str, str]) -> list[Variable]:
    """With a variable for Kafka and for each effect, where the project shows none."""
    found = list(variables)
    for name in systems:
        if not any(f"{{{name}" in variable.text for variable in found):
            found.append(Variable(f"{name.upper().replace('-', '_')}_URL", f"{{{name}}}", source=NOTHING_SAYS_IT))
    if not any(variable.text == "{kafka}" for variable in found):
        found.insert(0, Variable("KAFKA_BOOTSTRAP_SERVERS", "{kafka}", source=NOTHING_SAYS_IT))
    return found
