"""Cuts a stream into frames: bytes split anywhere go in, the fronts and the rests of frames come out in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Front:
    """The collected beginning of a frame of `size` bytes: all of it where `len(data) == size`."""

    data: bytes
    size: int

    @property
    def whole(self) -> bool:
        """True where nothing of the frame is left to come."""
        return len(self.data) == self.size


@dataclass(frozen=True, slots=True)
class Rest:
    """More bytes of the frame whose front came last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Unframed:
    """Bytes behind the place where the stream could no longer be cut into frames."""

    data: bytes


Piece = Front | Rest | Unframed


class Frames:
    """One direction of a connection, cut into frames.

    Args:
        head_bytes: how many bytes of a frame tell its size.
        measure: takes those bytes; returns the size of the whole frame in bytes, or None where they cannot begin one.
        collect: takes those bytes and the size; returns how many bytes to collect before the front is handed out.
        skip: takes a buffer and the place of a frame in it; returns the place behind all whole frames from there on
            that pass without being looked at. They come out as one `Rest`; this is for streams of small frames.

    Frames are cut lazily: `measure`, `collect` and `skip` see a frame's head only after the caller has dealt with
    everything before it, so all may depend on what went before. They are attributes and may be changed between frames
    (PostgreSQL's start-up packet has another head).
    """

    def __init__(
        self,
        head_bytes: int,
        measure: Callable[[bytes], int | None],
        collect: Callable[[bytes, int], int],
        skip: Callable[[bytes, int], int] | None = None,
    ) -> None:
        self.head_bytes = head_bytes
        self.measure = measure
        self.collect = collect
        self.skip = skip
        self._held = bytearray()
        self._size = 0
        self._wanted = 0
        self._rest = 0
        self._lost = False

    @property
    def lost(self) -> bool:
        """True when the stream is no longer cut: everything comes out as `Unframed`."""
        return self._lost

    def lose(self) -> None:
        """Stops cutting: from here on everything, what is held included, comes out as `Unframed`."""
        self._lost = True

    def drain(self) -> bytes:
        """Returns and forgets what is held: the beginning of a frame that will not be completed."""
        held = bytes(self._held)
        self._held.clear()
        return held

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Takes bytes; yields the pieces that they complete. Must be exhausted before the next call."""
        if self._held:
            self._held += data
            if len(self._held) < (self._wanted or self.head_bytes) and not self._lost:
                return
            data = self.drain()
        at, end = 0, len(data)
        while at < end:
            if self._lost:
                yield Unframed(data[at:])
                return
            if self._rest:
                to = min(end, at + self._rest)
                self._rest -= to - at
                yield Rest(data[at:to])
                at = to
                continue
            if not self._wanted:
                if self.skip is not None and (to := self.skip(data, at)) > at:
                    yield Rest(data[at:to])
                    at = to
                    continue
                if end - at < self.head_bytes:
                    break
                self._begin(data[at : at + self.head_bytes])
                if not self._wanted:
                    continue  # lost
            if end - at < self._wanted:
                break
            front = Front(data[at : at + self._wanted], self._size)
            at += self._wanted
            self._rest = self._size - self._wanted
            self._wanted = 0
            yield front
        self._held += data[at:]

    def _begin(self, head: bytes) -> None:
        size = self.measure(head)
        if size is None:
            self._lost = True
            return
        self._size = size
        self._wanted = min(size, max(self.head_bytes, self.collect(head, size)))
