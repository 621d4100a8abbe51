"""Each pair of policy and system, drilled at its most telling points; `make pairs` drills all at every point."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent / "pairs"))  # a folder to be run, no package

from expectation import surprises
from matrix import OUTSIDE, ROWS, declaration

from oncewhere.drill import Choice, Drill, Keyword, PointSet, Servers
from oncewhere.effects.honours import HONOURED

if TYPE_CHECKING:
    from matrix import Row

    from oncewhere.stack import KafkaServer


def test_every_pair_that_is_honoured_is_drilled() -> None:
    """What compensates is the same code at each of its systems, and a mail cannot be taken back."""
    drilled = {
        (policy.replace("recorded-answers", "idempotency-key"), OUTSIDE.get(place, place))
        for row in ROWS
        for place, policy in row.policies.items()
    }
    honoured = {(policy.name, system) for policy, systems in HONOURED.items() for system in systems}
    elsewhere = {("compensate", "smtp")}
    assert honoured - drilled == elsewhere


@pytest.mark.servers
@pytest.mark.parametrize("row", [row for row in ROWS if row.telling], ids=lambda row: row.name)
def test_each_place_shows_what_its_policy_says(
    request: pytest.FixtureRequest, tmp_path: Path, kafka: KafkaServer, row: Row
) -> None:
    declared = declaration()
    dsns = {}
    for place in {"postgresql", "hotel"} & row.policies.keys():
        dsns[place] = request.getfixturevalue("postgres").dsn("postgres")
    if "mysql" in row.policies:
        dsns["mysql"] = request.getfixturevalue("mariadb").dsn()
    drill = Drill(
        declared,
        versions=[declared.versions[row.name]],
        choice=Choice(points=PointSet.ALL, keyword=Keyword(row.telling)),
        servers=[Servers(bootstrap_servers=kafka.bootstrap_servers, dsns=dsns)],
        folder=tmp_path,
        recreate_topics=False,
        demonstration=False,
        listener=lambda _event: None,
    )
    (found,) = asyncio.run(drill.run()).versions
    assert surprises(row, found) == []
    assert len(found.crashes) == len(row.telling.split(" or "))
