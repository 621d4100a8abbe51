"""A JSON Lines file, or a command that prints one, comes in; the input records of every trial go out.

One line is one record: `{"key": "…", "value": {…}, "headers": {"name": "text"}, "partition": 0}`; only `value` is
needed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from oncewhere.errors import ConfigurationError
from oncewhere.masking import masked_arguments

from .declaration import Version
from .identity import Identity
from .placeholders import fill, standing_values

RECORDS_LIMIT = 100_000
COMMAND_LIMIT_S = 60.0
FIELDS_SHOWN = 12
STDERR_TAIL_CHARACTERS = 2_000


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One input record as a drill produces it.

    Attributes:
        value: the record's value as JSON bytes, exactly as they stood in the line.
        key: the record's key, as text; decides the partition where none is given.
        headers: names and texts.
        partition: the partition, where the line names one.
    """

    value: msgspec.Raw
    key: str | None = None
    headers: dict[str, str] = {}
    partition: int | None = None


def load(version: Version, folder: Path) -> tuple[Input, ...]:
    """Reads or makes the inputs of a version.

    Raises:
        ConfigurationError: the file is missing, the command fails, a line is not a record, two records carry the same
            identity, or one carries none.
    """
    source = version.settings.inputs
    raw, name = _from_file(folder / source) if isinstance(source, str) else _from_command(source, folder)
    decoder = msgspec.json.Decoder(Input)
    records: list[Input] = []
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        if len(records) == RECORDS_LIMIT:
            raise ConfigurationError(f"{name} holds more than {RECORDS_LIMIT} records: a drill needs some hundred.")
        try:
            record = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}, line {number}: {error}.") from None
        if record.partition is not None and not 0 <= record.partition < version.settings.partitions:
            raise ConfigurationError(
                f"{name}, line {number}: there is no partition {record.partition}; "
                f"drill.partitions = {version.settings.partitions}."
            )
        records.append(record)
    if not records:
        raise ConfigurationError(f"{name} holds no record: a drill without input proves nothing.")
    _check_identities(records, Identity.parse(version.processor.identity), name)
    return tuple(records)


def _check_identities(records: list[Input], identity: Identity, name: str) -> None:
    seen: dict[str, int] = {}
    for number, record in enumerate(records, 1):
        headers = [(k, v.encode()) for k, v in record.headers.items()]
        found = identity.of(None if record.key is None else record.key.encode(), bytes(record.value), headers)
        if found is None:
            raise ConfigurationError(
                f"{name}, record {number} carries no identity by processor.identity = {str(identity)!r}.",
                hint=_instead(record),
            )
        if found in seen:
            raise ConfigurationError(
                f"{name}, records {seen[found]} and {number} carry the same identity {found!r}.",
                hint="Give every input its own identity, or a duplicate could not be told from an input.",
            )
        seen[found] = number


def _instead(record: Input) -> str:
    """What the record has, by name; never what stands there."""
    try:
        value = msgspec.json.decode(record.value)
    except msgspec.DecodeError:
        value = None
    fields = list(value)[:FIELDS_SHOWN] if isinstance(value, dict) else []
    has = [f"the fields {', '.join(fields)}"] if fields else []
    has += ["a key"] if record.key is not None else []
    has += [f"the headers {', '.join(record.headers)}"] if record.headers else []
    told = f" It has {'; '.join(has)}." if has else ""
    return f"Name a JSON field of the value, `key`, or `header:NAME`.{told}"


def _from_file(path: Path) -> tuple[bytes, str]:
    try:
        return path.read_bytes(), path.name
    except OSError as error:
        raise ConfigurationError(f"drill.inputs: {path} cannot be read: {error.strerror}.") from None


def _from_command(command: list[str], folder: Path) -> tuple[bytes, str]:
    argv = [fill(part, standing_values(), "drill.inputs") for part in command]
    name = " ".join(masked_arguments(command))
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, timeout=COMMAND_LIMIT_S, check=False)
    except OSError as error:
        raise ConfigurationError(f"drill.inputs: {name} cannot be started: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"drill.inputs: {name} did not end within {COMMAND_LIMIT_S:.0f} s.") from None
    if done.returncode:
        tail = done.stderr.decode(errors="replace")[-STDERR_TAIL_CHARACTERS:]
        raise ConfigurationError(f"drill.inputs: {name} ended with exit code {done.returncode}.", detail=tail)
    return done.stdout, name
