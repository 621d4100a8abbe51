"""What is read of a drill: the terminal, the sentence, the run folder; all listen to its events."""

from .run_folder import RunFolder
from .sentence import sentence
from .terminal import DrillProgress, show_result

__all__ = ["DrillProgress", "RunFolder", "sentence", "show_result"]
