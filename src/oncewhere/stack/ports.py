"""Ports on the loopback interface: a wish or nothing in, a port that is free at this moment out."""

from __future__ import annotations

import contextlib
import socket

from oncewhere.errors import ConfigurationError

LOOPBACK = "127.0.0.1"


class PortInUseError(ConfigurationError):
    """Somebody else listens on the port; where we chose it ourselves, another will do."""


def free_port() -> int:
    """A port that nobody listens on; it may be lost again before it is used, and then the start is tried again."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on."""
    with contextlib.ExitStack() as probes:
        found: list[int] = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket())
            probe.bind((LOOPBACK, 0))
            found.append(probe.getsockname()[1])
        return found


def claim(port: int, server: str) -> int:
    """Check a port that was asked for.

    Args:
        port: the port, 1 to 65535.
        server: who is to listen there; named in the error.

    Raises:
        ConfigurationError: somebody else listens there, or we may not.
    """
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as both servers do: TIME_WAIT is no user
            probe.bind((LOOPBACK, port))
            probe.listen(1)
    except OSError as error:
        raise port_in_use(port, server, error.strerror) from error
    except OverflowError as error:
        raise ConfigurationError(f"There is no port {port}.", hint="Name one between 1 and 65535.") from error
    return port


def port_in_use(port: int, server: str, reason: str | None = None) -> PortInUseError:
    """The error for a port that cannot be had."""
    return PortInUseError(
        f"{server} cannot listen on port {port}: {(reason or 'address already in use').lower()}.",
        hint="Stop what listens there, or ask for another port (without a wish, a free one is taken).",
    )


def answers(port: int, timeout_s: float = 0.2) -> bool:
    """Whether somebody accepts a connection on this port now."""
    try:
        socket.create_connection((LOOPBACK, port), timeout_s).close()
    except OSError:
        return False
    return True
