"""The command line: arguments come in; results go to stdout, progress to stderr, an exit code to the shell.

Exit codes: 0 held, 1 violated, 2 usage or configuration, 3 inconclusive, 4 internal error, 5 nothing ran, 6 fenced, 130
interrupted.
"""

from .entry import main

__all__ = ["main"]
