"""What a run is written as comes in; the text goes out that stands in its folder and says which file of it is what."""

from __future__ import annotations

from collections.abc import Container

from .kinds import ReportKind

README_NAME = "README.txt"

_README = """\
This folder is one run of oncewhere: a drill that kills a processor at chosen messages, restarts it, and says where its
work happened once. The inputs are made up; run.json says whose servers were used.

run.json                      what was found; when, with which command, of which commit; how far the run came (state)
{reports}VERSION/POINT/wire.jsonl      the evidence of one trial: every message at the proxies, in order, a line each
VERSION/POINT/life-N.log      what the processor itself printed, in its N-th life; passwords are masked where they are
                              known or stand behind a name such as password=, and not before their trial has ended:
                              read it before you send it

VERSION/POINT-2, -3 …         further tries of a point that the try before did not come by
VERSION/clean                 the run in which nothing was done to the processor

oncewhere show FOLDER         says what was found, what to do, and how to see it again
oncewhere check FOLDER        judges every trial again, from its wire.jsonl alone
oncewhere explain WORD        says what a word of these files means: duplicate, after-effect, EndTxn, sprung
"""

_REPORTS = {
    ReportKind.HTML: "report.html                   the same as a page: open it in a browser, it needs no network\n",
    ReportKind.JUNIT: "junit.xml                     the same for CI: a case for each point\n",
}


def readme(reports: Container[ReportKind]) -> str:
    """The text.

    Args:
        reports: what is written beside run.json.
    """
    return _README.format(reports="".join(line for kind, line in _REPORTS.items() if kind in reports))
