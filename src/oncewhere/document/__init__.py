"""What may be claimed of a processor, in writing: facts come in, a document for people goes out, and a check of it.

The nouns, in the order in which data flows through them:

- `Declared`: what the declaration and the code say, made of a drill's `Version` and a runtime's `Declaration`.
- `Observed`: what the wire showed, folded from the histories of a run.
- `Drilled`: what crashes proved, taken from a run's results.
- `Facts`: the three together, and all that a document is made of; committed beside it (`exactly-once.json`).
- `Statement`: one sentence, how it is known (its `Basis`), and how it stands; a sentence without evidence says so.
- `Section`: statements, tables and one diagram under a heading; each section is a module of its own in `sections/`.
- `Document`: the sections; `markdown`, `html` and JSON are its forms.
- `Difference`: what no longer agrees with a committed document, found by `check`.

Nothing in here reads a file, a clock or an environment: the same facts always make the same document.
"""

from .as_data import as_json
from .check import Difference, differences, disagreements
from .compose import Document, compose
from .declared import Declared, from_code, from_declaration, merged
from .drilled import Drilled, drilled
from .facts import Committed, Facts, decode, encode
from .html import as_html
from .markdown import as_markdown
from .observed import Observed, observed
from .standing_run import standing_run

__all__ = [
    "Committed",
    "Declared",
    "Difference",
    "Document",
    "Drilled",
    "Facts",
    "Observed",
    "as_html",
    "as_json",
    "as_markdown",
    "compose",
    "decode",
    "differences",
    "disagreements",
    "drilled",
    "encode",
    "from_code",
    "from_declaration",
    "merged",
    "observed",
    "standing_run",
]
