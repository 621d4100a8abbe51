"""Redis and Valkey: the place and its driver, one batch's work, the script that does it, and what a server must be."""

from .place import Commands, Redis, RedisServer

__all__ = ["Commands", "Redis", "RedisServer"]
