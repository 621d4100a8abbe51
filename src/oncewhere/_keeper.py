"""Runs as a script beside one oncewhere process: when that process is gone, kill every group it left.

In (stdin): lines `+pgid` and `-pgid`, each shorter than PIPE_BUF and therefore never interleaved.
Out: nothing; at end of file (the owner ended, by whatever means) SIGKILL to every group still registered.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Read registrations until the owner is gone, then leave nothing of it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)  # only the owner's end may end the keeper
    groups = set()
    for line in sys.stdin.buffer:
        group = int(line[1:])
        if line.startswith(b"+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(OSError):  # gone already
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
