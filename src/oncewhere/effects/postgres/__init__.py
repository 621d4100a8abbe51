"""PostgreSQL as a place: where it is (`place`), its one connection (`connection`), what travels together (`trip`)."""

try:
    import psycopg as _psycopg  # noqa: F401 - asked for first, so that its absence is told in our words
except ModuleNotFoundError as error:  # pragma: no cover - what is installed decides
    from oncewhere.errors import ConfigurationError as _ConfigurationError

    raise _ConfigurationError(
        "PostgreSQL effects need psycopg, which is not installed.",
        hint="Install it: pip install 'oncewhere[postgresql]'",
    ) from error

from oncewhere.effects.postgres.connection import adopt
from oncewhere.effects.postgres.place import Postgres

__all__ = ["Postgres", "adopt"]
