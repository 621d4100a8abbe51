"""A MariaDB server for the tests of this folder, from the `mariadbd` on the PATH; missing, it fails and never skips.

`MARIADB` is all that the tests see of it: whoever brings another server replaces `server()`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pymysql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_LIMIT_S = 60.0


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A running server; gives its URL without a database.

    Args:
        folder: where its data go; empty.
    """
    data, log = folder / "data", folder / "mariadbd.log"
    user = ["--user=root"] if os.geteuid() == 0 else []  # it refuses to run as root unless told to
    subprocess.run(
        [
            _program("mariadb-install-db"), "--no-defaults", *user, f"--datadir={data}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        ],
        check=True, capture_output=True, timeout=START_LIMIT_S,
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                _program("mariadbd"), "--no-defaults", *user, f"--datadir={data}", "--bind-address=127.0.0.1",
                f"--port={port}", f"--socket={data}/s", "--skip-name-resolve", "--innodb-buffer-pool-size=32M",
                "--skip-log-bin",
            ],
            stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _wait(port, process, log)
            yield f"mysql://root@127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait(START_LIMIT_S)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is not on the PATH: install MariaDB (Debian: mariadb-server)"
    return found


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
        except pymysql.Error:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
