"""The fixtures: servers, topics and drills go out to a test; each is imported only when it is asked for."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oncewhere.errors import OncewhereError

from .telling import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .drilling import Driller
    from .servers import SessionServers
    from .topic import Topic


@pytest.fixture(scope="session")
def oncewhere_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SessionServers]:
    """A real Kafka and a real PostgreSQL for the session (under xdist, for each worker); gone when it ends.

    `oncewhere_stack.bootstrap_servers` and `oncewhere_stack.dsn("postgres")` say where they are; `create_database()`
    makes a database of your own and gives its DSN.
    """
    try:
        from .servers import SessionServers  # noqa: PLC0415  # a run without this fixture must not pay for it
    except ModuleNotFoundError as error:
        raise pytest.UsageError(
            f"the fixtures of oncewhere need the package {error.name}: pip install 'oncewhere[pytest]'"
        ) from None

    with ExitStack() as running:
        with _told_in_words():
            servers = running.enter_context(
                SessionServers(
                    tmp_path_factory.mktemp("oncewhere"), kafka=request.config.getoption("--oncewhere-kafka")
                )
            )
        yield servers


@contextmanager
def _told_in_words() -> Iterator[None]:
    """What a person can mend is told as the command line tells it, and not by a traceback through our code."""
    try:
        yield
    except OncewhereError as error:
        told = "\n".join(lines_of(error))
    else:
        return
    pytest.fail(told, pytrace=False)


@pytest.fixture
def kafka_topic(oncewhere_stack: SessionServers) -> Iterator[Topic]:
    """A topic of the test's own, with three partitions; `str(kafka_topic)` is its name. It is deleted afterwards."""
    from .topic import Topic  # noqa: PLC0415  # likewise

    topic = Topic(oncewhere_stack.bootstrap_servers)
    yield topic
    topic.delete()


@pytest.fixture
def oncewhere_drill(request: pytest.FixtureRequest, oncewhere_stack: SessionServers, tmp_path: Path) -> Driller:
    """Drills a processor: `oncewhere_drill(app, inputs=[…], observe="select …").assert_once()`."""
    from . import MARKER  # noqa: PLC0415  # the plugin itself imports this module
    from .drilling import Driller  # noqa: PLC0415  # likewise
    from .origin import Origin  # noqa: PLC0415  # likewise

    marker = request.node.get_closest_marker(MARKER)
    told = {} if marker is None else dict(marker.kwargs)
    config = request.config
    report = config.getoption("--oncewhere-report-dir")
    given = {name: config.getoption(name) for name in ("--oncewhere-kafka", "--oncewhere-points", "--oncewhere-seed")}
    return Driller(
        oncewhere_stack,
        origin=Origin(
            nodeid=request.node.nodeid,
            rootdir=config.rootpath,
            options=tuple((name, str(value)) for name, value in given.items() if value is not None),
        ),
        folder=request.path.parent,
        scratch=tmp_path,
        root=Path(report) if report else config.rootpath / ".oncewhere",
        name=request.node.name,
        points=config.getoption("--oncewhere-points") or told.get("points") or "mission",
        seed=told.get("seed") if (seed := config.getoption("--oncewhere-seed")) is None else seed,
    )
