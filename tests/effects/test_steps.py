"""SQLite's commits as they are announced: what a listener hears, and what becomes of one that it does not allow."""

from __future__ import annotations

import socket
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from oncewhere import ConfigurationError, OffsetLedger, Sqlite, UnreachableError, effect
from oncewhere.effects.place import Batch, Call, Span, Start, UndecidedError
from oncewhere.records import Partition
from oncewhere.wire.steps import Acceptor, StepsLink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTITION = Partition("payments", 0, "id-1")


class Listener:
    """Lets steps be done, as a drill does; or closes the connection instead.

    Attributes:
        heard: what was said, connection by connection.
        refuses: closes the connection at the next step.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refuses = False
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        acceptor, link = Acceptor(), StepsLink()
        with connection:
            while data := connection.recv(1000):
                for segment in link.from_processor(data):
                    if segment.message is not None:
                        told = segment.message
                        about = told.fields.get("targets") or told.fields.get("outcome") or told.fields
                        self.heard.append(f"{told.direction} {told.kind} {about}")
                if self.refuses:
                    self.refuses = False
                    return
                connection.sendall(acceptor.answer(data))


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def opened(tmp_path: Path, listener: Listener) -> Iterator[Any]:
    """A place whose tables are there; nothing of that is in `heard`."""
    with closing(sqlite3.connect(tmp_path / "bank.db")) as db:
        db.execute("create table settlement (event text primary key)")
        db.execute("create table line (event text references settlement deferrable initially deferred)")
    place = Sqlite(tmp_path / "bank.db", name="bank", policy=OffsetLedger(), steps=listener.address)

    @effect(place)
    def settle(db: sqlite3.Connection, event: str) -> str:
        db.execute("insert into settlement values (?)", [event])
        return event

    found = place.open("g")
    found.assigned({PARTITION: Start(0, committed=False)})
    found.settle = settle  # type: ignore[attr-defined]
    heard(listener, 2)
    listener.heard.clear()
    yield found
    found.close()


def batch(opened: Any, start: int = 0) -> Any:
    work = opened.begin(Batch([Span(PARTITION, start, start + 1)], [f"e{start}"]))
    work.run(Call(opened.settle, PARTITION, start, 0, f"e{start}"), (f"e{start}",), {})
    return work


def rows(opened: Any) -> list[str]:
    return [event for (event,) in opened.place.connect().native.execute("select event from settlement")]


def heard(listener: Listener, count: int) -> list[str]:
    """What was said; the last of it is on its way when a commit returns."""
    for _ in range(200):
        if len(listener.heard) >= count:
            break
        threading.Event().wait(0.01)
    return listener.heard


def test_each_commit_is_announced_with_the_tables_that_were_written(opened: Any, listener: Listener) -> None:
    batch(opened).decide()
    batch(opened, 1).decide()
    assert heard(listener, 4) == ["request commit ['oncewhere_ledger', 'settlement']", "reply commit committed"] * 2
    assert rows(opened) == ["e0", "e1"]


def test_what_only_reads_is_no_step(opened: Any, listener: Listener) -> None:
    opened.assigned({PARTITION: Start(0, committed=False)})
    assert listener.heard == []


def test_a_commit_that_is_not_allowed_did_not_happen_and_the_batch_begins_again(
    opened: Any, listener: Listener
) -> None:
    listener.refuses = True
    work = batch(opened)
    with pytest.raises(UndecidedError, match="not allowed"):
        work.decide()
    work.abandon()
    opened.assigned({PARTITION: Start(0, committed=False)})
    batch(opened).decide()
    assert rows(opened) == ["e0"]
    assert heard(listener, 3).count("reply commit committed") == 1


def test_a_commit_that_fails_is_said_to_have_failed(opened: Any, listener: Listener) -> None:
    work = batch(opened)
    opened.connection().native.execute("insert into line values ('nobody')")
    with pytest.raises(Exception, match="FOREIGN KEY"):
        work.decide()
    assert heard(listener, 2)[-1] == "reply commit failed"


def test_nobody_at_the_address_is_told_at_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    place = Sqlite(tmp_path / "bank.db", name="bank", policy=OffsetLedger(), steps=address)
    with pytest.raises(UnreachableError, match="announced to 127"):
        place.open("g")


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no address"):
        Sqlite(tmp_path / "bank.db", name="bank", policy=OffsetLedger(), steps="nowhere")
