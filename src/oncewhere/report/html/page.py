"""The run's facts and its packed trials come in; the text of the page goes out.

Nothing of a run is ever written as markup: facts travel as JSON in which `<` cannot stand, trials as base64, and the
script makes text nodes of them. A content security policy that names the script and the style by their digests is the
second fence: no other script runs, and nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec

SCRIPTS: Final = (
    "dom.js",
    "trials.js",
    "marks.js",
    "columns.js",
    "drawing.js",
    "message.js",
    "trial.js",
    "matrix.js",
    "filters.js",
    "keys.js",
    "main.js",
)
"""The parts of the page's script, in the order in which they are joined; each names what it takes from the others."""

_SLOT: Final = re.compile(r"\{\{(\w+)\}\}")


def write_page(facts: Mapping[str, Any], trials: Sequence[str]) -> str:
    """The page.

    Args:
        facts: `facts.run_facts`, with whatever else the script asks for.
        trials: by number of the point, its squeezed trial.
    """
    style = _asset("style.css")
    script = '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "})();\n"
    slots = {
        "policy": f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'",
        "title": html.escape(f"{facts['name']}: exactly once, where?"),
        "style": style,
        "heading": "\n".join(f"<li>{html.escape(line)}</li>" for line in facts["heading"]),
        "answers": "\n".join(_answer(facts, version) for version in facts["versions"]),
        "facts": json_for_html(facts),
        "script": script,
        "trials": "\n".join(
            f'<script type="text/plain" id="trial-{number}">{text}</script>' for number, text in enumerate(trials)
        ),
    }
    return _SLOT.sub(lambda slot: slots[slot.group(1)], _asset("template.html"))


def json_for_html(data: Any) -> str:
    """JSON that may stand within a script element: `<` is written so that no tag can begin or end in it."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _answer(facts: Mapping[str, Any], version: Mapping[str, Any]) -> str:
    """One version's sentence, there before the script runs, and where none runs."""
    verdict = facts["verdicts"][version["verdict"]]
    kind, mark, name, sentence = (
        html.escape(text) for text in (verdict["kind"], verdict["mark"], version["name"], version["sentence"])
    )
    control = " (control)" if version["control"] else ""
    return (
        f'<li class="{kind}"><span class="sign" aria-hidden="true">{mark}</span>'
        f"<span><b>{name}</b> {sentence}{control}</span></li>"
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
