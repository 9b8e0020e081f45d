"""Routing policies that count: those of the file and those published in the ledger, and the acts of people on these.

What belongs here: the use cases, and learning about once a second what other processes did. What does not: the rules
(``core.policy_draft``, ``core.policy_proposal``), trying a draft (``policy_trial``), the SQL (store).
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from esoz_notify.core import policy_draft as rules
from esoz_notify.core.channel import Channel
from esoz_notify.core.crisis import Signature
from esoz_notify.core.errors import Conflict, NotFound
from esoz_notify.core.kyiv import kyiv_date
from esoz_notify.core.policy import Policies, Policy
from esoz_notify.core.policy_draft import Draft, DraftState
from esoz_notify.core.policy_proposal import Ground, Typed, promise_flaws, read_draft, read_why
from esoz_notify.engine.audit import Action, Deed, id_of, note
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import policies as kept
from esoz_notify.store import reading
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A draft as it is now."""

    draft: Draft
    state: DraftState


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Everything at one moment.

    ``policies``: all that count, of the file and published; ``drafts``: all of the ledger, the latest day first.
    """

    at: datetime
    policies: Policies
    of_file: Policies
    drafts: tuple[Seen, ...]

    @property
    def today(self) -> date:
        """The calendar day in Kyiv."""
        return kyiv_date(self.at)


class PolicyBook:
    """The use cases, and the policies that count, in memory.

    While the ledger does not answer, what was seen last counts: every policy is dated, so the coming ones begin all the
    same. ``of_file``: those of this installation; ``configured``: channels that have a provider here.
    """

    def __init__(self, ledger: Ledger, of_file: Policies, configured: frozenset[Channel]) -> None:
        self.of_file = of_file
        self.configured = configured
        self._ledger = ledger
        self._published: tuple[Policy, ...] = ()
        self._known = of_file

    # --- what this process knows --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Learn what there is. Raises Unavailable."""
        async with self._ledger.transaction() as connection:
            await self.look(connection)

    async def look(self, connection: Connection) -> None:
        """Ask the ledger once."""
        self._take(rules.published(await kept.published(connection)))

    def _take(self, published: tuple[Policy, ...]) -> None:
        if published == self._published:
            return
        for policy in published:
            if policy not in self._published and promise_flaws(policy, self.configured):
                log.error("policy %s ends in a channel without a provider here", policy.version)
        self._published, self._known = published, self.of_file.joined(published)

    def in_force(self, now: datetime) -> Policy:
        """The policy of the Kyiv calendar day of ``now``, as far as is known here; asks nobody.

        Raises NoPolicyInForce before the first one.
        """
        return self._known.in_force(now)

    # --- use cases ----------------------------------------------------------------------------------------------------

    async def draft(self, typed: Typed, *, actor: str) -> Draft:
        """Prepare a policy; nothing happens before somebody else publishes it. Raises BadDraft.

        ``actor``: as the audit names whoever it is; people are told the id of it alone.
        """

        async def work(connection: Connection, now: datetime) -> Draft:
            version = typed.version.strip()
            used = {version} if await kept.is_used(connection, version) else set[str]()
            counting = await self._counting(connection)
            policy, reason = read_draft(
                typed, Ground(policies=counting, versions=used, configured=self.configured), now
            )
            made = Draft(id=new_id(now), policy=policy, reason=reason, proposed=Signature(id_of(actor), now))
            await kept.propose(connection, made)
            await note(connection, _deed(actor, Action.POLICY_DRAFTED, made, reason))
            return made

        return await self._change(work)

    async def publish(self, draft_id: UUID, *, actor: str, compared_with: str) -> Draft:
        """Publish a draft: it is in force from its day on. Idempotent. Raises NotFound, Conflict.

        ``compared_with``: the version of the policy whose difference was shown to who publishes.
        """

        async def work(connection: Connection, now: datetime) -> Draft:
            before = await _found(connection, draft_id)
            counting = await self._counting(connection)
            after = rules.publish(before, id_of(actor), now, counting, compared_with=compared_with)
            if after is not before:
                if promise_flaws(after.policy, self.configured):
                    raise Conflict("a channel it cannot do without has no provider now", code="policy_no_provider")
                await kept.publish(connection, after)
                await note(connection, _deed(actor, Action.POLICY_PUBLISHED, after))
            return after

        return await self._change(work)

    async def withdraw(self, draft_id: UUID, *, actor: str, why: str) -> Draft:
        """Take a draft back before its day, published or not. Idempotent. Raises NotFound, Conflict, BadDraft."""
        why = read_why(why)

        async def work(connection: Connection, now: datetime) -> Draft:
            before = await _found(connection, draft_id)
            after = rules.withdraw(before, id_of(actor), why, now)
            if after is not before:
                await kept.withdraw(connection, after)
                await note(connection, _deed(actor, Action.POLICY_WITHDRAWN, after, why))
            return after

        return await self._change(work)

    async def _change(self, work: Callable[[Connection, datetime], Awaitable[Draft]]) -> Draft:
        async with self._ledger.transaction() as connection:
            await kept.one_writer(connection)
            now = await reading.ledger_now(connection)
            self._ledger.clock.set(now)
            draft = await work(connection, now)
            counting = rules.published(await kept.published(connection))
        # Here it counts from this very moment, not from the next look on.
        self._take(counting)
        log.warning("policy %s is %s", draft.policy.version, rules.state_of(draft, self._known, now))
        return draft

    async def shelf(self) -> Shelf:
        """Everything there is. Raises Unavailable."""
        async with self._ledger.transaction() as connection:
            now = await reading.ledger_now(connection)
            drafts = await kept.every(connection)
            counting = await self._counting(connection)
        seen = tuple(Seen(one, rules.state_of(one, counting, now)) for one in drafts)
        return Shelf(at=now, policies=counting, of_file=self.of_file, drafts=seen)

    async def _counting(self, connection: Connection) -> Policies:
        return self.of_file.joined(rules.published(await kept.published(connection)))


def _deed(actor: str, action: Action, draft: Draft, why: str | None = None) -> Deed:
    details = {"version": draft.policy.version, "from": draft.policy.from_date.isoformat()}
    return Deed(actor=actor, action=action, subject=f"policy:{draft.id}", why=why, details=details)


async def _found(connection: Connection, draft_id: UUID) -> Draft:
    found = await kept.one(connection, draft_id)
    if found is None:
        raise NotFound("no draft of a policy of that id", code="policy_unknown")
    return found
