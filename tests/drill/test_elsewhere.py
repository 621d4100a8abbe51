"""A connection past the proxies is found by what the kernel says of the process; the proxies' own are none."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oncewhere.drill.elsewhere import connected
from oncewhere.drill.stragglers import MARK, marked

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux says whom a process is connected to")

PROGRAM = """
import socket, sys, time
ours = socket.create_server(("127.0.0.1", 0))
own = [socket.create_connection(ours.getsockname()), ours.accept()]
calls = [socket.create_connection(("127.0.0.1", int(port))) for port in sys.argv[1:]]
print("connected", flush=True)
time.sleep(60)
"""


def test_whom_a_process_is_connected_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [server.getsockname()[1] for server in (proxy, other)]
        mark = f"elsewhere-{time.time_ns()}"
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, ports)], env={MARK: mark}, stdout=subprocess.PIPE
        )
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"connected\n"
            assert marked(mark) == [child.pid]
            assert connected(marked(mark), frozenset({ports[0]})) == {("127.0.0.1", ports[1])}
            assert connected(marked(mark), frozenset(ports)) == set()
            assert connected([], frozenset()) == set()
        finally:
            child.kill()
            child.communicate()
