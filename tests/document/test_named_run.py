"""The run behind a document is named as every command names one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


def test_a_run_is_named_by_its_name_or_by_latest_or_by_its_folder(
    tmp_path: Path, typed: Callable[..., tuple[int, str]]
) -> None:
    (folder,) = (tmp_path / ".oncewhere" / "runs").glob("*Z-*")
    for name in ("latest", folder.name, str(folder), f"{folder}/run.json"):
        code, told = typed(".", "--run", name, "-o", "-")
        assert code == 0, told
        assert re.search(rf"run \| {re.escape(folder.name)}", told)
    code, told = typed(".", "--run", "nosuch")
    assert (code, "There is no run 'nosuch'" in told) == (2, True)
