"""What is read of a drill: the screens, the sentence, the run folder; all listen to its events or read its result."""

from .failures import Failures
from .points_table import show_points
from .progress import DrillProgress
from .run_folder import RunFolder, find_run
from .run_json import Run, read_run
from .screen import show_result, show_trial
from .sentence import sentence
from .sweep_table import show_scenarios
from .words import cell

__all__ = [
    "DrillProgress",
    "Failures",
    "Run",
    "RunFolder",
    "cell",
    "find_run",
    "read_run",
    "sentence",
    "show_points",
    "show_result",
    "show_scenarios",
    "show_trial",
]
