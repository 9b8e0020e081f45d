"""The composition root: the only place where objects are built out of objects.

What belongs here: from settings to a running product. What does not: reading the environment (settings), behaviour.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path

from esoz_notify.channels import diia, infobip, smpp
from esoz_notify.channels.dialogue import Adapter, Receipt, ReceiptProblem
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.policy import Policies, load_policies
from esoz_notify.core.results import Result
from esoz_notify.core.windows import windows
from esoz_notify.engine.access import Access
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.desk import Desk
from esoz_notify.engine.entrance import Entrance, entrance
from esoz_notify.engine.gateway import Gateway
from esoz_notify.engine.health import Health
from esoz_notify.engine.intake import Intake
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.messages import Composer
from esoz_notify.engine.oidc import Registration
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.overload import Overload
from esoz_notify.engine.people import People
from esoz_notify.engine.providers import Provider, http_provider, smpp_provider
from esoz_notify.engine.receiving import Receiver
from esoz_notify.engine.service import Service
from esoz_notify.engine.smpp_link import SmppLink
from esoz_notify.engine.worker import Worker
from esoz_notify.render.texts import Texts, builtin_texts, load_texts
from esoz_notify.settings import Settings, Smsc
from esoz_notify.store.vault import Keys, Vault, load_or_create_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A running product. ``worker`` and ``links`` only in a process that works."""

    settings: Settings
    ledger: Ledger
    service: Service
    access: Access
    entrance: Entrance
    desk: Desk
    policies: Policies
    operations: Operations
    health: Health
    overload: Overload
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
        return {"infobip": self.settings.viber_callback_credentials}

    def provider_states(self) -> dict[str, str]:
        """What is known of the providers, for health pages: as all workers share it, and this process's own links."""
        links = {provider.name: provider.is_up() for provider in self.providers}
        return {name: self.health.state(name, is_up=links.get(name, True)) for name in self.operations.providers}


def read_policies(settings: Settings) -> Policies:
    """Policies of the file, or the built-in ones, proved against the providers that are configured."""
    text, source = policies_text(settings)
    return load_policies(text, source=source, providers=configured_providers(settings))


def policies_text(settings: Settings) -> tuple[str, str]:
    """The policies file as text, and what to call it in errors."""
    if settings.policies_file is not None:
        return _read_file(settings.policies_file, "policies"), str(settings.policies_file)
    return (resources.files("esoz_notify") / "policies.toml").read_text(encoding="utf-8"), "built-in policies"


def read_keys(settings: Settings) -> Keys:
    """The keys of this installation, made at the first use."""
    folder = data_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    return load_or_create_keys(settings.keys_file or folder / "keys.json")


def read_texts(settings: Settings) -> Texts:
    """Texts of the file, or the built-in ones, checked."""
    if settings.texts_file is None:
        return builtin_texts()
    return load_texts(_read_file(settings.texts_file, "texts"), source=str(settings.texts_file))


def configured_providers(settings: Settings) -> dict[Channel, tuple[str, ...]]:
    """Names of the providers of each channel."""
    providers: dict[Channel, tuple[str, ...]] = {}
    if settings.diia_url:
        providers[Channel.DIIA] = ("diia",)
    if settings.viber_url:
        providers[Channel.VIBER] = ("infobip",)
    if settings.smscs:
        providers[Channel.SMS] = tuple(smsc.name for smsc in settings.smscs)
    return providers


def data_folder(settings: Settings) -> Path:
    """Where this installation keeps what is its own."""
    if settings.data is not None:
        return settings.data
    return Path("~/.local/share/esoz-notify").expanduser()


def people_entrance(settings: Settings, ledger: Ledger, vault: Vault, texts: Texts | None = None) -> Entrance:
    """By what people come in to the pages."""
    oidc = None
    if settings.oidc_issuer:
        oidc = Registration(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            redirect_uri=f"{settings.public_url.rstrip('/')}/sign-in/oidc/back",
        )
    return entrance(
        ledger,
        vault,
        texts=texts,
        public_url=settings.public_url,
        second_factor=settings.people_second_factor,
        oidc=oidc,
    )


