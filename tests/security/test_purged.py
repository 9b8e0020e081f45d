"""What was purged is in no dump of the ledger any more."""

from pathlib import Path

from tests.engine.product import CALLER, REFERRAL, a_house
from tests.engine.test_retention import WHO, in_days
from tests.security.leaks import search
from tests.security.test_leaks import dump


async def test_a_dump_after_the_purge_knows_nothing_of_what_is_over(tmp_path: Path, ledger_dsn: str) -> None:
    """Of an old notification neither id nor reference nor key is left; of one that is not over yet all are found."""
    async with a_house(ledger_dsn, tmp_path) as house:
        old = await house.send(1, "old-key-of-mine", "referral_issued", data=REFERRAL, reference="old-reference")
        young = await house.send(2, "young-key", reference="young-reference")
        for one in (old, young):
            await house.when(one, lambda view: view["terminal"])
        secrets = {"old id": str(old), "old reference": "old-reference", "old key": "old-key-of-mine"}
        secrets |= {"young id": str(young), "young reference": "young-reference"}
        dump(ledger_dsn, tmp_path / "before.sql")
        async with in_days(ledger_dsn, 1200) as (_, keeping):
            await keeping.purge(WHO)
        dump(ledger_dsn, tmp_path / "after.sql")
        assert (await house.service.get(CALLER, young))["status"] == "delivered"
    assert {name for name, _ in search(secrets, [tmp_path / "before.sql"])} == set(secrets)
    assert {name for name, _ in search(secrets, [tmp_path / "after.sql"])} == {"young id", "young reference"}
