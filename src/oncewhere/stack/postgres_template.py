"""The data folder of a new server: an installation and a cache in, a folder and its superuser's password out.

initdb takes 0.6 s; its result is kept in the cache and copied in 0.1 s.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from oncewhere.errors import StackError
from oncewhere.processes import spawn
from oncewhere.stack.folders import ClaimedFolder, copy_tree, disk_full, one_at_a_time, writing_to
from oncewhere.stack.progress import Progress, Step
from oncewhere.stack.server_log import NO_SPACE, tail

if TYPE_CHECKING:
    from pathlib import Path

    from oncewhere.stack.postgres_binaries import Installation

INITDB_TIMEOUT_S = 60.0
USER = "postgres"
PASSWORD = "password"  # noqa: S105  # a file's name
_LOG = "initdb.log"
_OPTIONS = (
    f"--username={USER}",
    # A superuser may run programs; without a password every user of the machine could be him.
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--wal-segsize=4",  # a new data folder of 40 MB becomes one of 28 MB
    "--no-sync",  # the folder is renamed when it is whole; initdb is run again if it was not
    "--no-instructions",
    # The password is 128 random bits: no need to make guessing it expensive, 4096 rounds at each connect.
    "--set=scram_iterations=1",
)


def new_data(installation: Installation, cache: Path, folder: Path, progress: Progress) -> str:
    """Make `folder/data`, the data folder of a new server, by copying an initialised one or else by initdb.

    Args:
        installation: the programs.
        cache: the user's cache, where the initialised one is kept.
        folder: the server's folder.
        progress: told when initdb is run.

    Returns:
        The superuser's password.

    Raises:
        StackError: initdb failed, or the disk is full.
        ConfigurationError: a folder cannot be written or reached.
    """
    if installation.user.is_other:  # who could not enter our cache, and whose files we should not keep
        progress(Step(f"preparing PostgreSQL {installation.version}"))
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711)
        _initdb(installation, folder)
    else:
        original = _template(installation, cache, progress)
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            copy_tree(original / "data", folder / "data")
        return (original / PASSWORD).read_text()
    return (folder / PASSWORD).read_text()


def _template(installation: Installation, cache: Path, progress: Progress) -> Path:
    store = cache / "postgres"
    kept = store / installation.version
    if kept.exists():
        return kept
    with one_at_a_time(store, INITDB_TIMEOUT_S), ClaimedFolder(store, "initdb-") as work, writing_to(store):
        if kept.exists():
            return kept
        progress(Step(f"preparing PostgreSQL {installation.version} (only once)"))
        made = work.path / "made"
        made.mkdir(mode=0o700)
        _initdb(installation, made)
        (made / _LOG).unlink()
        made.rename(kept)
    return kept


def _initdb(installation: Installation, folder: Path) -> None:
    data, password, log = folder / "data", folder / PASSWORD, folder / _LOG
    with writing_to(folder):
        data.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        installation.user.give(data)
        installation.user.give_file(password)
    initdb = spawn(
        installation.call("initdb", "-D", str(data), f"--pwfile={password}", *_OPTIONS),
        env=installation.environment(),
        cwd=folder,
        stdout=log,
        stderr=log,
    )
    code = initdb.finish(INITDB_TIMEOUT_S)
    if code == 0:
        return
    said = tail(log)
    if NO_SPACE in said:
        raise disk_full(folder, said)
    ended = f"ended with {code}" if code is not None else f"took longer than {INITDB_TIMEOUT_S:g} s"
    raise StackError(f"PostgreSQL's initdb {ended}.", hint="It said what is below.", detail=said)
