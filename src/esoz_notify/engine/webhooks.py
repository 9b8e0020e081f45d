"""Webhooks as their callers keep them: making, changing, testing, looking at what was told, having it told again.

What belongs here: use cases. What does not: their bodies (``webhook_requests``), telling (``webhook_sending``), events
(``webhook_events``), HTTP (api).
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from esoz_notify.core.errors import Conflict, NotFound
from esoz_notify.core.limits import WEBHOOKS_MAX
from esoz_notify.core.webhooks import Disabled, EventName, State, secret_text
from esoz_notify.engine import audit
from esoz_notify.engine.audit import Action, Deed
from esoz_notify.engine.clock import first_id, new_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.webhook_requests import read_hours, read_span, read_webhook, shown
from esoz_notify.store import webhook_log, webhooks
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Vault, field_aad
from esoz_notify.store.webhook_log import Logged, NewEvent
from esoz_notify.store.webhooks import Webhook

__all__ = ["Logged", "Webhook"]

REPLAY_MAX = 1000
"""Events that one call has told again; the next call goes on."""

_SECRET_BYTES = 32
_REPLAYABLE = (State.FAILED.value, State.DISABLED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A webhook as its caller sees it. ``secrets_until``: the end of each secret that signs, the newest first."""

    webhook: Webhook
    secrets_until: tuple[datetime | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many are told again, and the event to go on from, None when that is all."""

    count: int
    next_cursor: UUID | None


class Webhooks:
    """The use cases. ``actor``: as the audit names who asks. ``loopback``: receivers may be on this very machine.

    Every one raises NotFound for a webhook that is not of ``client_id``.
    """

    def __init__(self, ledger: Ledger, vault: Vault, *, loopback: bool = False) -> None:
        self._ledger = ledger
        self._vault = vault
        self._loopback = loopback

    async def create(self, client_id: str, document: Mapping[str, object], *, actor: str) -> tuple[Seen, str]:
        """Make a webhook; gives it with its secret, which is shown this once. Raises InvalidInput, Conflict."""
        given = read_webhook(document, required=True, loopback=self._loopback)
        async with self._ledger.transaction() as connection:
            await webhooks.one_at_a_time(connection, client_id)
            if len(await webhooks.of_client(connection, client_id, WEBHOOKS_MAX)) >= WEBHOOKS_MAX:
                rule = f"a caller has {WEBHOOKS_MAX} webhooks at most; delete one that is not needed"
                raise Conflict(rule, code="webhooks_too_many")
            now = self._ledger.clock.now()
            url = given.url or ""
            made = Webhook(
                id=new_id(now), client_id=client_id, shown=shown(url), events=given.events or (), created_at=now
            )
            await webhooks.add(connection, made, self._seal_url(made.id, url))
            secret = await self._add_secret(connection, made.id, keep_old_s=0)
            await _note(connection, actor, Action.WEBHOOK_CREATED, made)
        return Seen(webhook=made, secrets_until=(None,)), secret

    async def every(self, client_id: str) -> list[Seen]:
        """A caller's webhooks, the oldest first."""
        async with self._ledger.transaction() as connection:
            found = await webhooks.of_client(connection, client_id, WEBHOOKS_MAX)
            return await _seen(connection, found)

    async def get(self, client_id: str, webhook_id: UUID) -> Seen:
        """One webhook."""
        async with self._ledger.transaction() as connection:
            return (await _seen(connection, [await _one(connection, client_id, webhook_id)]))[0]

    async def change(self, client_id: str, webhook_id: UUID, document: Mapping[str, object], *, actor: str) -> Seen:
        """Change its address, what it is told, or whether; what is not named stays. Raises InvalidInput."""
        given = read_webhook(document, required=False, loopback=self._loopback)
        async with self._changing(client_id, webhook_id) as (connection, before):
            after = before if given.events is None else replace(before, events=given.events)
            after = after if given.url is None else replace(after, shown=shown(given.url))
            if given.enabled is not None:
                after = self._switched(after, on=given.enabled, why=Disabled.CALLER)
            sealed = self._seal_url(before.id, given.url) if given.url is not None else None
            await self._write(connection, before, after, sealed, actor)
            return (await _seen(connection, [after]))[0]

    async def switch_off(self, client_id: str, webhook_id: UUID, *, actor: str, why: str) -> Seen:
        """Tell it nothing more, by somebody who runs the service. Idempotent. Raises InvalidInput for the reason."""
        async with self._changing(client_id, webhook_id) as (connection, before):
            after = self._switched(before, on=False, why=Disabled.OPERATOR)
            await self._write(connection, before, after, None, actor, why=why)
            return (await _seen(connection, [after]))[0]

    async def delete(self, client_id: str, webhook_id: UUID, *, actor: str) -> None:
        """Forget it, with its secrets; what was not told is told no more."""
        async with self._changing(client_id, webhook_id) as (connection, before):
            await webhooks.remove(connection, before.id)
            await _note(connection, actor, Action.WEBHOOK_DELETED, before)

    async def rotate(
        self, client_id: str, webhook_id: UUID, document: Mapping[str, object], *, actor: str
    ) -> tuple[Seen, str]:
        """Give it a new secret; events are signed by both until the one before ends. Raises InvalidInput."""
        keep_old_hours = read_hours(document)
        async with self._changing(client_id, webhook_id) as (connection, before):
            secret = await self._add_secret(connection, before.id, keep_old_s=keep_old_hours * 3600)
            seen = (await _seen(connection, [before]))[0]
            await _note(connection, actor, Action.WEBHOOK_ROTATED, before, old_kept_hours=f"{keep_old_hours:g}")
        return seen, secret

    async def test(self, client_id: str, webhook_id: UUID) -> Logged:
        """Have it told a test, whatever it wants to be told. Raises Conflict when it is disabled."""
        async with self._changing(client_id, webhook_id) as (connection, webhook):
            _check_enabled(webhook)
            now = self._ledger.clock.now()
            event = NewEvent(
                id=new_id(now),
                client_id=client_id,
                name=EventName.TEST.value,
                at=now,
                notification_id=None,
                traceparent=None,
                data={"webhook_id": str(webhook.id)},
            )
            await webhook_log.publish_to(connection, webhook.id, event)
            return await _logged(connection, webhook.id, event.id)

    # --- what was told ------------------------------------------------------------------------------------------------

    async def log(
        self, client_id: str, webhook_id: UUID, *, state: str | None, before: UUID | None, count_max: int
    ) -> tuple[list[Logged], UUID | None]:
        """One page of what happened and how telling it stands, the last first, and the cursor of the next page."""
        async with self._ledger.transaction() as connection:
            await _one(connection, client_id, webhook_id)
            found = await webhook_log.page(connection, webhook_id, state, before, count_max + 1)
        page = found[:count_max]
        return page, page[-1].event_id if len(found) > count_max else None

    async def replay(self, client_id: str, webhook_id: UUID, event_id: UUID, *, actor: str) -> Logged:
        """Have one event told again, from the first try on, under its own id. Raises Conflict when it is disabled."""
        async with self._changing(client_id, webhook_id) as (connection, webhook):
            await _logged(connection, webhook.id, event_id)
            _check_enabled(webhook)
            await webhook_log.replay(connection, webhook.id, [event_id])
            logged = await _logged(connection, webhook.id, event_id)
            await _note(connection, actor, Action.WEBHOOK_REPLAYED, webhook, events="1")
        return logged

    async def replay_range(
        self, client_id: str, webhook_id: UUID, document: Mapping[str, object], *, actor: str
    ) -> Replayed:
        """Have told again what happened in a span of time: what was not told, or all. Raises InvalidInput, Conflict.

        REPLAY_MAX at most: with ``cursor`` the next call goes on where this one ended.
        """
        wanted = read_span(document)
        async with self._changing(client_id, webhook_id) as (connection, webhook):
            _check_enabled(webhook)
            first = max(first_id(wanted.since), wanted.cursor or UUID(int=0))
            end = first_id(wanted.until or self._ledger.clock.now())
            states = (*_REPLAYABLE, State.DELIVERED.value) if wanted.delivered else _REPLAYABLE
            found = await webhook_log.of_range(connection, webhook.id, states, first, end, REPLAY_MAX + 1)
            chosen = found[:REPLAY_MAX]
            if chosen:
                await webhook_log.replay(connection, webhook.id, chosen)
                await _note(connection, actor, Action.WEBHOOK_REPLAYED, webhook, events=str(len(chosen)))
        return Replayed(count=len(chosen), next_cursor=found[-1] if len(found) > REPLAY_MAX else None)

    # --- parts of them ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _changing(self, client_id: str, webhook_id: UUID) -> AsyncIterator[tuple[Connection, Webhook]]:
        """A transaction in which nobody else changes this webhook."""
        async with self._ledger.transaction() as connection:
            yield connection, await _one(connection, client_id, webhook_id, for_change=True)

    def _switched(self, webhook: Webhook, *, on: bool, why: Disabled) -> Webhook:
        if on:
            return replace(webhook, disabled_at=None, disabled_why=None, failing_since=None, resumes_at=None)
        if webhook.disabled_at is not None:
            return webhook
        return replace(webhook, disabled_at=self._ledger.clock.now(), disabled_why=why.value)

    async def _write(  # noqa: PLR0913, PLR0917 - what a change is made of
        self,
        connection: Connection,
        before: Webhook,
        after: Webhook,
        url: bytes | None,
        actor: str,
        why: str | None = None,
    ) -> None:
        if after == before and url is None:
            return
        await webhooks.change(connection, after, url)
        action = Action.WEBHOOK_CHANGED
        if before.disabled_at is None and after.disabled_at is not None:
            action = Action.WEBHOOK_DISABLED
            await webhook_log.give_up_waiting(connection, after.id)
        elif before.disabled_at is not None and after.disabled_at is None:
            action = Action.WEBHOOK_ENABLED
        await _note(connection, actor, action, after, why=why)

    async def _add_secret(self, connection: Connection, webhook_id: UUID, *, keep_old_s: float) -> str:
        key, secret_id = secrets.token_bytes(_SECRET_BYTES), new_id(self._ledger.clock.now())
        sealed = self._vault.seal(key, aad=field_aad("webhook_secret", "secret", secret_id))
        await webhooks.add_secret(connection, webhook_id, secret_id, sealed, keep_old_s=keep_old_s)
        return secret_text(key)

    def _seal_url(self, webhook_id: UUID, url: str) -> bytes:
        return self._vault.seal(url.encode(), aad=field_aad("webhook", "url", webhook_id))


async def _one(connection: Connection, client_id: str, webhook_id: UUID, *, for_change: bool = False) -> Webhook:
    found = await webhooks.one(connection, client_id, webhook_id, for_change=for_change)
    if found is None:
        raise NotFound("no such webhook", code="webhook_unknown")
    return found


async def _logged(connection: Connection, webhook_id: UUID, event_id: UUID) -> Logged:
    found = await webhook_log.one(connection, webhook_id, event_id)
    if found is None:
        raise NotFound("no such event of this webhook", code="event_unknown")
    return found


async def _seen(connection: Connection, found: Sequence[Webhook]) -> list[Seen]:
    until = await webhooks.secrets_until(connection, [one.id for one in found])
    return [Seen(webhook=one, secrets_until=tuple(until.get(one.id, ()))) for one in found]


async def _note(
    connection: Connection, actor: str, action: Action, webhook: Webhook, *, why: str | None = None, **details: str
) -> None:
    about = {"client": webhook.client_id, **details}
    deed = Deed(actor=actor, action=action, subject=f"webhook:{webhook.id}", details=about, why=why)
    await audit.note(connection, deed)


def _check_enabled(webhook: Webhook) -> None:
    if webhook.disabled_at is not None:
        raise Conflict("the webhook is disabled; enable it first", code="webhook_disabled")
