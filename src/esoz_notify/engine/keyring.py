"""The data keys that this process knows: those of the keys document and those that were added to the ledger since.

What belongs here: learning of them, choosing which one seals. What does not: sealing (``store.vault``), sealing anew
what is stored already (``rotation``).

The order that makes a change of keys safe: a key is committed to the ledger ``ANNOUNCED_S`` before its time comes, and
every process looks once a second (``ledgers.LOOK_S``), so all can open with it before any seals with it. A process that
was stopped for longer than that meets a value whose key it has not heard of: it asks the ledger for that key in this
very moment, and finds it, for a key is there before the first value that needs it.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import psycopg

from esoz_notify.core.errors import ConfigError, Unavailable
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import data_keys
from esoz_notify.store.data_keys import KeyRow
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Keys, Vault, unwrap_data_key

log = logging.getLogger(__name__)

ANNOUNCED_S = 5.0
"""From the moment a key is in the ledger until it seals: every process has had several looks by then."""


class Keyring:
    """Keeps ``vault`` up to what the ledger has. ``document``: the keys of the keys document alone."""

    def __init__(self, ledger: Ledger, document: Keys, vault: Vault) -> None:
        self._ledger = ledger
        self.document = document
        self.vault = vault
        self.keys = document
        vault.find = self._find

    async def open(self) -> None:
        """Learn what there is. Raises Unavailable, VaultError when a key of the ledger does not unwrap, ConfigError."""
        async with self._ledger.transaction() as connection:
            await self.look(connection)

    async def look(self, connection: Connection) -> None:
        """Ask the ledger once."""
        rows = await data_keys.every(connection)
        keys = known(self.document, rows, self._ledger.clock.now())
        if keys != self.keys:
            self.keys = keys
            self.vault.know(keys)
            log.info("data keys: %s open, %d seals", ", ".join(map(str, sorted(keys.data_keys))), keys.current_id)

    def _find(self, key_id: int) -> bytes | None:
        """Fetch a key that a value names. Blocks, which is better than taking a message for one that cannot be read."""
        try:
            row = data_keys.find_now(self._ledger.dsn, key_id)
        except psycopg.Error as error:
            raise Unavailable(f"data key {key_id} cannot be read now ({type(error).__name__}); try again") from None
        if row is None or row.wrapped is None:
            return None
        log.warning("data key %d was needed before its time or after it; found in the ledger", key_id)
        return unwrap_data_key(self.document, key_id, row.wrapped)


def known(document: Keys, rows: Sequence[KeyRow], now: datetime) -> Keys:
    """The keys at ``now``: all that are not retired open, the newest whose time has come seals.

    Raises VaultError as ``unwrap_data_key``, ConfigError when one id names two keys.
    """
    living = [row for row in rows if row.retired_at is None and row.wrapped is not None]
    added = {row.id: unwrap_data_key(document, row.id, row.wrapped) for row in living if row.wrapped is not None}
    doubled = [key_id for key_id, key in added.items() if document.data_keys.get(key_id, key) != key]
    if doubled:
        raise ConfigError(
            f"keys: data key {doubled[0]} of the ledger is not that of the keys document: give the one that was "
            "put into the document by hand another id"
        )
    sealing = [row.id for row in living if row.current_from is not None and row.current_from <= now]
    return replace(
        document,
        data_keys={**document.data_keys, **added},
        current_id=max(sealing, default=document.current_id),
    )
