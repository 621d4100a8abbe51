"""`MODULE:APP` and a folder come in; what that processor declares goes to standard output, as JSON.

A process of its own, since importing an application may do anything: nothing of it stays in the one that asks.

    python -m oncewhere.runtime.declaring settlement:app .
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from oncewhere.errors import OncewhereError
from oncewhere.runtime.declaration import Declaration
from oncewhere.runtime.loading import load

REFUSED = 2


class Answer(msgspec.Struct, kw_only=True, frozen=True):
    """What the process says: a declaration, or why there is none.

    Attributes:
        declaration: what was declared.
        error: what is wrong, in one sentence.
        hint: what to do about it.
    """

    declaration: Declaration | None = None
    error: str | None = None
    hint: str | None = None


def main(name: str, folder: str) -> int:
    """Prints the answer; an exception of the application's own ends in its traceback."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what the application prints is not the answer
    try:
        answer, code = Answer(declaration=load(name, Path(folder)).declaration()), 0
    except OncewhereError as error:
        answer, code = Answer(error=error.message, hint=error.hint), REFUSED
    answers.write(msgspec.json.encode(answer).decode() + "\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
