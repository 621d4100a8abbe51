"""A run folder comes in; `report.html` goes out: one file that needs no network, for a person who was not there.

The nouns, in data-flow order:

- `Mark`: one message that was sent to a place, with its answer and its `Fate`: done, open, not done, unknown.
- `Span`: a transaction, from its first message to what ended it; `Moment`: anything that happened beside the messages.
- `Join`: one violation, its records, and the marks that show them.
- `Timeline`: all of these of one trial, cut to a limit; what is left out is counted.
- `Page`: the run's own facts and every timeline, packed, inside a template with its style and its script.

Everything up to the page's text is pure; `write_report` is the one that reads and writes files.
"""

from .written import FILE_NAME, lost_histories, write_report

__all__ = ["FILE_NAME", "lost_histories", "write_report"]
