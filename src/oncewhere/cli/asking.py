"""A question comes in; a person's answer goes out, or what the project tells, or the flag that says it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

import click

from oncewhere.errors import ConfigurationError
from oncewhere.project.told import Told

ASKED_LIMIT = 5
"""So often one question is asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked.

    Attributes:
        text: the question.
        flag: says the answer on the command line.
        example: of an answer.
        meaning: one or two sentences for a person who answers `?`.
    """

    text: str
    flag: str
    example: str = ""
    meaning: str = ""

    @property
    def explained(self) -> str:
        """What it means, an answer, and where else it is said."""
        example = f"For example: {self.example}" if self.example else ""
        where = "Its flag" if self.flag.startswith("--") else "In oncewhere.toml"
        return "\n".join(filter(None, (self.meaning, example, f"{where}: {self.flag}")))


COMMAND = Question(
    "How the processor is started",
    "--command",
    "java -jar app.jar",
    "The program and its arguments, as they are run in this folder. The drill starts and kills it, so it must be the "
    "program itself: no shell, no container.",
)
INPUT = Question(
    "The topic that it consumes",
    "--input",
    "payment-authorized",
    "The drill makes this topic in a Kafka of its own and writes the inputs there.",
)
OUTPUT = Question(
    "The topics that it produces to",
    "--output",
    "payment-settled",
    "The drill reads them to count what came out for each event. Several are divided by blanks.",
)
GROUP = Question(
    "Its consumer group",
    "--group",
    "settlement",
    "The group.id, or the application.id of Kafka Streams. The drill sees by it which offsets are the processor's.",
)
IDENTITY = Question(
    "What names the business event",
    "--identity",
    "payment_id",
    "What is the same when one event is processed twice, and different for any other event: the drill counts by it. "
    "A field of the JSON value, key for the record's key, or header:NAME.",
)
EXPLAIN = "?"


class Asking:
    """Asks a person where one is there; keeps where each value is from that nobody said.

    Attributes:
        sources: by the key in the declaration, in words.
    """

    def __init__(self, *, interactive: bool) -> None:
        self.interactive = interactive
        self.sources: dict[str, str] = {}

    def require(self, *unknown: Question) -> None:
        """Nothing where there is nothing to ask, or a person to be asked.

        Args:
            unknown: what neither the project nor a flag tells.

        Raises:
            ConfigurationError: nobody is there; all that must be said stands in it, so that it is said at once.
        """
        if not unknown or self.interactive:
            return
        what = [question.text[0].lower() + question.text[1:] for question in unknown]
        listed = " and ".join(filter(None, (", ".join(what[:-1]), what[-1])))
        flags = " ".join(f"{question.flag} {shlex.quote(question.example)}" for question in unknown)
        raise ConfigurationError(f"Nothing here tells {listed}.", hint=f"Say it, as in: oncewhere init {flags}")

    def known(self, key: str, told: Told[str] | None, question: Question) -> str:
        """The value of a key: as a file says it; a guess is asked for, and marked where nobody is there.

        Args:
            key: in the declaration.
            told: what the project tells.
            question: for what it does not tell.
        """
        if told is None:
            return self.text(question)
        answer = told.value
        if not told.sure and self.interactive:
            answer = self.text(replace(question, text=f"{question.text} ({told.source})"), default=told.value)
            if answer != told.value:
                return answer
        self.sources[key] = told.source if told.sure or not self.interactive else f"taken as proposed: {told.by}"
        return answer

    def text(self, question: Question, *, default: str | None = None) -> str:
        """One answer; an empty one is told why it will not do, and `?` what is asked.

        Raises:
            ConfigurationError: nobody is there to say it, or the answers have come to an end.
            click.Abort: it was interrupted.
        """
        for _ in range(ASKED_LIMIT if self.interactive else 0):
            answer = _asked(question, default).strip()
            if answer == EXPLAIN:
                click.echo(question.explained, err=True)
                continue
            if answer:
                return answer
            example = question.example or question.flag
            click.echo(f"Nothing tells it, so it cannot be left empty. For example: {example}", err=True)
        if default is None:
            raise ConfigurationError(
                f"{question.text} is not known.", hint=f"Say it by {question.flag}; --help has examples."
            )
        return default


def _asked(question: Question, default: str | None) -> str:
    """What is said; click has one exception for an interrupt (Ctrl-C) and for the end of what is said (Ctrl-D)."""
    try:
        return str(click.prompt(question.text, default=default or "", show_default=bool(default), err=True))
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError):
            raise
        click.echo(err=True)
        raise ConfigurationError(
            f"{question.text} was not answered, so nothing was written.",
            hint=f"Say it by {question.flag}; --help has examples.",
        ) from None
