"""What is read of a drill: the screens, the sentence, the run folder; all listen to its events or read its result."""

from .advice import ids_of, more_than
from .again import again
from .chains import told_once
from .difference import Difference, compare, doubts, known_as
from .difference_table import perhaps_new, show_difference
from .drilled_otherwise import drilled_otherwise
from .failures import Failures
from .finding_runs import find_run, is_run, run_around, runs_within, several_runs
from .github import github_annotations, github_error
from .html import FILE_NAME as REPORT_NAME
from .html import lost_histories, write_report
from .kinds import ReportKind, default_kinds, parse_kinds
from .points_table import show_points
from .progress import DrillProgress
from .provenance import Commit, Provenance, Replayed, ServerOption, State, named
from .retrial import Retrial, retried
from .run_folder import LATEST, RunFolder
from .run_json import Run, read_run
from .screen import show_result, show_run, show_trial
from .sentence import sentence
from .sweep_table import show_scenarios
from .unfounded import told_of_lost, without_lost
from .unmasked import unmasked
from .words import cell, indented, marked

__all__ = [
    "LATEST",
    "REPORT_NAME",
    "Commit",
    "Difference",
    "DrillProgress",
    "Failures",
    "Provenance",
    "Replayed",
    "ReportKind",
    "Retrial",
    "Run",
    "RunFolder",
    "ServerOption",
    "State",
    "again",
    "cell",
    "compare",
    "default_kinds",
    "doubts",
    "drilled_otherwise",
    "find_run",
    "github_annotations",
    "github_error",
    "ids_of",
    "indented",
    "is_run",
    "known_as",
    "lost_histories",
    "marked",
    "more_than",
    "named",
    "parse_kinds",
    "perhaps_new",
    "read_run",
    "retried",
    "run_around",
    "runs_within",
    "sentence",
    "several_runs",
    "show_difference",
    "show_points",
    "show_result",
    "show_run",
    "show_scenarios",
    "show_trial",
    "told_of_lost",
    "told_once",
    "unmasked",
    "without_lost",
    "write_report",
]