@asynccontextmanager
async def running(settings: Settings, dsn: str, *, api: bool, worker: bool) -> AsyncIterator[Product]:
    """Build and run the parts of a process; on leaving, drain and stop them. ``dsn``: of the ledger, migrated."""
    texts, policies = read_texts(settings), read_policies(settings)
    keys = read_keys(settings)
    vault = Vault(keys)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(_background())
        ledger = Ledger(dsn, LedgerClock())
        await ledger.open()
        stack.push_async_callback(ledger.close)
        wakes = _Wakes()
        receiver = Receiver(ledger, vault, wakes.inbox)
        tasks.append(asyncio.create_task(receiver.run(), name="receiver"))
        adapters = _adapters(settings, texts)
        configured = configured_providers(settings)
        names = [name for several in configured.values() for name in several]
        overload = Overload(ledger)
        limits = windows(settings.codes_per_caller)
        crises = Crises(ledger)
        await crises.open()
        intake = Intake(ledger, vault, policies, frozenset(configured), wakes.agenda, overload, limits, crises)
        access = Access(ledger, keys)
        if api:
            loops = {"crises": crises.run(), "intake": intake.run(), "overload": overload.run(), "access": access.run()}
            tasks += [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
        service = Service(ledger=ledger, vault=vault, intake=intake, receiver=receiver, adapters=adapters)
        providers: list[Provider] = []
        links: list[SmppLink] = []
        working: Worker | None = None
        reporting = [*(one.name for one in adapters if one.capabilities.callback), *configured.get(Channel.SMS, ())]
        health = Health(ledger, names, awaited=reporting, reports=worker)
        await health.open()
        if worker:
            gateway = Gateway(ledger, vault, {"infobip": settings.viber_url, "diia": settings.diia_url})
            await gateway.open()
            stack.push_async_callback(gateway.close)
            providers += [http_provider(adapter, gateway) for adapter in adapters]
            for smsc in settings.smscs:
                link, provider = _smsc(smsc, receiver, wakes)
                links.append(link)
                providers.append(provider)
                tasks.append(asyncio.create_task(link.run(), name=f"link {smsc.name}"))
            stack.push_async_callback(_close_links, links)
            working = Worker(
                ledger=ledger,
                composer=Composer(vault, texts),
                providers=providers,
                gateway=gateway,
                receiver=receiver,
                health=health,
            )
            wakes.worker = working
            tasks.append(asyncio.create_task(working.run(), name="worker"))
            stack.push_async_callback(working.drain)
        tasks.append(asyncio.create_task(health.run(), name="health"))
        yield Product(
            settings=settings,
            ledger=ledger,
            service=service,
            access=access,
            entrance=people_entrance(settings, ledger, vault, texts),
            desk=Desk(ledger, vault, service, crises),
            policies=policies,
            operations=Operations(ledger, vault, names, crises),
            health=health,
            overload=overload,
            providers=tuple(providers),
            links=tuple(links),
            worker=working,
        )


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


async def _close_links(links: Sequence[SmppLink]) -> None:
    await asyncio.gather(*(link.close() for link in links))


def _adapters(settings: Settings, texts: Texts) -> list[Adapter]:
    adapters = []
    if settings.diia_url:
        templates = {
            name: diia.DiiaTemplate(
                title=title,
                short_text=short_text,
                full_text=full_text,
                template_id=settings.diia_templates.get(name),
            )
            for name, (title, short_text, full_text) in texts.diia_templates().items()
        }
        adapters.append(diia.adapter(diia.DiiaAccount(partner_token=settings.diia_partner_token, templates=templates)))
    if settings.viber_url:
        public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
        account = infobip.InfobipAccount(
            api_key=settings.viber_api_key,
            sender=settings.viber_sender,
            templates=settings.viber_templates,
            callback_url=f"{public_url.rstrip('/')}/callbacks/infobip",
        )
        adapters.append(infobip.adapter(account))
    return adapters


def _smsc(smsc: Smsc, receiver: Receiver, wakes: _Wakes) -> tuple[SmppLink, Provider]:
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

    context = ssl.create_default_context(cafile=str(smsc.ca_file) if smsc.ca_file else None) if smsc.tls else None
    link = SmppLink(account, on_receipt=on_receipt, on_late=partial(wakes.late, smsc.name), ssl_context=context)
    # One message a call: the answers of a window come one by one, and none should wait for its neighbours.
    single = replace(smpp.capabilities(account), batch_max=1)
    return link, smpp_provider(smsc.name, single, link, at_once=2 * smsc.window_size)


def _read_file(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the {what} file {path} cannot be read: {error}") from error
