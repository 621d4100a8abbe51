"""`oncewhere run module:app`: a processor written with the library is found, and run until it is told to stop.

With `--instances N` this process runs none itself: it starts N of them, each this same command with one number, and
keeps them running (`oncewhere.instances`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from oncewhere import Processor
from oncewhere.errors import ConfigurationError
from oncewhere.instances.endings import Limits
from oncewhere.instances.supervisor import Supervisor
from oncewhere.runtime.health import MAX_PORT, Address, Health, parse_address

from .app import load
from .places import install

INSTANCE = "ONCEWHERE_INSTANCE"
"""The environment variable with the instance's number, which `StableOrdinal` reads."""
MAX_INSTANCES = 64


@click.command(short_help="Run a processor that is written with the library.")
@click.argument("app", metavar="MODULE:APP")
@click.option(
    "--instances",
    type=click.IntRange(1, MAX_INSTANCES),
    default=1,
    metavar="N",
    help="Run N processes, each with its number in ONCEWHERE_INSTANCE, and start again those that crash.",
)
@click.option(
    "--drain-limit",
    type=click.FloatRange(0, min_open=True),
    default=Limits().drain_s,
    show_default=True,
    metavar="SECONDS",
    help="How long N processes may take to end when told to, before they are killed.",
)
@click.option(
    "--health-port",
    metavar="[HOST:]PORT",
    help="Answer /livez and /readyz there; on 127.0.0.1 unless a host is given (0.0.0.0 for a kubelet). "
    "With --instances, the first one's; each further one takes the next port.",
)
@click.option("--metrics", is_flag=True, help="Answer /metrics there as well, for Prometheus.")
@click.option("-v", "--verbose", is_flag=True, help="Log every batch, not only what is out of the ordinary.")
@click.option("--identities", type=click.Path(path_type=Path), hidden=True)
def run(
    app: str,
    *,
    instances: int,
    drain_limit: float,
    health_port: str | None,
    metrics: bool,
    verbose: bool,
    identities: Path | None,
) -> int:
    """Run a processor: APP is a Processor in MODULE, looked for in this folder first.

    SIGTERM or Ctrl-C finishes what is open and ends it; a second Ctrl-C ends it at once.

    \b
    oncewhere run settlement:app
    oncewhere run settlement:app --instances 4 --health-port 8080 --metrics
    """  # noqa: D301  # click keeps the lines below \b as they are
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    address = None if health_port is None else parse_address(health_port)
    if metrics and address is None:
        raise ConfigurationError("--metrics needs a port to answer on.", hint="Give --health-port [HOST:]PORT as well.")
    if instances == 1:
        return _run_one(app, address, metrics=metrics, identities=identities)
    flags = [*(["--metrics"] if metrics else []), *(["-v"] if verbose else [])]
    return _run_many(app, instances, address, flags, Limits(drain_s=drain_limit))


def _run_one(app: str, address: Address | None, *, metrics: bool, identities: Path | None) -> int:
    """The processor itself, in this process."""
    number = os.environ.setdefault(INSTANCE, "0")
    processor = load(app)
    if identities is not None:
        _claim(identities, processor.declaration().transactional_id, number)
    if address is None:
        processor.run()
    else:
        processor.run(health=Health(str(address), metrics=_listen(processor) if metrics else None))
    return 0


def _run_many(app: str, count: int, address: Address | None, flags: list[str], limits: Limits) -> int:
    """This same command, `count` times."""
    if INSTANCE in os.environ:
        raise ConfigurationError(
            f"{INSTANCE} is set already, and --instances numbers its processes from 0.",
            hint="Two machines that do so would fence each other: run one instance per number, or unset it.",
        )
    if address is not None and address.port + count - 1 > MAX_PORT:
        raise ConfigurationError(f"{count} instances do not find a port each, from {address.port} on.")
    with tempfile.TemporaryDirectory(prefix="oncewhere-identities-") as identities:

        def command(number: int) -> list[str]:
            port = [] if address is None else ["--health-port", str(_shifted(address, number))]
            # Said outright: the environment or the project's file may say another number, for the supervisor.
            own = ["--instances", "1", "--identities", identities, *port, *flags]
            return [sys.executable, "-m", "oncewhere", "run", *own, "--", app]

        def environment(number: int) -> dict[str, str]:
            # Unbuffered, since the output goes through a pipe: a line should be seen when it is written.
            return {**os.environ, INSTANCE: str(number), "PYTHONUNBUFFERED": "1"}

        return Supervisor(count, command=command, environment=environment, limits=limits).run()


def _shifted(address: Address, number: int) -> Address:
    """The address of an instance; port 0 is a free one for each."""
    return Address(address.host, address.port + number if address.port else 0)


def _claim(identities: Path, name: str, number: str) -> None:
    """Makes sure that no other instance of the same supervisor has this transactional.id.

    Raises:
        ConfigurationError: one has.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()
    (identities / f"{digest}.{number}").touch()
    found = sorted(int(path.suffix[1:]) for path in identities.glob(f"{digest}.*"))
    if len(found) > 1:
        stem = name.rstrip("0123456789").rstrip("-_") or name
        raise ConfigurationError(
            f"Instances {', '.join(map(str, found))} all have transactional.id {name!r}: they would fence each other.",
            hint=f"Write Processor(…, transactional_id=StableOrdinal({stem!r})), which adds the instance's number.",
        )


def _listen(processor: Processor) -> Callable[[], bytes]:
    """Keeps the processor's metrics in Prometheus' own registry; gives what makes the text of it."""
    try:
        from oncewhere.listeners.prometheus import PrometheusListener  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        raise ConfigurationError(
            "--metrics needs the package prometheus-client, which is not installed.",
            hint=f"Run: {install('prometheus')}",
        ) from None
    listener = PrometheusListener()
    processor.listen(listener)
    return listener.text
