"""An earlier version of the product: which one, and its code.

What belongs here: finding it in the history. What does not: installing (``builds``), what must hold of an upgrade.
"""

import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from tests.architecture import house

OLDER = "3a250cdbe2c0e79b70b8bdfa56812888e0a35f20"
"""A commit before processes shared binds and rates; its migrations end with 0150."""


def previous() -> str:
    """The release before this one; while there was none, a commit of before."""
    git = shutil.which("git") or pytest.skip("git is not installed: the older version's code cannot be had")
    command = [git, "describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^"]
    found = subprocess.run(command, cwd=house.ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or OLDER


def extract(revision: str, folder: Path, *paths: str) -> None:
    """Put the code of a revision into a folder; skips the test where the history does not have it."""
    git = shutil.which("git") or pytest.skip("git is not installed: the older version's code cannot be had")
    made = subprocess.run([git, "archive", revision, *paths], cwd=house.ROOT, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(
            f"the history has no {revision[:7]} here (a shallow clone?): the older version's code cannot be had"
        )
    with tarfile.open(fileobj=BytesIO(made.stdout)) as archive:
        if hasattr(tarfile, "data_filter"):  # since 3.11.4
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)  # noqa: S202 - made by git of our own history, just now
