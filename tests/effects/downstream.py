"""An HTTP downstream of ours: it works for each request, and honours the key, or ignores it, or misbehaves on cue."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DROP_BEFORE = "drop-before"
"""The connection is closed before the work is done."""
DROP_AFTER = "drop-after"
"""The work is done, and its answer is never sent."""
HANG = "hang"
"""The work is done, and its answer is never sent either; but the connection stays: the client loses patience."""


@dataclass
class Downstream:
    """A payment gateway.

    Attributes:
        honours: whether it does the work once for a key.
        script: what it does with the next requests instead of answering: a status with headers, or a way to drop.
        done: how often the work was done, by the charge's name.
        keys: the headers that came, in order; None where there was none.
    """

    honours: bool = True
    script: list[str | tuple[int, dict[str, str]]] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    keys: list[str | None] = field(default_factory=list)
    answers: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def work(self, key: str | None, body: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if self.honours and key is not None and key in self.answers:
                before, answer = self.answers[key]
                return (201, answer) if before == body else (422, {"title": "Idempotency-Key is already used"})
            charge = json.loads(body)["charge"]
            self.done[charge] = self.done.get(charge, 0) + 1
            answer = {"receipt": f"{charge}-{self.done[charge]}"}
            if key is not None:
                self.answers[key] = (body, answer)
            return 201, answer


class _Handler(BaseHTTPRequestHandler):
    downstream: Downstream
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        me = self.downstream
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        key = self.headers.get("Idempotency-Key")
        with me.lock:
            me.keys.append(key)
            cue = me.script.pop(0) if me.script else None
        if cue == DROP_BEFORE:
            self.close_connection = True
            return
        if isinstance(cue, tuple):
            self._answer(cue[0], {}, cue[1])
            return
        status, answer = me.work(key, body)
        if cue == HANG:
            me.over.wait(20)
        if cue in {DROP_AFTER, HANG}:
            self.close_connection = True
            return
        self._answer(status, answer, {})

    def _answer(self, status: int, answer: dict[str, Any], headers: dict[str, str]) -> None:
        raw = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def running() -> Iterator[Downstream]:
    """A downstream on a free port."""
    downstream = Downstream()
    handler = type("Handler", (_Handler,), {"downstream": downstream})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    downstream.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield downstream
    finally:
        downstream.over.set()
        server.shutdown()
        server.server_close()
