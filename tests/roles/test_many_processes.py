"""Two APIs and three workers, processes of their own, on one ledger: what is accepted ends, whoever is killed."""

from tests.chaos.processes import Contract, an_empty_house
from tests.roles.stage import faults, smscs, under_load

BINDS, PER_S = 2, 5
TOGETHER = 1.5
"""What left evenly may come together at a busy SMSC; that windows are exact where parts leave has tests of its own."""


async def test_killed_processes_lose_nothing_and_contracts_hold() -> None:
    """Under load through both APIs a worker and an API are killed: all ends, once; binds and rates hold.

    Two workers that did not share the rate would come to twice of it, and of three that did not share the binds one
    would be refused.
    """
    contract = Contract(options=f"&binds={BINDS}&rate={PER_S}", binds=BINDS)
    async with an_empty_house(contract) as house:
        await house.prepare()
        workers = (house.worker_1, house.worker_2, house.extra)
        async with under_load(house, (house.api, house.api_2, *workers)) as stage:
            await stage.accepted(30)
            refused = {name: one["binds_refused"] for name, one in (await smscs(house)).items()}
            await house.worker_1.kill()
            await stage.accepted(20)
            await house.api.kill()
            await stage.accepted(20)
            await house.api.start()
            await stage.accepted(20)
        found = await faults(stage)
        counted = await smscs(house)
    assert found == []
    assert set(refused.values()) == {0}
    for name, one in counted.items():
        assert one["binds_most"] == BINDS, name
        assert one["submits_most"]["5_s"] <= 5 * PER_S * TOGETHER, name
    assert counted["smsc-a"]["submits"] > 2 * PER_S
