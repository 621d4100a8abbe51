"""Redis's protocol without I/O: the bytes of one connection go in, segments and messages come out.

Theory of operation, the nouns in data-flow order:

- `values` cuts each direction into *values* (RESP2 and RESP3, and inline commands) and keeps their outline only.
- `commands` says what a command means: whether it writes, and which keys it names.
- A *queue* is what stands between MULTI and EXEC; it becomes one unit with its EXEC.
- A *pending* command waits for its answer; answers come in the order of commands, and what is pushed is none.
- `answers` says what an answer means: done, not done, or unknown.
- `link` puts them together, and turns opaque where a connection begins to listen.
"""

from oncewhere.wire.redis.link import RedisLink

__all__ = ["RedisLink"]
