"""The processes of a life come in; to whom they are connected past the proxies goes out: effects that nobody declared.

What a processor does over a connection of its own is neither seen nor judged, and a declaration that does not name it
hides it. Whom it is connected to the kernel says (`/proc`, so on Linux only): looked at several times a second, so that
a connection which is opened and closed between two looks is missed. That nothing was found is no proof.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path

from oncewhere.proxy import Crossing

from .history import History
from .stragglers import PROCESSES, marked

PAUSE_S = 0.1
ADDRESSES_LIMIT = 100
_CONNECTED = {"01", "02"}  # ESTABLISHED, SYN_SENT (include/net/tcp_states.h)
_LISTENING = "0A"
_Address = tuple[str, int]


class Elsewhere:
    """Looks, as long as it runs, and writes down each address once.

    Args:
        mark: of the life's processes.
        crossing: whose ports are no elsewhere.
        history: where addresses are written down.
    """

    def __init__(self, mark: str, crossing: Crossing, history: History) -> None:
        self._mark = mark
        self._crossing = crossing
        self._history = history
        self._found: set[_Address] = set()

    async def look(self) -> None:
        """Looks until it is cancelled."""
        while len(self._found) < ADDRESSES_LIMIT:
            for address in await asyncio.to_thread(connected, marked(self._mark), self._crossing.ports):
                if address not in self._found:
                    self._found.add(address)
                    self._history.happened("elsewhere", address=f"{address[0]}:{address[1]}")
            await asyncio.sleep(PAUSE_S)


def connected(pids: Iterable[int], ours: frozenset[int]) -> set[_Address]:
    """Whom these processes are connected to.

    Args:
        pids: the processes; connections among them do not count, nor those that somebody opened to them.
        ours: the ports of the proxies, on loopback.
    """
    rows = [row for pid in pids for row in _rows(PROCESSES / str(pid))]
    own = {local for local, _, _ in rows}
    served = {local[1] for local, _, state in rows if state == _LISTENING}
    return {
        remote
        for local, remote, state in rows
        if state in _CONNECTED
        and remote not in own
        and local[1] not in served
        and not (remote[1] in ours and ipaddress.ip_address(remote[0]).is_loopback)
    }


def _rows(process: Path) -> Iterator[tuple[_Address, _Address, str]]:
    """Its sockets: own address, the other's, state. Nothing of a process that is gone, or is not ours to look at."""
    try:
        links = [str(fd.readlink()) for fd in (process / "fd").iterdir()]
        inodes = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
        lines = [line for name in ("tcp", "tcp6") for line in (process / "net" / name).read_text().splitlines()[1:]]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[9] in inodes:
            yield _address(fields[1]), _address(fields[2]), fields[3]


def _address(text: str) -> _Address:
    """An address as the kernel writes it: words of four bytes in the machine's order, in hexadecimal."""
    host, _, port = text.partition(":")
    raw = b"".join(bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8))
    found = ipaddress.ip_address(raw)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found), int(port, 16)
