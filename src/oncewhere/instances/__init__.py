"""Several processes of one processor on one machine: a command and a number in; they run until they are told to stop.

One process does not use two cores, two do. Each is an *instance* with an identity of its own that outlives a restart.

The nouns, in data-flow order:

- An **ending** is an exit code and how long the process had lived; what follows from it is a table: leave it, start it
  again after a pause, or end all. (`endings`)
- A **stream** is what an instance writes: lines out, each with the instance's number in front. (`streams`)
- The **supervisor** owns the processes: starts, restarts, passes signals on, and leaves none behind. (`supervisor`)

It knows nothing of Kafka and imports nothing of the runtime: an instance is a program with an exit code.
"""
