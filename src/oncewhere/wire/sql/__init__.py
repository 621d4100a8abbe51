"""What SQL means to the guarantee, for every server that speaks it: a text goes in, statements and meanings come out.

- `lexer` cuts a text into words; a dialect's `Lexis` says where literals and comments end.
- `statements` says what each statement writes, and what it does to the transaction; `Dialect` is what a server's SQL
  has of its own (`postgres.dialect`, `mysql.dialect`).
- `transaction` foresees the transaction that statements run in, and what they mean there.
- `outcome` is how a writing unit ended, as far as its server has said.
"""
