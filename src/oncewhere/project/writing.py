"""Answers come in; the text of an oncewhere.toml goes out, which a person reads and goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .answers import Answers, EffectAnswer

SAMPLE_RECORDS = 60
WITHOUT_SCHEMA = '# schema = "schema.sql"      # makes the empty tables; without it the processor must make its own'


def as_toml(answers: Answers) -> str:
    """The file's text."""
    lines = [*_processor(answers)]
    if answers.environment:
        lines += ["", "[processor.environment]     # how the processor learns its addresses; the drill fills in {…}"]
        width = max(map(len, answers.environment))
        lines += [f"{_key(name):<{width}} = {_text(text)}" for name, text in answers.environment.items()]
    for effect in answers.effects:
        lines += _effect(effect, answers)
    lines += ["", "[drill]", f"inputs = {_text(answers.inputs)}"]
    return "\n".join(["# What a drill is told of the processor. Next: oncewhere drill .", "", *lines, ""])


def sample_inputs(identity: str) -> str:
    """Some records to begin with; their other fields only the project knows."""
    records: Iterable[dict[str, object]] = (_record(identity, number) for number in range(1, SAMPLE_RECORDS + 1))
    return "".join(f"{json.dumps(record)}\n" for record in records)


def _record(identity: str, number: int) -> dict[str, object]:
    name = f"event-{number:03d}"
    if identity == "key":
        return {"key": name, "value": {"number": number}}
    if identity.startswith("header:"):
        return {"key": name, "headers": {identity.removeprefix("header:"): name}, "value": {"number": number}}
    return {"key": f"account-{number % 7}", "value": {identity: name, "number": number}}


def _processor(answers: Answers) -> list[str]:
    if answers.app is not None:
        told = [f"app      = {_text(answers.app)}     # its group, topics, effects and policies are read from it"]
        if answers.output:
            told.append(f"output   = {_list(answers.output)}")
        return ["[processor]", *told, f"identity = {_text(answers.identity)}"]
    return [
        "[processor]",
        f"command  = {_list(answers.command)}",
        f"input    = {_text(answers.input)}",
        f"output   = {_list(answers.output)}",
        f"group    = {_text(answers.group)}",
        f"identity = {_text(answers.identity)}     # names the business event: a JSON field, key, or header:NAME",
    ]


def _effect(effect: EffectAnswer, answers: Answers) -> list[str]:
    lines = ["", f"[effects.{effect.name}]"]
    if answers.app is None:
        lines += [f"system  = {_text(effect.system)}"]
        lines += [f"policy  = {_text(effect.policy or 'undeclared')}     # what you believe prevents duplicates there"]
        if effect.system == "http":
            lines += ['stand_in = "honours-keys"     # or ignores-keys; --dsn names a downstream of yours']
        elif effect.system == "smtp":
            lines += ['stand_in = "accepts"']
    if effect.schema is not None:
        lines += [f"schema  = {_text(effect.schema)}"]
    elif effect.observe is not None:
        lines += [WITHOUT_SCHEMA]
    if effect.observe is not None:
        lines += [f"observe = {_text(effect.observe)}"]
    return lines


def _text(value: str) -> str:
    """A JSON string is a basic string of TOML."""
    return json.dumps(value, ensure_ascii=False)


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else _text(name)
