"""Effects: what a handler does outside Kafka, and how it is made once.

The nouns, in the order in which data meets them:

- A **place** is a system outside Kafka, named by the user: the PostgreSQL database `bank`. (`place`)
- A **policy** is how duplicates are prevented there, with its guarantee in one sentence; a place has exactly one, and
  there is no default. (`policy`)
- An **effect** is a function declared at a place; its return value is **recorded** with it. (`effect`, `recorded`)
- A **batch** is what one Kafka transaction will cover: a span of offsets per partition, an identity per record.
  (`place`)
- A **work** is one batch at one place: it executes effects, or recalls what was recorded, until it is decided.
  (`place`)
- The **decision** is the place's own commit. What is decided is never done again; what is not decided never happened;
  when the answer is lost, nobody guesses: `UndecidedError`, and what is recorded tells. (`place`)
- Not every policy holds at every system: one table says which does, and why not. (`honours`)

How the decision is prepared depends on whether the system has transactions:

- In an **SQL database**, the decision is COMMIT; a **keeper** brings the policy's tables and statements. What the rows
  of the **ledger** (one per group and partition) and of a **dedupe table** (one per event) mean is decided here,
  without I/O. (`sql`, `ledger`, `dedupe`)
- **Outside** of transactions an effect takes hold when it runs; a **call** is known again by its **key**, attempts are
  **repeated** within limits as far as the policy allows, and a **journal** in some database keeps claims and answers.
  (`outside`, `idempotency`, `repetition`, `calls`)

A place that has no wire **announces** its **steps** to whoever is to see them (`steps`).

Where Kafka decides, an effect has an **intent**, written before it, and an **undo** for when Kafka did not commit it.
(`compensating`, `intents`)

Each system is one module, and the only importer of its driver: `postgres`, `mysql`, `sqlite`, `http`, `smtp`, and
`function` for anything else. Nothing here imports the runtime: the runtime drives a place through the protocols of
`place`.
"""
