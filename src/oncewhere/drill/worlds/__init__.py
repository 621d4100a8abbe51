"""Worlds: for each system outside Kafka, an empty place for a trial, its address, and what is found in it afterwards.

- `World`: what a trial asks of any of them; `Server` is where the crossing leads, `Address` what the processor is told.
- One module per system. SQL systems are asked by the declared query (`counting`), Redis by a command
  (`redis_observation`), stand-ins by their own record; all others are judged by the wire (`wire_view`).
- `sent_identity` finds the event's identity in what is sent.
- `open_world`: an effect's world, by the table of systems.
"""

from oncewhere.drill.worlds.opening import Wanted, open_world
from oncewhere.drill.worlds.world import Address, Forgetful, Keyed, Server, World

__all__ = ["Address", "Forgetful", "Keyed", "Server", "Wanted", "World", "open_world"]
