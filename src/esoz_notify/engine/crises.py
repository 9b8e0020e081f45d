"""The crisis switch: proposing, confirming, withdrawing and reading it, and what this process knows of it.

What belongs here: the use cases, and learning about once a second what other processes did. What does not: the rules
(``core.crisis``), what a crisis does to a notification (``intake``), the SQL (store).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from esoz_notify.core import crisis as rules
from esoz_notify.core.crisis import Crisis, CrisisState, Signature
from esoz_notify.core.crisis_proposal import read_proposal
from esoz_notify.core.errors import NotFound
from esoz_notify.core.explain import Explanation
from esoz_notify.engine.audit import Action, Deed, id_of, note
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import crises as kept
from esoz_notify.store import reading
from esoz_notify.store.crises import Issued
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)

PAST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """A switch as it is at ``now``."""

    crisis: Crisis
    state: CrisisState


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was issued under a switch, as it is at ``at``."""

    seen: Seen
    issued: tuple[Issued, ...]
    at: datetime


class Crises:
    """The use cases, and the switches whose end is still to come, in memory.

    While the ledger does not answer, what was seen last holds: starts and ends are dated, so they come all the same.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: tuple[Crisis, ...] = ()

    # --- what this process knows --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Learn what there is. Raises Unavailable."""
        async with self._ledger.transaction() as connection:
            await self.look(connection)

    async def look(self, connection: Connection) -> None:
        """Ask the ledger once."""
        self._known = tuple(await kept.not_past(connection, self._ledger.clock.now()))

    def in_force(self, now: datetime) -> tuple[Crisis, ...]:
        """The switches in force at ``now``, as far as is known here; asks nobody."""
        return rules.in_force(self._known, now) if self._known else ()

    def banner(self) -> Explanation | None:
        """The sentence for wherever people look, while one is in force; asks nobody."""
        return rules.banner(self.in_force(self._ledger.clock.now()))

    # --- use cases ----------------------------------------------------------------------------------------------------

    async def propose(self, document: Mapping[str, object], *, actor: str) -> Seen:
        """Propose a switch; nothing happens before somebody else confirms it. Raises InvalidInput, Conflict.

        ``actor``: as the audit names whoever it is; people are told the id of it alone.
        """

        async def work(connection: Connection, now: datetime) -> Crisis:
            proposal = read_proposal(document, now)
            rules.check_overlap(proposal, await kept.not_past(connection, now), now)
            crisis = Crisis(id=new_id(now), proposal=proposal, proposed=Signature(id_of(actor), now))
            await kept.propose(connection, crisis)
            details = {"scope": proposal.scope.value, "ends": proposal.ends_at.isoformat(timespec="seconds")}
            await note(connection, _deed(actor, Action.CRISIS_PROPOSED, crisis, proposal.reason, details))
            return crisis

        return await self._change(work)

    async def confirm(self, crisis_id: UUID, *, actor: str) -> Seen:
        """Confirm a switch; from its start on it is in force. Idempotent. Raises NotFound, Conflict."""

        async def work(connection: Connection, now: datetime) -> Crisis:
            before = await _found(connection, crisis_id)
            after = rules.confirm(before, id_of(actor), now)
            if after is not before:
                await kept.confirm(connection, after)
                await note(connection, _deed(actor, Action.CRISIS_CONFIRMED, after))
            return after

        return await self._change(work)

    async def withdraw(self, crisis_id: UUID, *, actor: str, why: str) -> Seen:
        """Take a switch back, at once. Idempotent: the first withdrawal stays on record. Raises NotFound, Conflict."""

        async def work(connection: Connection, now: datetime) -> Crisis:
            before = await _found(connection, crisis_id)
            after = rules.withdraw(before, id_of(actor), why, now)
            if after is not before:
                await kept.withdraw(connection, after)
                await note(connection, _deed(actor, Action.CRISIS_WITHDRAWN, after, why))
            return after

        return await self._change(work)

    async def _change(self, work: Callable[[Connection, datetime], Awaitable[Crisis]]) -> Seen:
        async with self._ledger.transaction() as connection:
            await kept.one_writer(connection)
            now = await reading.ledger_now(connection)
            self._ledger.clock.set(now)
            crisis = await work(connection, now)
        # Here it holds from this very moment, not from the next look on.
        self._known = (*(one for one in self._known if one.id != crisis.id), crisis)
        state = rules.state_of(crisis, now)
        log.warning("crisis %s is %s", crisis.id, state)
        return Seen(crisis, state)

    async def every(self) -> list[Seen]:
        """Those whose end is to come, the first proposed first, then the last of the past, the newest first."""
        async with self._ledger.transaction() as connection:
            now = await reading.ledger_now(connection)
            found = [*await kept.not_past(connection, now), *await kept.past(connection, now, PAST_SHOWN)]
        return [Seen(one, rules.state_of(one, now)) for one in found]

    async def report(self, crisis_id: UUID) -> Report:
        """What was issued under a switch, by kind and status, and how much of it was printed. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            now = await reading.ledger_now(connection)
            crisis = await _found(connection, crisis_id)
            issued = await kept.issued(connection, crisis_id)
        return Report(seen=Seen(crisis, rules.state_of(crisis, now)), issued=tuple(issued), at=now)


def _deed(
    actor: str, action: Action, crisis: Crisis, why: str | None = None, details: Mapping[str, str] | None = None
) -> Deed:
    return Deed(actor=actor, action=action, subject=f"crisis:{crisis.id}", why=why, details=details or {})


async def _found(connection: Connection, crisis_id: UUID) -> Crisis:
    found = await kept.one(connection, crisis_id)
    if found is None:
        raise NotFound("no crisis switch of that id", code="crisis_unknown")
    return found
