"""The text of one code. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """What kind of thing a code names, in the order of the list."""

    VERDICT = "verdict of a drill"
    OBSERVATION = "observation on the wire"
    POLICY = "policy of an effect"
    CRASH = "crash of a drill"
    SCENARIO = "scenario of a drill"
    POINT = "crash point"
    WORD = "word of a result"
    TERM = "term of a drill"
    STATE = "state of a run"
    PART = "part of a trial"
    CHECK = "check behind a verdict"
    EVENT = "event of the wire log"
    MESSAGE = "message at a boundary"
    CODE = "exit code"
    RULE = "rule of the doctor"
    ERROR = "error of oncewhere"
    KAFKA = "error of Kafka"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One code.

    Attributes:
        code: its name, as a screen, a document or a log shows it.
        topic: what kind of thing it is.
        what: what it is, in a sentence.
        why: why it is bad, in sentences; empty where it is not.
        remedy: what to do, in sentences.
    """

    code: str
    topic: Topic
    what: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What an entry says beside what stands with the thing itself.

    Attributes:
        why: why it is bad; empty where it is not.
        remedy: what to do.
        what: what it is, where that stands nowhere else.
    """

    why: str
    remedy: str
    what: str = ""


def sentence(words: str) -> str:
    """Words as a sentence: with a capital letter, unless they begin with a name, and a full stop."""
    first, _, _ = words.partition(" ")
    begun = words if not first.islower() or any(c in first for c in "._=") else words[0].upper() + words[1:]
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."
