"""The part of the composition root that builds a worker's links to SMSCs: their accounts, binds and budgets.

What belongs here: from settings to running links. What does not: everything else that is built (``wiring``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from esoz_notify.channels import smpp
from esoz_notify.channels.dialogue import Receipt, ReceiptProblem
from esoz_notify.core.results import Result
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.outgoing import tls_context
from esoz_notify.engine.providers import Provider, smpp_provider
from esoz_notify.engine.rate_budget import RateBudget
from esoz_notify.engine.receiving import Receiver
from esoz_notify.engine.smpp_binds import Binds, Permit
from esoz_notify.engine.smpp_link import SmppLink
from esoz_notify.setting_values import Smsc

Late = Callable[[str, str, Result], Awaitable[None]]
"""Told of a provider, the key of a message, and its result that was unknown before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The links of a worker to SMSCs, and which binds it may have."""

    links: tuple[SmppLink, ...]
    providers: tuple[Provider, ...]
    binds: Binds


def smpp_links(  # noqa: PLR0913, PLR0917 - what links work with
    smscs: Sequence[Smsc],
    process: UUID,
    ledger: Ledger,
    receiver: Receiver,
    late: Late,
    stack: AsyncExitStack,
    tasks: list["asyncio.Task[None]"],
) -> Links:
    """Links at work; on leaving they unbind, and then their binds are let go."""
    binds = Binds(ledger, process, {one.name: one.binds_max for one in smscs if one.binds_max})
    budgets = {
        one.name: RateBudget(ledger, one.name, process, one.submit_rate_per_s) for one in smscs if one.submit_rate_per_s
    }
    ways = [_smsc(smsc, receiver, late, binds.permits.get(smsc.name), budgets.get(smsc.name)) for smsc in smscs]
    links = tuple(link for link, _ in ways)
    stack.push_async_callback(binds.close)
    tasks.append(asyncio.create_task(binds.run(), name="binds"))
    tasks += [asyncio.create_task(budget.run(), name=f"rate {name}") for name, budget in budgets.items()]
    tasks += [asyncio.create_task(link.run(), name="link") for link in links]
    stack.push_async_callback(_close_links, links)
    return Links(links=links, providers=tuple(provider for _, provider in ways), binds=binds)


async def _close_links(links: Sequence[SmppLink]) -> None:
    await asyncio.gather(*(link.close() for link in links))


def _smsc(
    smsc: Smsc, receiver: Receiver, late: Late, permit: Permit | None, budget: RateBudget | None
) -> tuple[SmppLink, Provider]:
    account = smpp.SmppAccount(
        name=smsc.name,
        host=smsc.host,
        port=smsc.port,
        system_id=smsc.system_id,
        password=smsc.password,
        source_addr=smsc.source,
        window_size=smsc.window_size,
        id_format=smpp.IdFormat(smsc.id_format),
        system_type=smsc.system_type,
        submit_rate_per_s=smsc.submit_rate_per_s,
    )

    async def on_receipt(raw: bytes, said: Receipt | ReceiptProblem) -> None:
        await receiver.receive(smsc.name, raw, [said], ids_are_keys=False)

    context = tls_context(smsc.ca_file) if smsc.tls else None
    link = SmppLink(
        account,
        on_receipt=on_receipt,
        on_late=partial(late, smsc.name),
        ssl_context=context,
        permit=permit,
        budget=budget,
    )
    # One message a call: the answers of a window come one by one, and none should wait for its neighbours.
    single = replace(smpp.capabilities(account), batch_max=1)
    return link, smpp_provider(smsc.name, single, link, at_once=2 * smsc.window_size)
