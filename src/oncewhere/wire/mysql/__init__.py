"""The protocol of MySQL and MariaDB without I/O: the bytes of one connection go in, segments and messages come out.

Theory of operation, the nouns in data-flow order:

- `frames` (one folder up) cuts *packets*; a packet of the largest length goes on in the next one.
- `handshake` reads greeting and login. It takes the offers of encryption and compression, of query attributes and of
  metadata that may be left out, out of the greeting: what follows could not be read, or has another form.
- `commands` says what a packet asks for, and remembers prepared statements by the number that the server gives them.
- `sql` (one folder up) says what a text means in the `dialect` of MySQL, and foresees the transaction's status.
- A `Response` follows the answer to one command, with both ways of ending its definitions and rows, through any
  number of results.
- A `Unit` is a command that runs SQL, with its answer; its outcome comes from OK, errors and the status flags in them.
- `link` puts them together. Replication, and a client that insists on what was taken out, make it opaque.
"""

from oncewhere.wire.mysql.link import MysqlLink

__all__ = ["MysqlLink"]
