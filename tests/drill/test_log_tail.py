"""The end of a processor's log can be read by whoever has to mend it."""

from __future__ import annotations

from oncewhere.drill.log_tail import CHARACTERS_LIMIT, tail


def test_what_a_client_says_again_and_again_is_said_once() -> None:
    retries = [f"WARN correlation id {n} : {{orders=UNKNOWN_TOPIC_OR_PARTITION}}" for n in range(28)]
    assert tail("\n".join(["ERROR the cause", *retries, "bye"])).splitlines() == [
        "ERROR the cause",
        "(27 lines like the next)",
        "WARN correlation id 27 : {orders=UNKNOWN_TOPIC_OR_PARTITION}",
        "bye",
    ]


def test_two_alike_are_both_shown() -> None:
    assert tail("paid 1\npaid 2\n") == "paid 1\npaid 2"


def test_it_begins_at_a_line() -> None:
    words = [f"{chr(97 + n % 26)}{'x' * (n % 26)} said" for n in range(2_000)]
    shown = tail("\n".join(words))
    assert CHARACTERS_LIMIT - 100 < len(shown) <= CHARACTERS_LIMIT
    assert shown.splitlines() == words[-len(shown.splitlines()) :]


def test_of_one_endless_line_the_end_is_shown() -> None:
    assert tail("a" * 9_000 + "end") == "a" * (CHARACTERS_LIMIT - 3) + "end"
    assert tail("\n") == ""


def test_of_the_settings_that_a_client_prints_only_their_number_is_kept() -> None:
    said = ["INFO ConsumerConfig values: ", "\tacks = -1", "\tbatch.size = 16384", "\tclient.id = x", "", "INFO joined"]
    assert tail("\n".join(said)).splitlines() == [
        "INFO ConsumerConfig values: ",
        "(3 lines of settings)",
        "",
        "INFO joined",
    ]
