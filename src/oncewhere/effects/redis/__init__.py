"""Redis and Valkey: the place and its driver, one batch's work, the script that does it, and what a server must be."""

from .place import Redis
from .server import Commands, RedisServer

__all__ = ["Commands", "Redis", "RedisServer"]
