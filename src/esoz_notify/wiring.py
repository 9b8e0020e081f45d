"""The composition root: the only place where objects are built out of objects.

What belongs here: from settings to a running product. What does not: reading the environment (settings), behaviour.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from esoz_notify import wiring_providers
from esoz_notify.channels.dialogue import Adapter
from esoz_notify.core.results import Result
from esoz_notify.core.windows import windows
from esoz_notify.engine.access import Access
from esoz_notify.engine.anchors import Anchors
from esoz_notify.engine.bulk import Bulk
from esoz_notify.engine.bulk_work import BulkWork
from esoz_notify.engine.clientele import Clientele
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.desk import Desk
from esoz_notify.engine.directory import Directory
from esoz_notify.engine.entrance import Entrance
from esoz_notify.engine.exporting import Exporter
from esoz_notify.engine.finding import Finder
from esoz_notify.engine.gateway import Gateway
from esoz_notify.engine.health import Health
from esoz_notify.engine.intake import Intake
from esoz_notify.engine.issuers import Issuer, Issuers
from esoz_notify.engine.keyring import Keyring
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.measuring import Measures
from esoz_notify.engine.messages import Composer
from esoz_notify.engine.metric_table import Process
from esoz_notify.engine.metrics import Metrics
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.overload import Overload
from esoz_notify.engine.overview import Overview
from esoz_notify.engine.people import People
from esoz_notify.engine.policies import PolicyBook
from esoz_notify.engine.policy_trial import PolicyTrials
from esoz_notify.engine.probing import Probing
from esoz_notify.engine.processes import Presence
from esoz_notify.engine.provider_board import ProviderBoard
from esoz_notify.engine.providers import Provider, http_provider
from esoz_notify.engine.publishing import Publishing
from esoz_notify.engine.quotas import Quotas, SharedQuotas
from esoz_notify.engine.receiving import Receiver
from esoz_notify.engine.retention import Retention
from esoz_notify.engine.service import Service
from esoz_notify.engine.smpp_link import SmppLink
from esoz_notify.engine.spans import spans_told
from esoz_notify.engine.stories import Stories
from esoz_notify.engine.trail import Trail
from esoz_notify.engine.vitals import Vitals, parts_of
from esoz_notify.engine.webhook_sending import Sender
from esoz_notify.engine.webhooks import Webhooks
from esoz_notify.engine.wording import Wording
from esoz_notify.engine.worker import Worker
from esoz_notify.installation import audit_files, configured_providers, read_keys, read_policies, read_texts
from esoz_notify.render.texts import Texts
from esoz_notify.settings import Settings
from esoz_notify.store.vault import Keys, Vault
from esoz_notify.wiring_people import people_entrance
from esoz_notify.wiring_smpp import Links, smpp_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A running product. ``worker`` and ``links`` only in a process that works."""

    settings: Settings
    ledger: Ledger
    vault: Vault
    service: Service
    access: Access
    entrance: Entrance
    desk: Desk
    finder: Finder
    stories: Stories
    wording: Wording
    policies: PolicyBook
    operations: Operations
    health: Health
    overload: Overload
    probing: Probing
    metrics: Metrics
    quotas: Quotas
    address_index: Callable[[str], bytes]
    providers: tuple[Provider, ...]
    links: tuple[SmppLink, ...]
    worker: Worker | None

    @property
    def people(self) -> People:
        """Those who use the pages."""
        return self.entrance.people

    @property
    def callback_credentials(self) -> dict[str, tuple[str, ...]]:
        """Per provider that calls back, the credentials that are good now."""
        return wiring_providers.callback_credentials(self.settings)

    @property
    def publishing(self) -> Publishing:
        """By what people write the words of messages."""
        return Publishing(self.ledger, self.wording)

    @property
    def overview(self) -> Overview:
        """What people who run the service look at."""
        return Overview(self.ledger, self.operations, self.settings.prices, self.probing)

    @property
    def provider_board(self) -> ProviderBoard:
        """What operators look at of providers."""
        return ProviderBoard(self.ledger, self.operations, wiring_providers.contracts(self.settings))

    @property
    def exporter(self) -> Exporter:
        """Takes lists away as files."""
        return Exporter(self.ledger)

    @property
    def policy_trials(self) -> PolicyTrials:
        """Where drafts of policies are tried."""
        return PolicyTrials(self.ledger, self.policies.configured, self.settings.prices)

    @property
    def clientele(self) -> Clientele:
        """Callers as people look at them."""
        return Clientele(self.ledger, self.settings.requests_per_min)

    @property
    def directory(self) -> Directory:
        """People as those see them who run the service."""
        return Directory(self.ledger)

    @property
    def bulk(self) -> Bulk:
        """Files that people bring."""
        return Bulk(self.ledger, self.vault)

    @property
    def trail(self) -> Trail:
        """The audit as people read it."""
        return Trail(self.ledger, audit_files(self.settings)[0])

    def provider_states(self) -> dict[str, str]:
        """What is known of the providers, for health pages: as all workers share it, and this process's own links."""
        links = {provider.name: provider.is_up() for provider in self.providers}
        return {name: self.health.state(name, is_up=links.get(name, True)) for name in self.operations.providers}


