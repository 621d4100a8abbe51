"""Wire layers without I/O: bytes of one connection go in, segments to forward come out, some with a message.

The nouns, in the order in which data flows through them:

- `Frames` cuts the bytes of one direction where the protocol cuts them, however the network has split them.
- A `Link` is the state of one connection between the processor and one server. It is told what either side sent, and
  what ended; it never asks for anything.
- A `Segment` is what may now be forwarded. Bytes that belong to a message stay with the link until they are complete,
  so that whoever forwards segments can still drop the message as if it had never left.
- A `Message` says what a segment means to the guarantee: `EndTxn`, `commit`, or the server's reply to one.

A link never raises. What it cannot read, it forwards untouched and counts in `unknown_bytes`; a stream that has lost
its frames is forwarded untouched from there on. Every module here can be tested with nothing but bytes.
"""

from oncewhere.wire.message import JSON, Direction, Link, Message, Refusing, Segment

__all__ = ["JSON", "Direction", "Link", "Message", "Refusing", "Segment"]
