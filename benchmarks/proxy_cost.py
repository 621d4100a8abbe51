"""What the drill's proxy costs: a processor's rate through it against the same processor's without it.

    python benchmarks/proxy_cost.py [SPEC ...] [--rounds 3] [--scale 1.0]

Each round runs every spec without and with the proxy, one after the other, and the other way round in the next: the
ratio is taken within the rounds. What is measured, and how the output is verified, stands in throughput.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import throughput
from measure.crossing import crossing
from measure.report import table, verdicts
from measure.session import WARM_UP, Session, arguments, parsed, session, tag
from measure.spec import Spec
from measure.targets import Target

DEFAULT = ("hand-written-1",)
THROUGH = "+proxy"
LEAST_SHARE = 0.9  # of the rate must be left


def through(here: Session, spec: Spec, records: int) -> Mapping[str, Any]:
    """One run through a proxy; progress is asked for, and the output read, without it."""
    history = here.folder.path / f"{tag(spec)}-wire.jsonl"
    with crossing(here.bootstrap_servers, history) as address:
        return throughput.run(here, spec, records, through=address)


def main() -> None:
    parser = arguments(__doc__ or "", DEFAULT, rounds=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of records")
    options = parser.parse_args()
    specs = parsed(options.specs)
    with session("proxy-cost", options.folder) as here:
        for number in range(WARM_UP, options.rounds):
            for spec in specs:
                share = options.scale * (throughput.WARM_UP_SHARE if number == WARM_UP else 1.0)
                records = max(1_000, round((spec.records or throughput.PEERS[spec.peer].records) * share))
                both = [
                    (spec, partial(throughput.run, here, spec, records)),
                    (replace(spec, text=spec.text + THROUGH), partial(through, here, spec, records)),
                ]
                for named, measure in both if number % 2 else reversed(both):
                    here.record(named, number, measure)
        targets = [Target(throughput.RATE, spec.text + THROUGH, LEAST_SHARE, spec.text) for spec in specs]
        parts = [table(here.rows, throughput.COLUMNS, specs[0].text), verdicts(here.rows, targets)]
        here.report("What the drill's proxy costs", *parts)


if __name__ == "__main__":
    main()
