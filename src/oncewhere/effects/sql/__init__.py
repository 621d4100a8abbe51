"""Policies at work in an SQL database, whichever it is: calls in, effects executed or recalled, one COMMIT out.

In the order in which a batch meets them:

- A **place** is one database with one policy; opened, it owns one connection; a **work** is one batch there, in one
  transaction. (`place`, `work`)
- A **connection** hides the driver: statements, the ends of a transaction, and what an error means. The driver's own
  module, `effects/mysql.py` and its like, brings one. (`connection`)
- A **keeper** is a policy's tables in one database, a **page** the same during one batch. (`keeper`, `ledger_table`,
  `dedupe_table`, `unique`)
- A **table** is one of ours, as data; it is created, or compared with what is there. (`table`)
- A **dialect** is all that differs between the systems, as data. (`dialect`)

The decisions themselves are made one folder up, without I/O (`ledger`, `dedupe`). Nothing here imports a driver.
"""
