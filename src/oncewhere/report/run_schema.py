"""The types that a run is made of come in; the JSON Schema of run.json goes out.

The schema is made from the same dataclasses that `run_json` writes and reads, so it cannot say anything else; its
`format` is that of run.json, and moves with it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from oncewhere.drill import Coverage, Crash, Phase, TrialResult, Verdict, Version

from .provenance import Commit, Replayed, ServerOption, State
from .run_json import ADDED, FORMAT

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE: Final = "#/$defs/{name}"


def run_schema() -> dict[str, Any]:
    """The schema, as a mapping."""
    roots = (Version, TrialResult, Coverage, Crash, Verdict, Phase, State, Commit, Replayed, ServerOption)
    (version, trial, coverage, crash, verdict, _, state, commit, replayed, option), components = (
        msgspec.json.schema_components(roots, ref_template=TEMPLATE)
    )
    definitions = {name: _told(definition) for name, definition in components.items()}
    definitions["Trial"] = {
        "title": "Trial",
        "description": "One trial: what was done, the proof of it, and a finding for every place.",
        "allOf": [trial],
        "properties": {
            "crash": {"type": ["string", "null"], "description": "The named crash that it is, if it is one."},
            "id": {"type": "string", "description": "What `oncewhere replay` takes."},
            "verdict": verdict,
            "proof": {"anyOf": [{"type": "null"}, crash]},
        },
        "required": ["crash", "id", "verdict", "proof"],
    }
    definitions["Drilled"] = {
        "title": "Drilled",
        "description": "One version, and everything that was tried on it; the clean run is the first trial.",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "about": {"type": "string"},
            "sentence": {"type": "string", "description": "The answer to `exactly once, where?`."},
            "verdict": verdict,
            "as_demonstrated": {"type": "boolean"},
            "cut_off": {"type": "string", "description": "Why its trials are not all that were to be; else empty."},
            "coverage": {"anyOf": [{"type": "null"}, coverage]},
            "declaration": version,
            "trials": {"type": "array", "items": {"$ref": TEMPLATE.format(name="Trial")}},
        },
        "required": [
            "name",
            "about",
            "sentence",
            "verdict",
            "as_demonstrated",
            "cut_off",
            "coverage",
            "declaration",
            "trials",
        ],
    }
    properties = {
        "format": {"const": FORMAT, "description": "Raised when a field changes its meaning or goes away."},
        "state": state,
        "reason": {"type": ["string", "null"], "description": "Why it did not come to its end."},
        "began": {"type": "string", "format": "date-time", "description": "In UTC."},
        "command": {"type": "string", "description": "The command line, without secrets."},
        "project": {"type": "string", "description": "The name of the folder that the command was given in."},
        "machine": {"type": "string"},
        "commit": {"anyOf": [{"type": "null"}, commit]},
        "repeat": {"type": "string", "description": "What runs the test again that made the run; else empty."},
        "options": {
            "type": "array",
            "items": option,
            "description": "The options that led to servers of the user's, without their secrets.",
        },
        "servers": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Which servers were the user's: kafka, or an effect's name. All others the drill started.",
        },
        "inputs": {"type": "string", "description": "That the inputs are made up."},
        "owner": {"type": ["string", "null"], "description": "Who answers for it, as the declaration says."},
        "replayed": {"anyOf": [{"type": "null"}, replayed]},
        "path": {"type": "string", "description": "The declaration, seen from the project's folder."},
        "demonstration": {"type": "boolean"},
        "control": {"type": ["string", "null"], "description": "The version that must turn red."},
        "exit_code": {"type": ["integer", "null"], "description": "Of the command; null while it runs."},
        "duration_s": {"type": "number"},
        "made_with": {"type": "object", "additionalProperties": {"type": "string"}},
        "versions": {"type": "array", "items": {"$ref": TEMPLATE.format(name="Drilled")}},
    }
    return {
        "$schema": DIALECT,
        "title": "run.json",
        "description": "What an oncewhere drill found.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in ADDED],
        "$defs": dict(sorted(definitions.items())),
    }


def _told(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition with the first sentence of its class, without the list of attributes that follows it."""
    told = str(definition.get("description", "")).partition("\n\n")[0]
    return definition | ({"description": told} if told else {})
