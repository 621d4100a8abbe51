from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.drill.choice import Choice
from oncewhere.drill.itinerary import PointSet
from oncewhere.drill.keyword import MAX_DEPTH, Keyword
from oncewhere.errors import ConfigurationError

NAMES = ("naive", "after-effect", "kafka.EndTxn.9.1.before", "kafka")


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("  ", True),
        ("after-effect", True),
        ("effect", True),
        ("endtxn", True),
        ("EndTxn.9", True),
        ("kafka.EndTxn.9.1.before", True),
        ("bank", False),
        ("not bank", True),
        ("not not bank", False),
        ("kafka and before", True),
        ("kafka and replied", False),
        ("bank or before", True),
        ("bank or replied or naive", True),
        ("not kafka or naive", True),
        ("not (kafka or naive)", False),
        ("(bank or kafka) and not replied", True),
        ("bank and kafka or naive", True),
        ("naive or bank and bank", True),
        ("(naive)", True),
        ("((naive) and (not(bank)))", True),
    ],
)
def test_an_expression_selects_by_any_of_the_names(text: str, matches: bool) -> None:
    assert Keyword(text).matches(NAMES) is matches


@pytest.mark.parametrize(
    "text",
    ["and", "naive and", "or naive", "not", "(naive", "naive)", "()", "naive bank", "naive (bank)", "a and and b"],
)
def test_what_is_no_expression_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no expression") as caught:
        Keyword(text)
    assert "kafka and not Produce" in str(caught.value.hint)


def test_depth_and_length_have_limits() -> None:
    with pytest.raises(ConfigurationError, match="parentheses within each other"):
        Keyword("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1))
    with pytest.raises(ConfigurationError, match="up to"):
        Keyword("a" * 3000)
    assert Keyword("(" * MAX_DEPTH + "naive" + ")" * MAX_DEPTH).matches(NAMES)


WORDS = st.sampled_from(["naive", "kafka", "bank", "before", "replied", "EndTxn"])
EXPRESSIONS = st.recursive(
    WORDS.map(lambda word: (word, repr(word.lower()) + " in text")),
    lambda inner: st.one_of(
        inner.map(
            lambda e: (f"not {e[0]}", f"(not {e[1]})") if " " not in e[0] else (f"not ({e[0]})", f"(not {e[1]})")
        ),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda e: (f"({e[0][0]}) {e[1]} ({e[2][0]})", f"({e[0][1]} {e[1]} {e[2][1]})")
        ),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_it_means_what_the_same_expression_means_in_python(expression: tuple[str, str]) -> None:
    ours, python = expression
    assert Keyword(ours).matches(NAMES) is eval(python, {"text": " ".join(NAMES).lower()})


@given(st.text(max_size=80))
def test_no_text_does_anything_but_match_or_be_refused(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        Keyword(text).matches(NAMES)


@pytest.mark.parametrize("text", ["after-efect", "kafka and not befor-effect", "afterr-commit"])
def test_a_misspelt_crash_is_refused_with_the_one_that_was_meant(text: str) -> None:
    version = SimpleNamespace(name="naive", places=("payment-settled", "bank"))
    with pytest.raises(
        ConfigurationError, match=r"no crash is called .+ Did you mean (after|before)-(effect|commit)\?"
    ):
        Choice(keyword=Keyword(text)).refuse_misspelt([version])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "text", ["", "after", "AFTER-effect or replied", "bank.commit", "after-effects", "kafka.EndTxn"]
)
def test_what_may_be_a_name_is_left_alone(text: str) -> None:
    version = SimpleNamespace(name="naive", places=("payment-settled", "after-effects"))
    Choice(keyword=Keyword(text)).refuse_misspelt([version])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("text", "versions", "most"),
    [
        ("", 1, 3),
        ("", 5, 15),
        ("after-effect", 1, 1),
        ("after-effect", 5, 5),
        ("naive0 and not after-commit", 3, 3),
        ("kafka.EndTxn", 1, None),
        ("effect", 1, None),
    ],
)
def test_how_many_trials_there_are_is_known_by_names_alone(text: str, versions: int, most: int | None) -> None:
    named = [SimpleNamespace(name=f"naive{number}") for number in range(versions)]
    assert Choice(keyword=Keyword(text)).most_at_once(named) == most  # type: ignore[arg-type]


def test_how_many_points_a_sweep_has_only_a_clean_run_shows() -> None:
    for choice in (Choice(points=PointSet.BOUNDARIES), Choice(scenarios=("zombie",))):
        assert choice.most_at_once([SimpleNamespace(name="naive")]) is None  # type: ignore[list-item]
