"""The gateway at the end of a process."""

from collections.abc import Generator

from tests.engine.doors import KEYS

from esoz_notify.channels.dialogue import Hearing, HttpCall, NoReply, Saying
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.gateway import Endpoint, Gateway
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store.vault import Vault


def one_call() -> Generator[Saying, Hearing, Hearing]:
    """A dialogue of one call, that comes to what was heard."""
    heard = yield HttpCall(label="call", method="POST", path="/messages")
    return heard


async def test_what_is_called_after_the_end_did_not_leave(ledger_dsn: str) -> None:
    """A loop that is still at work when the sessions are closed hears that nothing was sent: no crash, no doubt."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    try:
        gateway = Gateway(ledger, Vault(KEYS), {"provider": Endpoint(base_url="http://127.0.0.1:9")})
        await gateway.open()
        await gateway.close()
        assert await gateway.converse("provider", one_call()) == NoReply(sent=False, detail="stopping")
    finally:
        await ledger.close()
