"""A formatted log folder without running a formatter: a cache and a folder in, `meta.properties` and a checkpoint out.

`kafka.tools.StorageTool format` costs a JVM start each time. What it writes is always the same: an identity, and
`bootstrap.checkpoint`, the metadata records from which a new cluster begins. The checkpoint carries the feature levels;
a broker without it starts with `transaction.version` and `group.version` missing and then silently behaves differently
(KIP-890, KIP-848). So the tool runs once per Kafka version, and its checkpoint is kept in the cache.
"""

from __future__ import annotations

import base64
import secrets
import shutil
from typing import TYPE_CHECKING

from oncewhere.errors import StackError
from oncewhere.processes import spawn
from oncewhere.stack.folders import ClaimedFolder, disk_full, one_at_a_time, writing_to
from oncewhere.stack.kafka_settings import Quorum, broker_settings, properties
from oncewhere.stack.server_log import NO_SPACE, tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CHECKPOINT = "bootstrap.checkpoint"
FORMAT_TIMEOUT_S = 60.0
_ANY_CLUSTER_ID = "b25jZXdoZXJlLXN0YWNrMQ"  # 16 bytes; the checkpoint does not contain it

META_PROPERTIES = "meta.properties"


def new_cluster_id() -> str:
    """An identity that tells a cluster of ours from any other that might answer at the same port."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")


def format_folder(data: Path, checkpoint: Path, *, cluster_id: str, node_id: int) -> None:
    """Make `data` the log folder of a new broker; nothing happens when it is one already."""
    if (data / META_PROPERTIES).exists():
        return
    with writing_to(data):
        data.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkpoint, data / CHECKPOINT)
        (data / META_PROPERTIES).write_text(f"version=1\ncluster.id={cluster_id}\nnode.id={node_id}\n")


def bootstrap_checkpoint(store: Path, java: Sequence[str], env: Mapping[str, str]) -> Path:
    """The checkpoint of this Kafka version; made by StorageTool when the cache does not have it yet.

    Args:
        store: the folder of this Kafka version in the user's cache.
        java: how a Java with Kafka's class path is called.
        env: its environment.

    Raises:
        StackError: StorageTool failed.
    """
    kept = store / CHECKPOINT
    if kept.exists():
        return kept
    with one_at_a_time(store, FORMAT_TIMEOUT_S), ClaimedFolder(store, "formatting-") as folder:
        if kept.exists():
            return kept
        config, log, data = (folder.path / name for name in ("server.properties", "log.txt", "data"))
        with writing_to(store):
            settings = broker_settings(port=1, quorum=Quorum(_ANY_CLUSTER_ID, (2,)), node_id=1, data=data, overrides={})
            config.write_text(properties(settings))
        tool = spawn(
            [*java, "kafka.tools.StorageTool", "format", "-t", _ANY_CLUSTER_ID, "-c", str(config)],
            env=env,
            cwd=folder.path,
            stdout=log,
            stderr=log,
        )
        code = tool.finish(FORMAT_TIMEOUT_S)
        if code != 0:
            said = tail(log)
            if NO_SPACE in said:
                raise disk_full(store, said)
            ended = f"ended with {code}" if code is not None else f"took longer than {FORMAT_TIMEOUT_S:g} s"
            raise StackError(f"Kafka's StorageTool {ended}.", hint="Another Java (--java) may help.", detail=said)
        with writing_to(store):
            (data / CHECKPOINT).replace(kept)
    return kept
