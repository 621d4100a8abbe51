"""What is read of a drill: the screens, the sentence, the run folder; all listen to its events or read its result."""

from .difference import compare
from .difference_table import show_difference
from .failures import Failures
from .github import github_annotations
from .html import FILE_NAME as REPORT_NAME
from .html import write_report
from .kinds import ReportKind, default_kinds, parse_kinds
from .points_table import show_points
from .progress import DrillProgress
from .run_folder import RunFolder, find_run
from .run_json import Run, read_run
from .screen import show_result, show_trial
from .sentence import sentence
from .sweep_table import show_scenarios
from .words import cell

__all__ = [
    "REPORT_NAME",
    "DrillProgress",
    "Failures",
    "ReportKind",
    "Run",
    "RunFolder",
    "cell",
    "compare",
    "default_kinds",
    "find_run",
    "github_annotations",
    "parse_kinds",
    "read_run",
    "sentence",
    "show_difference",
    "show_points",
    "show_result",
    "show_scenarios",
    "show_trial",
    "write_report",
]