@asynccontextmanager
async def running(settings: Settings, dsn: str, *, api: bool, worker: bool) -> AsyncIterator[Product]:
    """Build and run the parts of a process; on leaving, drain and stop them. ``dsn``: of the ledger, migrated."""
    texts, of_file = read_texts(settings), read_policies(settings)
    keys = read_keys(settings)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(_background())
        ledger = await _opened(settings, dsn, stack)
        (vault, keyring), wakes = await _vault(keys, ledger), _Wakes()
        configured = configured_providers(settings)
        names = [name for several in configured.values() for name in several]
        measures = await _measures(settings, names, stack, api=api, worker=worker)
        receiver = Receiver(ledger, vault, wakes.inbox, measures)
        tasks.append(asyncio.create_task(receiver.run(), name="receiver"))
        wording = await _wording(settings, texts, ledger)
        adapters = wiring_providers.adapters(settings, wording)
        overload = Overload()
        limits = windows(settings.codes_per_caller)
        crises = Crises(ledger)
        await crises.open()
        policies = PolicyBook(ledger, of_file, usable := frozenset(configured))
        await policies.open()
        intake = Intake(ledger, vault, policies, usable, wakes.agenda, overload, limits, crises, measures)
        probing = _probing(settings, ledger, intake, policies)
        access = Access(ledger, keys, issuers := _issuers(settings, ledger, stack))
        quotas = await _shared(ledger, tasks) if api else Quotas()
        if api:
            _start(tasks, **({"probes": probing.run()} if settings.probes else {}))
            _start(tasks, intake=intake.run(), callers=access.callers.run(), issuers=issuers.run())
        presence = await _presence(ledger, stack, api=api, worker=worker)
        of_api = {"crises": crises.look, "policies": policies.look, "overload": overload.look} if api else {}
        of_all = {"presence": presence.look, "data keys": keyring.look, "texts": wording.look}
        _start(tasks, looks=ledger.looking({**of_all, **of_api}))
        service = _service(settings, ledger, vault, intake, receiver, adapters)
        if api:
            _start(tasks, bulk=BulkWork(ledger, vault, service, wording.at, settings.prices).run())
        reporting = [one.name for one in adapters if one.capabilities.callback] + [smsc.name for smsc in settings.smscs]
        health = Health(ledger, names, awaited=reporting, reports=worker)
        await health.open()
        hands = _Hands()
        if worker:
            links = smpp_links(settings.smscs, presence.process, ledger, receiver, wakes.late, stack, tasks)
            parts = (ledger, vault, wording, adapters, receiver, health, measures, wakes, links)
            hands = await _hands(settings, names, *parts, stack, tasks)
        seen = parts_of(health, names, hands.providers, hands.worker, overload)
        _start(tasks, health=health.run(), vitals=Vitals(ledger, measures.metrics, seen).run())
        yield Product(
            settings=settings,
            ledger=ledger,
            vault=vault,
            service=service,
            access=access,
            entrance=people_entrance(settings, ledger, vault, wording),
            wording=wording,
            desk=Desk(ledger, vault, service, crises),
            finder=Finder(ledger, vault),
            stories=Stories(ledger, vault, service, wording.at, settings.prices),
            policies=policies,
            operations=Operations(ledger, vault, names, crises),
            health=health,
            overload=overload,
            probing=probing,
            metrics=measures.metrics,
            quotas=quotas,
            address_index=partial(vault.index, purpose="address"),
            providers=hands.providers,
            links=hands.links,
            worker=hands.worker,
        )


