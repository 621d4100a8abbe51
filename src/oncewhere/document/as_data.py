"""A document comes in; JSON goes out: the sentence, every statement with how it is known, and the facts themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from .claim import claims, sentence
from .compose import Document
from .facts import FORMAT
from .statement import Block, Row, Statement, Table


def as_json(document: Document) -> str:
    """The document as JSON; `facts` in it is what stands in the evidence file."""
    data = {
        "format": FORMAT,
        "title": document.title,
        "sentence": sentence(document.facts),
        "claims": [msgspec.to_builtins(claim) for claim in claims(document.facts)],
        "sections": [
            {"title": section.title, "statements": [s for block in section.blocks for s in _statements(block)]}
            for section in document.sections
        ],
        "facts": document.facts,
    }
    return msgspec.json.format(msgspec.json.encode(data), indent=1).decode() + "\n"


def _statements(block: Block) -> list[dict[str, Any]]:
    match block:
        case Statement(text, basis, standing):
            return [{"text": text, "known_by": [basis], "standing": standing}]
        case Table(head, rows):
            return [_row(head, row) for row in rows if row.basis]
        case _:
            return []


def _row(head: tuple[str, ...], row: Row) -> dict[str, Any]:
    cells = {name or "value": cell for name, cell in zip(head, row.cells, strict=True)}
    return {"row": cells, "known_by": list(row.basis), "standing": row.standing}
