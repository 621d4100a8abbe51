"""MySQL's and MariaDB's protocol without I/O: the bytes of one connection go in, segments and messages come out.

- `frames` (one folder up) cuts packets; `framing` knows their heads and every limit.
- `handshake` takes from the server's greeting what could not be read afterwards: encryption and compression, above all.
- `commands` says what a client's command asks for, and remembers prepared statements; `dialect` is MySQL's part of what
  `sql` (one folder up) says of a text.
- `answers` follows a server's answer to its end: results, rows, errors, and the status of the transaction.
- `unit` is a command with its answer; `link` puts them together, and foresees the transaction.
"""

from oncewhere.wire.mysql.link import MysqlLink

__all__ = ["MysqlLink"]
