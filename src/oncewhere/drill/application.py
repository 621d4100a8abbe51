"""A processor written with the library comes in by name; the tables that a declaration would have for it go out.

What the object says need not be said twice: its group, its topics, its effects with their systems and policies. What it
cannot know stands in the file: the inputs, and how each database is asked what happened in it.

    [processor]
    app = "settlement:app"
    [effects.bank]
    schema  = "schema.sql"
    observe = "select event_id, count(*) from settlement group by event_id"
    [drill]
    inputs = "payments.jsonl"
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from oncewhere.addresses import KAFKA
from oncewhere.effects.policy import IdempotencyKey, Outbox
from oncewhere.errors import ConfigurationError
from oncewhere.runtime.declaration import Declaration
from oncewhere.runtime.declaring import Answer

from .effect import SQL_SYSTEMS, STAND_INS, System

READ_LIMIT_S = 180.0
"""Of an import; a second is usual, and a machine with ten times its work needs more than a minute."""
STRANGER_LIMIT_S = 15.0
"""Of an import of what seems to be another program, which may well begin its work, and never end."""
FILES_LIMIT = 500
TRACEBACK_LINES = 12
OTHERS = (
    "No file here names oncewhere: MODULE:APP is for a processor that is written with the library. "
    "Any other is declared by its command: oncewhere init"
)
_IMPORTING = "<frozen importlib"
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: |$)")
"""A traceback's line that names the exception; those of its frames are indented."""
AT = "ONCEWHERE_AT_"
INSTANCE = "ONCEWHERE_INSTANCE"
OBSERVE = 'observe = "select event_id, count(*) from … group by event_id"'
INERT = "127.0.0.1:1"
"""What a placeholder of a `host:port` becomes while the declaration is read: nothing connects then."""
_LISTENERS = re.compile(rf"\{{(?:{KAFKA}|[^{{}}]+\.steps)\}}")


def complete(
    tables: Mapping[str, Any], folder: Path, *, file: str, declared: Declaration | None = None
) -> dict[str, Any]:
    """The tables of a declaration whose `[processor]` names an `app`, as they would be without one.

    Args:
        tables: as they were read; what stands there counts more than what the object says.
        folder: where the application is imported.
        file: what the tables were read from, for errors.
        declared: what the application declares, where that has been read already.

    Raises:
        ConfigurationError: the application cannot be read, or leaves something open that only the file can say.
    """
    processor = dict(tables.get("processor") or {})
    name = processor.pop("app")
    if not isinstance(name, str):
        raise ConfigurationError(f"{file}: processor.app must be a text.", hint='Write app = "settlement:app".')
    environment = processor.get("environment") or {}
    declared = declared or read(name, folder, environment)
    given = tables.get("effects") or {}
    effects = {place: {**table, **given.get(place, {})} for place, table in _places(declared, name).items()}
    effects |= {place: table for place, table in given.items() if place not in effects}
    found = {
        "command": ["{python}", "-m", "oncewhere", "run", "--instances", "1", name],
        "input": _input(declared, name),
        "output": list(declared.outputs),
        "group": declared.group_id,
        "identity": next((topic.identity for topic in declared.topics if topic.identity), None),
    }
    told = {**{key: value for key, value in found.items() if value}, **processor}
    _check(told, effects, name, file)
    told["environment"] = {
        **{f"{AT}{place}": f"{{{place}}}" for place in (KAFKA, *effects)},
        **({} if declared.instance_variable is None else {declared.instance_variable: "{instance}"}),
        **environment,
    }
    claims = {"app": name, **(tables.get("document") or {})}
    return {**tables, "processor": told, "effects": effects, "document": claims}