def _service(  # noqa: PLR0913, PLR0917 - what the use cases work with
    settings: Settings, ledger: Ledger, vault: Vault, intake: Intake, receiver: Receiver, adapters: Sequence[Adapter]
) -> Service:
    return Service(
        ledger=ledger,
        vault=vault,
        intake=intake,
        receiver=receiver,
        adapters=adapters,
        webhooks=Webhooks(ledger, vault, loopback=settings.webhooks_to_loopback),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hands:
    """What a process that works has, and others have not."""

    worker: Worker | None = None
    providers: tuple[Provider, ...] = ()
    links: tuple[SmppLink, ...] = ()


async def _hands(  # noqa: PLR0913, PLR0917 - what a worker works with
    settings: Settings,
    names: Sequence[str],
    ledger: Ledger,
    vault: Vault,
    wording: Wording,
    adapters: Sequence[Adapter],
    receiver: Receiver,
    health: Health,
    measures: Measures,
    wakes: "_Wakes",
    links: Links,
    stack: AsyncExitStack,
    tasks: list["asyncio.Task[None]"],
) -> _Hands:
    """A worker with its ways to the providers, at work. ``names``: of all, the preferred of a channel first."""
    gateway = Gateway(ledger, vault, wiring_providers.endpoints(settings))
    await gateway.open()
    stack.push_async_callback(gateway.close)
    ways = [*(http_provider(adapter, gateway) for adapter in adapters), *links.providers]
    providers = tuple(sorted(ways, key=lambda one: names.index(one.name)))
    wakes.worker = worker = Worker(
        ledger=ledger,
        composer=Composer(vault, wording.at),
        providers=providers,
        gateway=gateway,
        receiver=receiver,
        health=health,
        measures=measures,
        keep_days=settings.keep_days,
        elsewhere=lambda: links.binds.elsewhere,
    )
    telling = Sender(
        ledger, vault, source=wiring_providers.public_url(settings), loopback=settings.webhooks_to_loopback
    )
    purging, anchors = Retention(ledger, settings.keep_days), Anchors(ledger, *audit_files(settings))
    _start(tasks, anchors=anchors.run(), worker=worker.run(), purge=purging.run())
    _start(tasks, webhooks=telling.run())
    stack.push_async_callback(telling.drain)
    stack.push_async_callback(worker.drain)
    return _Hands(worker=worker, providers=providers, links=links.links)


async def _measures(
    settings: Settings, names: Sequence[str], stack: AsyncExitStack, *, api: bool, worker: bool
) -> Measures:
    """What this process counts into, and where it tells spans."""
    told_by = {Process.EVERY: True, Process.API: api, Process.WORKER: worker}
    traces = await stack.enter_async_context(spans_told(settings.traces_url))
    return Measures(Metrics({"provider": names}, [one for one, tells in told_by.items() if tells]), traces)


async def _vault(keys: Keys, ledger: Ledger) -> tuple[Vault, Keyring]:
    """A vault, and by what it learns of the data keys that are added to the ledger."""
    vault = Vault(keys)
    keyring = Keyring(ledger, keys, vault)
    await keyring.open()
    return vault, keyring


async def _wording(settings: Settings, texts: Texts, ledger: Ledger) -> Wording:
    """The words in force now."""
    wording = Wording(ledger, texts, viber_ids=settings.viber_templates, diia_ids=settings.diia_templates)
    await wording.open()
    return wording


async def _presence(ledger: Ledger, stack: AsyncExitStack, *, api: bool, worker: bool) -> Presence:
    """This process as others see it, until it has stopped everything."""
    role = "+".join(name for name, is_one in (("api", api), ("worker", worker)) if is_one)
    presence = Presence(ledger, uuid4(), role)
    await presence.open()
    stack.push_async_callback(presence.close)
    return presence


async def _opened(settings: Settings, dsn: str, stack: AsyncExitStack) -> Ledger:
    ledger = Ledger(dsn, LedgerClock(), direct_dsn=settings.direct_dsn, replica_dsn=settings.replica_dsn)
    await ledger.open()
    stack.push_async_callback(ledger.close)
    return ledger


async def _shared(ledger: Ledger, tasks: list["asyncio.Task[None]"]) -> Quotas:
    """Quotas that know what other processes have let through, before the first request."""
    quotas = Quotas()
    shared = SharedQuotas(ledger, quotas)
    await shared.open()
    _start(tasks, quotas=shared.run())
    return quotas


def _issuers(settings: Settings, ledger: Ledger, stack: AsyncExitStack) -> Issuers:
    issuers = Issuers(
        [Issuer(**asdict(one)) for one in settings.issuers], ledger.clock.now, networks=settings.provider_networks
    )
    stack.push_async_callback(issuers.close)
    return issuers


def _start(tasks: list["asyncio.Task[None]"], **loops: Coroutine[Any, Any, None]) -> None:
    tasks += [asyncio.create_task(loop, name=name) for name, loop in loops.items()]


class _Wakes:
    """Hints from the API's parts to the worker of the same process, which is built after them."""

    def __init__(self) -> None:
        self.worker: Worker | None = None

    def agenda(self) -> None:
        if self.worker is not None:
            self.worker.wake_agenda()

    def inbox(self) -> None:
        if self.worker is not None:
            self.worker.wake_inbox()

    async def late(self, provider: str, key: str, result: Result) -> None:
        if self.worker is not None:
            self.worker.take_late_answer(provider, key, result)


@asynccontextmanager
async def _background() -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Tasks that live as long as the product; cancelled last of all, newest first."""
    tasks: list[asyncio.Task[None]] = []
    try:
        yield tasks
    finally:
        for task in reversed(tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _probing(settings: Settings, ledger: Ledger, intake: Intake, policies: PolicyBook) -> Probing:
    targets = wiring_providers.probe_targets(settings)
    every_s, limit_s = settings.probe_every_s, settings.probe_limit_s
    return Probing(ledger, intake, policies, targets, every_s=every_s, limit_s=limit_s)
