"""A claimed folder is removed by its owner, or by the next one when the owner was killed; never while he lives."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from oncewhere.errors import StackError
from oncewhere.stack.folders import ClaimedFolder, TakenError, one_at_a_time

if TYPE_CHECKING:
    from pathlib import Path

OWNER = """
import pathlib, sys
from oncewhere.stack.folders import ClaimedFolder
folder = ClaimedFolder(pathlib.Path(sys.argv[1]), "run-")
print(folder.path, flush=True)
input()
"""


def test_release_removes_the_folder(tmp_path: Path) -> None:
    with ClaimedFolder(tmp_path / "new", "run-") as folder:
        (folder.path / "data").mkdir()
        (folder.path / "data" / "file").write_text("x")
    assert not folder.path.exists()
    folder.release()  # again, harmlessly


def test_a_living_owners_folder_stays_and_a_killed_ones_goes(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    left = tmp_path / owner.stdout.readline().strip()
    with ClaimedFolder(tmp_path, "run-") as mine:
        assert left.exists()
        with pytest.raises(TakenError):
            ClaimedFolder(tmp_path, "run-", alone=True)
        owner.kill()
        owner.wait()
        with ClaimedFolder(tmp_path, "run-") as another:
            assert not left.exists()
            assert mine.path.exists()
            assert another.path != mine.path
    owner.stdin.close()
    owner.stdout.close()


def test_other_folders_are_not_swept(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with ClaimedFolder(tmp_path, "run-"):
        pass
    assert (tmp_path / "mine").exists()


def test_waiting_for_ones_turn_has_a_limit(tmp_path: Path) -> None:
    with (
        one_at_a_time(tmp_path, 1.0),
        pytest.raises(StackError, match="Another oncewhere"),
        one_at_a_time(tmp_path, 0.1),
    ):
        pass
