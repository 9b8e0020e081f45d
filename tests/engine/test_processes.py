"""Who runs on a ledger, and what is refused while two versions do."""

from uuid import uuid4

import pytest
from tests.engine.test_rotation import WHO, a_process

from esoz_notify import __version__
from esoz_notify.core.errors import Conflict
from esoz_notify.engine import rotation
from esoz_notify.engine.processes import Presence, living
from esoz_notify.store.vault import fresh_keys


async def test_a_process_is_known_while_it_runs(ledger_dsn: str) -> None:
    """It says so before it does anything, and takes it back when it stops."""
    async with a_process(ledger_dsn, fresh_keys()) as (ledger, _):
        presence = Presence(ledger, uuid4(), "worker")
        await presence.open()
        (one,) = await living(ledger)
        assert (one.role, one.version, one.same) == ("worker", __version__, True)
        await presence.close()
        assert await living(ledger) == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO process VALUES (gen_random_uuid(), 'api', 'host-1', '0.0.9', '{}', ledger_now(), ledger_now())",
        "INSERT INTO migration (name, sha256) VALUES ('9000_pre_more.sql', 'x')",
    ],
    ids=["an older process", "a newer ledger"],
)
async def test_data_keys_wait_for_one_version(ledger_dsn: str, statement: str) -> None:
    """A program knows the sealed columns of its version only: keys are neither changed nor retired beside another."""
    async with a_process(ledger_dsn, fresh_keys()) as (ledger, keyring):
        async with ledger.transaction() as connection:
            await connection.execute(statement.encode())
        with pytest.raises(Conflict) as refused:
            await rotation.begin(ledger, keyring, WHO)
        assert refused.value.code == "versions_differ"
        with pytest.raises(Conflict, match=r"is not safe now"):
            await rotation.retire(ledger, keyring, 1, WHO)
        if "process" in statement:
            assert [(one.host, one.same) for one in await living(ledger)] == [("host-1", False)]
