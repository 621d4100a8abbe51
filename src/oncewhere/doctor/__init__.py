"""Looks at a live cluster and at databases, changes nothing, and says what would break the guarantee.

- A `Subject` is what is to be examined: topics, a group, identities; of a processor, a declaration, or a whole cluster.
- `readers` gather facts about it, its `Chart`: frozen data; what could not be read is an `Unread` with the reason.
- A `Rule` is one thing that must be so: its code, why, and what to do. `rules` hold them, and the pure functions that
  make a `Finding` of facts: ✓, ! , ✗, or ? where the facts do not reach.
"""
