"""An error comes in; it goes out with all that the command line would print of it, for pytest to show."""

from __future__ import annotations

from oncewhere.errors import OncewhereError
from oncewhere.masking import masked


def lines_of(error: OncewhereError) -> list[str]:
    """What is said of it: the sentence, what to do, and the end of its evidence; without secrets."""
    told = [f"oncewhere: {error.message}", *([f"  {error.hint}"] if error.hint else []), *_last(error)]
    return [masked(line) for line in told]


def with_all_words(error: OncewhereError) -> OncewhereError:
    """The same error without its way through our code and without secrets; its notes are the end of its evidence."""
    error.args = (masked(error.message),)
    error.message, error.hint = masked(error.message), error.hint and masked(error.hint)
    for line in _last(error):
        error.add_note(masked(line))
    return error.with_traceback(None)


def _last(error: OncewhereError) -> list[str]:
    return [f"  | {line}" for line in error.last_lines()]
