"""Makes the bytes of MySQL's protocol, for scripts in the order of the wire."""

from __future__ import annotations

import struct

IN_TRANSACTION, AUTOCOMMIT, MORE, CURSOR = 0x01, 0x02, 0x08, 0x40
IDLE = AUTOCOMMIT
BUSY = AUTOCOMMIT | IN_TRANSACTION

LOGIN_CAPABILITIES = 1 << 9 | 1 << 15 | 1 << 3 | 1 << 19 | 1 << 16
OFFERED = 0xFFFFFFFF & ~1  # everything, as MariaDB does: without CLIENT_MYSQL


def packet(payload: bytes, number: int = 0) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def greeting(capabilities: int = OFFERED, extended: int = 0xFFFF) -> bytes:
    low, high = struct.pack("<H", capabilities & 0xFFFF), struct.pack("<H", capabilities >> 16)
    return packet(
        b"\x0a5.5.5-10.11.19-MariaDB\0" + struct.pack("<I", 7) + b"saltsalt\0" + low + b"\x2d" + struct.pack("<H", IDLE)
        + high + b"\x15" + bytes(6) + struct.pack("<I", extended) + b"saltsaltsalt\0mysql_native_password\0"
    )  # fmt: skip


def login(user: str = "app", database: str = "bank", capabilities: int = LOGIN_CAPABILITIES) -> bytes:
    secret = b"\x14" + b"4711" * 5
    head = struct.pack("<IIB", capabilities, 1 << 24, 45) + bytes(23)
    return packet(head + f"{user}\0".encode() + secret + f"{database}\0mysql_native_password\0".encode(), 1)


def ok(status: int = IDLE, number: int = 1) -> bytes:
    return packet(b"\0\x01\0" + struct.pack("<HH", status, 0), number)


def eof(status: int = IDLE, number: int = 5) -> bytes:
    return packet(b"\xfe" + struct.pack("<HH", 0, status), number)


def error(errno: int, sqlstate: str = "23000") -> bytes:
    return packet(b"\xff" + struct.pack("<H", errno) + f"#{sqlstate}secret value 4711".encode(), 1)


def rows(*values: bytes, status: int = IDLE, columns: int = 1) -> bytes:
    column = packet(b"\x03def" + b"\x01a" * 5 + b"\x0c" + bytes(12), 2)
    listed = b"".join(packet(bytes([len(value)]) + value, 4) for value in values)
    return packet(bytes([columns])) + column * columns + eof(status) + listed + eof(status)


def query(sql: str) -> bytes:
    return packet(b"\x03" + sql.encode())


def prepare(sql: str) -> bytes:
    return packet(b"\x16" + sql.encode())


def prepared(number: int, columns: int = 0, parameters: int = 0) -> bytes:
    column = packet(b"\x03def" + bytes(20), 2)
    lists = b"".join(column * count + eof() for count in (parameters, columns) if count)
    return packet(b"\0" + struct.pack("<IHHBH", number, columns, parameters, 0, 0), 1) + lists


def execute(number: int) -> bytes:
    return packet(b"\x17" + struct.pack("<IBI", number, 0, 1))


def command(code: int, rest: bytes = b"") -> bytes:
    return packet(bytes([code]) + rest)
