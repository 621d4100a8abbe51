"""Announced steps come in over TCP; each is answered with `go` (`wire.steps`)."""

from __future__ import annotations

import asyncio

from oncewhere.wire.steps import Acceptor


class StepsStandIn(asyncio.Protocol):
    """One connection of a processor that announces its steps."""

    def __init__(self) -> None:
        self._acceptor = Acceptor()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The processor is there."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio promises for TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Steps came, perhaps in part."""
        answer = self._acceptor.answer(data)
        if answer and self._transport is not None:
            self._transport.write(answer)
