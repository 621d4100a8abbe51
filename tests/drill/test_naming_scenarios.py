"""Names of scenarios, as a person gives them: in the drill's order, all of them by one word, a misspelt one refused."""

from __future__ import annotations

import pytest

from oncewhere.drill import CRASH, SCENARIOS, scenarios_named
from oncewhere.errors import ConfigurationError


def test_names_come_in_the_order_of_the_drill_and_all_is_all() -> None:
    assert scenarios_named(["zombie", CRASH, "zombie"]) == (CRASH, "zombie")
    assert scenarios_named(["all"]) == tuple(SCENARIOS)
    assert scenarios_named(["zombie", "all"]) == tuple(SCENARIOS)


def test_a_misspelt_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match=r"no scenario 'zombi'\. Did you mean zombie\?"):
        scenarios_named([CRASH, "zombi"])
