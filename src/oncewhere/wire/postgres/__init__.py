"""PostgreSQL's protocol without I/O: the bytes of one connection go in, segments and messages come out.

- `frames` (one folder up) cuts messages; `link` holds them back until a unit is complete, and tells it.
- `requests` remembers prepared statements; `dialect` is PostgreSQL's part of what `sql` (one folder up) says of a text.
- `replies` says how a unit ended.
"""

from oncewhere.wire.postgres.link import PostgresLink

__all__ = ["PostgresLink"]
