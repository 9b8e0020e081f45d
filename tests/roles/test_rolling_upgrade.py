"""Programs of two versions on one ledger, exchanged one by one under load: nothing is lost and nothing doubled."""

from pathlib import Path

import pytest
from tests.chaos.processes import an_empty_house
from tests.install.earlier import OLDER, extract
from tests.roles.stage import faults, under_load


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The code of an older version."""
    extract(OLDER, tmp_path, "src")
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
