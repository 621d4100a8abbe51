"""HTTP/1.1 without I/O: the bytes of one connection go in, segments and messages come out.

Theory of operation, the nouns in data-flow order:

- A `Reading` reads one message with an h11 connection of its own, and keeps the bytes beside the events.
- An *exchange* is a request and its answer; answers come in the order of requests, after any number of 1xx.
- `outcomes` says which methods are safe, and what a status means: done, not done, or unknown.
- `link` puts them together. It is opaque behind an upgrade, in a tunnel, and behind whatever h11 refuses.
"""

from oncewhere.wire.http.link import HttpLink

__all__ = ["HttpLink"]
