"""The types that a run is made of come in; the JSON Schema of run.json goes out.

The schema is made from the same dataclasses that `run_json` writes and reads, so it cannot say anything else; its
`format` is that of run.json, and moves with it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from oncewhere.drill import Coverage, Crash, Phase, TrialResult, Verdict, Version

from .run_json import FORMAT

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE: Final = "#/$defs/{name}"


def run_schema() -> dict[str, Any]:
    """The schema, as a mapping."""
    roots = (Version, TrialResult, Coverage, Crash, Verdict, Phase)
    (version, trial, coverage, crash, verdict, _), components = msgspec.json.schema_components(
        roots, ref_template=TEMPLATE
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
            "coverage": {"anyOf": [{"type": "null"}, coverage]},
            "declaration": version,
            "trials": {"type": "array", "items": {"$ref": TEMPLATE.format(name="Trial")}},
        },
        "required": ["name", "about", "sentence", "verdict", "as_demonstrated", "coverage", "declaration", "trials"],
    }
    return {
        "$schema": DIALECT,
        "title": "run.json",
        "description": "What an oncewhere drill found.",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT, "description": "Raised when a field changes its meaning or goes away."},
            "path": {"type": "string", "description": "The declaration, seen from the project's folder."},
            "demonstration": {"type": "boolean"},
            "control": {"type": ["string", "null"], "description": "The version that must turn red."},
            "exit_code": {"enum": [0, 1, 3, 5]},
            "duration_s": {"type": "number"},
            "made_with": {"type": "object", "additionalProperties": {"type": "string"}},
            "versions": {"type": "array", "items": {"$ref": TEMPLATE.format(name="Drilled")}},
        },
        "required": [
            "format",
            "path",
            "demonstration",
            "control",
            "exit_code",
            "duration_s",
            "made_with",
            "versions",
        ],
        "$defs": dict(sorted(definitions.items())),
    }


def _told(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition with the first sentence of its class, without the list of attributes that follows it."""
    told = str(definition.get("description", "")).partition("\n\n")[0]
    return definition | ({"description": told} if told else {})
