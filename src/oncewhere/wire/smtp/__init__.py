"""SMTP without I/O: the bytes of one connection go in, segments and messages come out.

Theory of operation, the nouns in data-flow order:

- `commands` reads a client's lines; a *line* behind a challenge of AUTH is a secret and passes unread.
- An *envelope* is what MAIL and RCPT ask for, less what `replies` say was refused.
- `content` finds the end of a mail without keeping it, and keeps its header until then.
- A *pending* command waits for its reply; replies come in the order of commands, the greeting first.
- `link` puts them together: the end of a mail is the message, its reply the outcome.
"""

from oncewhere.wire.smtp.link import SmtpLink

__all__ = ["SmtpLink"]
