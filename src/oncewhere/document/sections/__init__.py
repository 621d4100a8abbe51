"""The sections of a document, in its order; each module takes `Facts` and gives one `Section`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from oncewhere.document.facts import Facts
from oncewhere.document.sections.answer import answer
from oncewhere.document.sections.boundary import boundary
from oncewhere.document.sections.effects import effects
from oncewhere.document.sections.evidence import evidence
from oncewhere.document.sections.identity import identity
from oncewhere.document.sections.isolation import isolation
from oncewhere.document.sections.limits import limits
from oncewhere.document.sections.runbook import runbook
from oncewhere.document.sections.timeouts import timeouts
from oncewhere.document.statement import Section

SECTIONS: Final[tuple[Callable[[Facts], Section], ...]] = (
    answer,
    boundary,
    identity,
    effects,
    isolation,
    timeouts,
    limits,
    evidence,
    runbook,
)

__all__ = ["SECTIONS"]
