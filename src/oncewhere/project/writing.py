"""Answers come in; the text of an oncewhere.toml goes out, which a person reads and goes on from."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from .answers import Answers, EffectAnswer

SAMPLE_RECORDS = 60
COLUMN_LIMIT = 80
"""A longer line does not move the remarks of the others."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
WITHOUT_SCHEMA = '# schema = "schema.sql"      # makes the empty tables; without it the processor must make its own'


def as_toml(answers: Answers) -> str:
    """The file's text; beside each value that a person did not give stands where it is from."""
    lines = [*_processor(answers)]
    if answers.environment:
        lines += ["", "[processor.environment]     # how the processor learns its addresses; the drill fills in {…}"]
        width = max(map(len, map(_key, answers.environment)))
        said = [f"{_key(name):<{width}} = {_text(text)}" for name, text in answers.environment.items()]
        lines += _beside(said, [answers.sources.get(f"processor.environment.{name}") for name in answers.environment])
    for effect in answers.effects:
        lines += _effect(effect, answers)
    lines += ["", "[drill]", *_beside([f"inputs = {_text(answers.inputs)}"], [answers.sources.get("drill.inputs")])]
    return "\n".join(["# What a drill is told of the processor. Next: oncewhere drill .", "", *lines, ""])


def sample_inputs(identity: str, sample: Mapping[str, object] | None = None) -> str:
    """Some records to begin with.

    Args:
        identity: where the business identity stands.
        sample: a value, where the project tells what one looks like; else the other fields only the project knows.
    """
    records = (_record(identity, number, sample) for number in range(1, SAMPLE_RECORDS + 1))
    return "".join(f"{json.dumps(record)}\n" for record in records)


def is_sample(file: Path) -> bool:
    """True where nobody has changed the records that `sample_inputs` made: they tell nothing of the processor's.

    Args:
        file: one record a line.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            text = "".join(islice(lines, SAMPLE_RECORDS + 1))
        record = json.loads(text.partition("\n")[0])
    except (OSError, ValueError):
        return False
    value = record.get("value") if isinstance(record, dict) else None
    if not isinstance(value, dict):
        return False
    headers = record.get("headers")
    beside = [f"header:{name}" for name in headers] if isinstance(headers, dict) else []
    return any(text in {sample_inputs(name), sample_inputs(name, value)} for name in ("key", *beside, *value))


def _record(identity: str, number: int, sample: Mapping[str, object] | None) -> dict[str, object]:
    name = f"event-{number:03d}"
    value = {"number": number} if sample is None else {**sample}
    if identity == "key":
        return {"key": name, "value": value}
    if identity.startswith("header:"):
        return {"key": name, "headers": {identity.removeprefix("header:"): name}, "value": value}
    return {"key": f"account-{number % 7}", "value": {identity: None, **value, **_named(identity, number, value)}}


def _named(identity: str, number: int, sample: Mapping[str, object]) -> dict[str, object]:
    """The identity, in the form that the sample gives it: a number, a UUID or a text."""
    match sample.get(identity):
        case int():
            return {identity: number}
        case str() as text if _UUID.fullmatch(text):
            return {identity: str(uuid.UUID(int=number, version=4))}
    return {identity: f"event-{number:03d}"}


def _processor(answers: Answers) -> list[str]:
    if answers.app is not None:
        told = {"app": _text(answers.app), "output": _list(answers.output), "identity": _text(answers.identity)}
        beside = {"app": "its group, topics, effects and policies are read from it"}
        keys = [key for key in told if key != "output" or answers.output]
        sources = [beside.get(key, answers.sources.get(f"processor.{key}")) for key in keys]
        return ["[processor]", *_beside([f"{key:<8} = {told[key]}" for key in keys], sources)]
    said = {
        "command": _list(answers.command),
        "input": _text(answers.input),
        "output": _list(answers.output),
        "group": _text(answers.group),
        "identity": _text(answers.identity),
    }
    sources = [answers.sources.get(f"processor.{key}") for key in said]
    means = "names the business event: a JSON field, key, or header:NAME"
    sources[-1] = means if sources[-1] is None else f"{means}; {sources[-1]}"
    return ["[processor]", *_beside([f"{key:<8} = {text}" for key, text in said.items()], sources)]


def _effect(effect: EffectAnswer, answers: Answers) -> list[str]:
    lines = ["", f"[effects.{_key(effect.name)}]"]
    if answers.app is None:
        lines += _beside([f"system  = {_text(effect.system)}"], [answers.sources.get(f"effects.{effect.name}.system")])
        lines += [f"policy  = {_text(effect.policy or 'undeclared')}     # what you believe prevents duplicates there"]
        if effect.system == "http":
            lines += ['stand_in = "honours-keys"     # or ignores-keys; --dsn names a downstream of yours']
        elif effect.system == "smtp":
            lines += ['stand_in = "accepts"']
    if effect.schemas:
        text = _text(effect.schemas[0]) if len(effect.schemas) == 1 else _list(effect.schemas)
        lines += _beside([f"schema  = {text}"], [answers.sources.get(f"effects.{effect.name}.schema")])
    elif effect.observe is not None:
        lines += [WITHOUT_SCHEMA]
    if effect.observe is not None:
        lines += _beside(
            [f"observe = {_text(effect.observe)}"], [answers.sources.get(f"effects.{effect.name}.observe")]
        )
    return lines


def _beside(lines: list[str], remarks: Sequence[str | None]) -> list[str]:
    """Lines with a remark behind each that has one, all in one column; a long line keeps its own."""
    widths = [len(line) for line, remark in zip(lines, remarks, strict=True) if remark and len(line) <= COLUMN_LIMIT]
    column = max(widths, default=0)
    return [f"{line:<{column}}     # {remark}" if remark else line for line, remark in zip(lines, remarks, strict=True)]


def _text(value: str) -> str:
    """A JSON string is a basic string of TOML, but for one character that only TOML escapes."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _key(name: str) -> str:
    """Bare where TOML lets it be, which is ASCII only."""
    return name if _BARE.fullmatch(name) else _text(name)