def read(name: str, folder: Path, environment: Mapping[str, str]) -> Declaration:
    """What a processor declares; it is imported in a process of its own.

    Args:
        name: `MODULE:APP`.
        folder: where it is imported.
        environment: variables that it needs; placeholders in them need not lead anywhere.

    Raises:
        ConfigurationError: there is none of that name, or its module cannot be imported.
    """
    variables = {key: _inert(value) for key, value in environment.items()}
    ours = _names_the_library(folder)
    limit_s = READ_LIMIT_S if ours else STRANGER_LIMIT_S
    try:
        done = subprocess.run(
            [sys.executable, "-m", "oncewhere.runtime.declaring", name, "."],
            cwd=folder,
            env={INSTANCE: "0", **os.environ, **variables},
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"Importing {name} did not end within {limit_s:.0f} s.",
            hint="What its module does as it is imported must end; what it is there for belongs below "
            'if __name__ == "__main__".'
            if ours
            else OTHERS,
        ) from None
    try:
        answer = msgspec.json.decode(done.stdout, type=Answer)
    except msgspec.DecodeError:
        raise _not_imported(name, done.stderr.decode(errors="replace").splitlines(), ours=ours) from None
    if answer.declaration is None:
        raise ConfigurationError(answer.error or f"{name} cannot be read.", hint=answer.hint)
    return answer.declaration


def _names_the_library(folder: Path) -> bool:
    """True where a Python file below the folder has the library's name in it."""
    files = zip(range(FILES_LIMIT), folder.rglob("*.py"), strict=False)
    return any(b"oncewhere" in file.read_bytes() for _, file in files if file.is_file())


def _not_imported(name: str, traceback: Sequence[str], *, ours: bool) -> ConfigurationError:
    """What went wrong, and the lines of the module's own that led to it."""
    importing = max((number for number, line in enumerate(traceback, start=1) if _IMPORTING in line), default=0)
    raised = next((line for line in reversed(traceback) if _RAISED.match(line)), "")
    wants = raised.startswith("KeyError")
    lacking = " Where it needs a variable, write that into [processor.environment]." if wants else ""
    return ConfigurationError(
        f"{name} cannot be imported{': ' if raised else ''}{raised.rstrip('.')}.",
        hint=f"{'Mend what its module does as it is imported.' if ours else OTHERS}{lacking}",
        detail="\n".join(line for line in traceback[importing:][-TRACEBACK_LINES:] if line != raised),
    )


def _inert(text: str) -> str:
    text = _LISTENERS.sub(INERT, text)
    return text if "{" not in text else f"postgresql://{INERT}/none"


def _places(declared: Declaration, name: str) -> dict[str, dict[str, Any]]:
    """A table for each place; where no server is needed, a stand-in that does what the policy relies on."""
    found: dict[str, dict[str, Any]] = {}
    for effect in declared.effects:
        if effect.policy == Outbox.name:
            continue  # its calls are records on an output topic, and another processor makes them
        if effect.system not in get_args(System):
            raise ConfigurationError(
                f"{name}: a drill cannot see what happens at place {effect.place!r}, which is a {effect.system}.",
                hint="Drill it by its command instead, without that effect: processor.command = [...].",
            )
        found[effect.place] = {"system": effect.system, "policy": effect.policy}
        if kinds := STAND_INS.get(effect.system):
            relies_on_keys = effect.policy == IdempotencyKey.name or len(kinds) == 1
            found[effect.place]["stand_in"] = kinds[0] if relies_on_keys else kinds[1]
    return found


def _input(declared: Declaration, name: str) -> str | None:
    if len(declared.topics) > 1:
        raise ConfigurationError(
            f"{name} consumes {', '.join(topic.name for topic in declared.topics)}; a drill feeds one topic.",
            hint="Drill a Processor with one of them.",
        )
    return declared.topics[0].name if declared.topics else None


def _check(told: Mapping[str, Any], effects: Mapping[str, Mapping[str, Any]], name: str, file: str) -> None:
    """What only the file can say is asked for by the line to write."""
    wanted = {
        "input": f"{name} consumes nothing: write @app.consume(topic, type) above its handler.",
        "output": f'no topic can be read from the code of {name}: write output = ["payment-settled"] into [processor].',
        "identity": "nothing tells one event from another: write identity = "
        '"event_id" into [processor]; a JSON field, "key", or "header:NAME".',
    }
    for key, sentence in wanted.items():
        if not told.get(key):
            raise ConfigurationError(f"{file}: {sentence}")
    for place, table in effects.items():
        if table.get("system") in SQL_SYSTEMS and "observe" not in table:
            raise ConfigurationError(
                f"{file}: how is {place} asked what happened there?",
                hint=f"Write {OBSERVE} into [effects.{place}].",
            )
