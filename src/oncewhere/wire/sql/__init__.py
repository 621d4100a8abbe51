"""What SQL means, whatever protocol carries it: texts go in, what they write and when it is durable comes out.

The nouns, in the order in which data flows through them:

- `lexer` cuts a text into *words*, as the `Tokens` of a server's kind say, without comments and literals.
- `classify` makes a `Statement` of the words up to each semicolon; a `Dialect` says what only one kind of server knows.
- A `Transaction` takes statements as they are sent, and foresees the `Meaning` of each: a query, a write, a commit.
- An `Outcome` says how a unit that writes has ended.
"""
