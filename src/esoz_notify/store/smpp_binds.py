"""Binds that an SMSC allows its account, as leases of the workers.

What belongs here: the SQL of this small table. What does not: who should hold what (``core.binds``), how long a worker
goes by its lease (``engine.smpp_binds``).
"""

from collections.abc import Collection, Mapping
from uuid import UUID

from esoz_notify.core.binds import Claim
from esoz_notify.store.ledger import Connection

_LOCK = 0x42494E44  # any constant of ours: workers look and take in turn


async def one_at_a_time(connection: Connection, silent_max_s: float) -> None:
    """Hold everybody else off until this transaction ends.

    The ledger ends it when nothing is heard for so long: a worker that is cut off must not hold off the others.
    """
    silent_ms = str(int(1000 * silent_max_s))
    await connection.execute(
        "SELECT set_config('idle_in_transaction_session_timeout', %s, true), pg_advisory_xact_lock(%s)",
        [silent_ms, _LOCK],
    )


_SEEN = """
INSERT INTO smpp_bind AS b (provider, process, bound, seen_at)
SELECT provider, %s, bound, ledger_now() FROM unnest(%s::text[], %s::boolean[]) AS t(provider, bound)
ON CONFLICT (provider, process) DO UPDATE SET bound = EXCLUDED.bound, seen_at = EXCLUDED.seen_at,
  leased_until = CASE WHEN b.no IS NOT NULL THEN EXCLUDED.seen_at + make_interval(secs => %s) END
"""


async def seen(connection: Connection, process: UUID, bound: Mapping[str, bool], life_s: float) -> None:
    """Say of each provider whether this worker is bound there, and renew what it holds.

    A lease that is over and that nobody has taken is renewed too: its number is still this worker's.
    """
    await connection.execute(_SEEN, [process, list(bound), list(bound.values()), life_s])


_LIVING = """
SELECT provider, process, CASE WHEN leased_until > ledger_now() THEN no END, bound AND leased_until > ledger_now()
FROM smpp_bind WHERE provider = ANY(%s)
  AND (leased_until > ledger_now() OR seen_at > ledger_now() - make_interval(secs => %s))
"""


async def living(connection: Connection, providers: Collection[str], life_s: float) -> list[Claim]:
    """Who holds what, and which living workers wait."""
    cursor = await connection.execute(_LIVING, [list(providers), life_s])
    return [Claim(provider=row[0], process=row[1], no=row[2], bound=bool(row[3])) for row in await cursor.fetchall()]


async def take(connection: Connection, process: UUID, provider: str, no: int, life_s: float) -> None:
    """Take a number whose lease, if there is one, is over; the worker must have been seen."""
    await connection.execute(
        "UPDATE smpp_bind SET no = NULL, leased_until = NULL, bound = false"
        " WHERE provider = %s AND no = %s AND leased_until <= ledger_now()",
        [provider, no],
    )
    await connection.execute(
        "UPDATE smpp_bind SET no = %s, leased_until = ledger_now() + make_interval(secs => %s)"
        " WHERE provider = %s AND process = %s",
        [no, life_s, provider, process],
    )


async def give_back(connection: Connection, process: UUID, providers: Collection[str]) -> None:
    """Let go of numbers whose binds are no more."""
    await connection.execute(
        "UPDATE smpp_bind SET no = NULL, leased_until = NULL, bound = false WHERE process = %s AND provider = ANY(%s)",
        [process, list(providers)],
    )


async def leave(connection: Connection, process: UUID, forget_s: float) -> None:
    """Let go of everything: this worker stops. Those that died long ago are forgotten."""
    await connection.execute(
        "DELETE FROM smpp_bind WHERE process = %s OR seen_at < ledger_now() - make_interval(secs => %s)",
        [process, forget_s],
    )
