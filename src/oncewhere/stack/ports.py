"""Ports on the loopback interface: a wish or nothing in, a port that is free at this moment out."""

from __future__ import annotations

import socket

from oncewhere.errors import ConfigurationError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on; it may be lost again before it is used, and then the start is tried again."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


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


def port_in_use(port: int, server: str, reason: str | None = None) -> ConfigurationError:
    """The error for a port that cannot be had."""
    return ConfigurationError(
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
