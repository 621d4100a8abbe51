"""Runs as a script between fork and exec: report this process group to the keeper, then become the program.

In (argv): the keeper's pipe, the status pipe, the program and its arguments.
Out: one line `+pgid` on the keeper's pipe *before* exec, so that no program exists that the keeper does not know; on
the status pipe nothing when exec succeeded (it closes both pipes), else the error number.
"""

import os
import signal
import sys


def main() -> None:
    """Announce the group, close both pipes at exec, and exec."""
    keeper_fd, status_fd = int(sys.argv[1]), int(sys.argv[2])
    argv = sys.argv[3:]
    for pipe in (keeper_fd, status_fd):
        os.set_inheritable(pipe, False)  # noqa: FBT003  # the operating system's signature
    os.write(keeper_fd, b"+%d\n" % os.getpgrp())
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # the argument vector goes straight to the kernel, without a shell
    except OSError as error:
        os.write(status_fd, b"%d" % (error.errno or 0))
        os._exit(127)


if __name__ == "__main__":
    main()
