"""Announced steps as scripts in the order of the wire: `>>` the processor, `<<` the drill."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire import Direction, Message, Segment
from oncewhere.wire.steps import Acceptor, StepsLink
from oncewhere.wire.steps.link import MAX_LINE_BYTES


def told(*sent: bytes, link: StepsLink | None = None) -> tuple[list[Message], bytes]:
    """The messages of what a processor sent, and the bytes that were forwarded."""
    link = link or StepsLink()
    segments: list[Segment] = [segment for data in sent for segment in link.from_processor(data)]
    segments += link.ended(Direction.REQUEST)
    return [s.message for s in segments if s.message], b"".join(s.data for s in segments)


def lines(messages: list[Message]) -> list[str]:
    return [f"{m.direction} {m.kind}#{m.sequence}{'!' * m.boundary} {dict(m.fields)}" for m in messages]


SCRIPT = b"begin\ndone\nwrite t\ndone\ncommit t u\ndone\nwrite t\nfailed\nrollback\ndone\ncommit\nfailed\n"


def test_a_step_is_a_request_and_its_end_the_reply_to_it() -> None:
    messages, forwarded = told(SCRIPT)
    assert lines(messages) == [
        "request begin#0 {'targets': []}",
        "reply begin#0 {}",
        "request write#1! {'targets': ['t']}",
        "reply write#1! {'outcome': 'open'}",
        "request commit#2! {'targets': ['t', 'u']}",
        "reply commit#2! {'outcome': 'committed'}",
        "request write#3! {'targets': ['t']}",
        "reply write#3! {'outcome': 'failed'}",
        "request rollback#4 {'targets': []}",
        "reply rollback#4 {}",
        "request commit#5! {'targets': []}",
        "reply commit#5! {'outcome': 'failed'}",
    ]
    assert forwarded == SCRIPT


@given(cuts=st.lists(st.integers(0, len(SCRIPT)), max_size=10))
def test_every_split_is_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SCRIPT)]
    parts = [SCRIPT[a:b] for a, b in itertools.pairwise(edges)]
    assert told(*parts) == told(SCRIPT)


def test_nothing_of_a_step_is_forwarded_before_its_line_is_complete() -> None:
    link = StepsLink()
    assert link.from_processor(b"comm") == []
    (segment,) = link.from_processor(b"it\n")
    assert segment.data == b"commit\n"


@pytest.mark.parametrize(
    "sent", [b"hello\n", b"done\n", b"commit\ncommit\n", b"\n", b"x" * (MAX_LINE_BYTES + 1), b"commit\nwrite t\n"]
)
def test_what_is_no_step_passes_and_says_so(sent: bytes) -> None:
    link = StepsLink()
    messages, forwarded = told(sent, b"more", link=link)
    assert forwarded == sent + b"more"
    assert messages[-1].kind == "opaque"
    assert link.opaque


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_random_bytes_are_forwarded_untouched(sent: list[bytes]) -> None:
    assert told(*sent)[1] == b"".join(sent)


def test_the_drill_lets_each_step_go_on_and_answers_nothing_else() -> None:
    acceptor = Acceptor()
    assert acceptor.answer(b"comm") == b""
    assert acceptor.answer(b"it t\ndone\nwrite") == b"go\n"
    assert acceptor.answer(b" t\nnonsense\n\nbegin\n") == b"go\ngo\n"
    assert b"".join(s.data for s in StepsLink().from_server(b"go\n")) == b"go\n"
