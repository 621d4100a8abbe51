"""Effects: what a handler does outside Kafka, and how it is made once.

The nouns, in the order in which data meets them:

- A **place** is a system outside Kafka, named by the user: the PostgreSQL database `bank`. (`place`, `postgres`)
- A **policy** is how duplicates are prevented there, with its guarantee in one sentence; a place has exactly one, and
  there is no default. (`policy`)
- An **effect** is a function declared at a place; its return value is **recorded** with it. (`effect`, `recorded`)
- A **batch** is what one Kafka transaction will cover: a span of offsets per partition, an identity per record.
  (`place`)
- A **work** is one batch at one place: it executes effects, or recalls what was recorded, until it is decided.
  (`place`)
- The **decision** is the place's own commit. What is decided is never done again; what is not decided never happened;
  when the answer is lost, nobody guesses: `UndecidedError`, and what is recorded tells. (`place`)
- The **ledger** is one row per group and partition: how far the place has gone, and the results of its last decision.
  What to do with a row is decided here, without I/O; the statements are text. (`ledger`, `ledger_table`)
- A **dedupe table** is one row per event identity; beside it, ours, the position and the results that belong to the
  row. (`dedupe`, `dedupe_table`)

Only `postgres` imports psycopg. Nothing here imports the runtime: the runtime drives a place through the protocols of
`place`.
"""
