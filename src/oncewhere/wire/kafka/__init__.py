"""Kafka's protocol without I/O: the bytes of one connection go in, segments and messages come out.

- `frames` (one folder up) cuts requests and replies; `link` decides which of them to collect and to tell.
- `apis` is the table of what means something; `fields` says what is logged of it.
- `schema` reads bodies by kio's schemas; `addresses` replaces what a proxy must replace in them.
"""

from oncewhere.wire.kafka.link import KafkaLink

__all__ = ["KafkaLink"]
