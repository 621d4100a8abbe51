"""Frames come out the same however the network has split them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.wire.frames import Frames, Front, Rest, Unframed


def _frames(collect: int) -> Frames:
    """Frames of one length byte; zero is no length; `collect` bytes are wanted of each."""
    return Frames(1, lambda head: head[0] or None, lambda _, __: collect)


def test_a_collected_frame_comes_out_when_its_last_byte_is_there() -> None:
    frames = _frames(255)
    assert list(frames.feed(b"\x04ab")) == []
    assert list(frames.feed(b"c\x02")) == [Front(b"\x04abc", 4)]
    assert list(frames.feed(b"z")) == [Front(b"\x02z", 2)]


def test_a_frame_that_is_not_collected_passes_as_it_comes() -> None:
    frames = _frames(0)
    assert list(frames.feed(b"\x04a")) == [Front(b"\x04", 4), Rest(b"a")]
    assert list(frames.feed(b"bc")) == [Rest(b"bc")]


def test_only_the_front_of_a_large_frame_is_collected() -> None:
    frames = _frames(3)
    assert list(frames.feed(b"\x05a")) == []
    assert list(frames.feed(b"bcd")) == [Front(b"\x05ab", 5), Rest(b"cd")]
    assert not Front(b"\x05ab", 5).whole


def test_a_stream_that_cannot_be_cut_comes_out_as_it_is() -> None:
    frames = _frames(255)
    assert list(frames.feed(b"\x02a\x00rest")) == [Front(b"\x02a", 2), Unframed(b"\x00rest")]
    assert frames.lost
    assert list(frames.feed(b"more")) == [Unframed(b"more")]


def test_losing_the_frames_gives_back_what_was_held() -> None:
    frames = _frames(255)
    assert list(frames.feed(b"\x05ab")) == []
    frames.lose()
    assert list(frames.feed(b"c")) == [Unframed(b"\x05abc")]


def test_the_end_of_a_stream_gives_back_what_was_held() -> None:
    frames = _frames(255)
    assert list(frames.feed(b"\x05ab")) == []
    assert frames.drain() == b"\x05ab"
    assert frames.drain() == b""


@pytest.mark.parametrize("collect", [0, 2, 255])
@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_split_gives_every_byte_once_and_in_order(collect: int, data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    frames, out = _frames(collect), b""
    for start, end in itertools.pairwise(edges):
        out += b"".join(piece.data for piece in frames.feed(data[start:end]))
    assert out + frames.drain() == data


def test_frames_that_are_skipped_come_out_as_one_piece() -> None:
    def skip(buffer: bytes, at: int) -> int:
        while at + 2 <= len(buffer) and buffer[at : at + 1] == b"\x02":
            at += 2
        return at

    frames = Frames(1, lambda head: head[0] or None, lambda _, size: size, skip)
    assert list(frames.feed(b"\x02a\x02b\x03cc\x02d\x02")) == [Rest(b"\x02a\x02b"), Front(b"\x03cc", 3), Rest(b"\x02d")]
    assert list(frames.feed(b"e")) == [Front(b"\x02e", 2)]
