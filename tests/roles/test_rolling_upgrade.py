"""Programs of two versions on one ledger, exchanged one by one under load: nothing is lost and nothing doubled."""

import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from tests.chaos.processes import ROOT, an_empty_house
from tests.roles.stage import faults, under_load

OLDER = "3a250cdbe2c0e79b70b8bdfa56812888e0a35f20"
"""A commit before processes shared binds and rates; its migrations end with 0150."""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The code of an older version."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed: the older version's code cannot be had")
    made = subprocess.run([git, "archive", OLDER, "src"], cwd=ROOT, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"the history has no {OLDER[:7]} here (a shallow clone?): the older version's code cannot be had")
    with tarfile.open(fileobj=BytesIO(made.stdout)) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "src"


async def test_versions_are_exchanged_one_by_one_under_load(older: Path) -> None:
    """``migrate --only pre`` beside the old processes, then each is exchanged; both work on the same ledger."""
    async with an_empty_house() as house:
        await house.prepare(older)
        processes = (house.worker_1, house.worker_2, house.api, house.api_2)
        async with under_load(house, processes) as stage:
            await stage.accepted(20)
            house.worker_1.source = None
            assert "0160_pre_process.sql" in await house.migrate("--only", "pre")
            for one in processes:
                assert await one.stop(), f"{one.name} did not stop in time"
                one.source = None
                await one.start()
                await stage.accepted(10)
            assert "up to date" in await house.migrate("--only", "post")
        found = await faults(stage)
    assert found == []
