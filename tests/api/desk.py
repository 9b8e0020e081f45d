"""The API over a real ledger and a real port, with nobody delivering: what is accepted stays so until a test moves it.

Every answer that passes through ``Desk.call`` is held against the published contract.
"""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import msgspec
from multidict import CIMultiDictProxy
from openapi_schema_validator import OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from esoz_notify.api.app import create_app
from esoz_notify.api.mounting import Mounted
from esoz_notify.api.openapi import document
from esoz_notify.api.server import Server, bind
from esoz_notify.channels.dialogue import Adapter, Capabilities, Receipt, ReceiptProblem
from esoz_notify.console.app import PLACES, create_console
from esoz_notify.console.visit import Room
from esoz_notify.core.cascade import Due, Event, Replied, Reported
from esoz_notify.core.channel import Channel, Providers, ProviderView
from esoz_notify.core.policy import load_policies
from esoz_notify.core.receipts import ReceiptState
from esoz_notify.core.results import Accepted, Recovery
from esoz_notify.engine.access import Access
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.bulk import Bulk
from esoz_notify.engine.callers import SCOPES
from esoz_notify.engine.clientele import Clientele
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.desk import Desk as DoctorsDesk
from esoz_notify.engine.directory import Directory
from esoz_notify.engine.entrance import Entrance, entrance
from esoz_notify.engine.exporting import Exporter
from esoz_notify.engine.finding import Finder
from esoz_notify.engine.intake import Intake
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.listener_tls import Tls
from esoz_notify.engine.listening import bound_to
from esoz_notify.engine.operations import Operations
from esoz_notify.engine.overview import Overview
from esoz_notify.engine.people import People
from esoz_notify.engine.policies import PolicyBook
from esoz_notify.engine.policy_trial import PolicyTrials
from esoz_notify.engine.probing import Probing, Target
from esoz_notify.engine.provider_board import Contract, ProviderBoard
from esoz_notify.engine.publishing import Publishing
from esoz_notify.engine.receiving import Receiver
from esoz_notify.engine.service import Service
from esoz_notify.engine.stories import Stories
from esoz_notify.engine.trail import Trail
from esoz_notify.engine.webhooks import Webhooks
from esoz_notify.engine.wording import Wording
from esoz_notify.render.texts import builtin_texts
from esoz_notify.store.vault import Keys, Vault

KEYS = Keys(data_keys={1: b"d" * 32}, current_id=1, index_key=b"i" * 32, code_key=b"c" * 32, token_key=b"t" * 32)
PRICES = {Channel.DIIA: Decimal(0), Channel.VIBER: Decimal("0.38"), Channel.SMS: Decimal("0.45")}
CONTRACTS = (Contract(name="carrier", channel=Channel.VIBER),)
POLICIES = """
[[policy]]
version = "test"
from = 2025-01-01
codes = [{ channel = "viber", window_s = 20 }, { channel = "sms" }]
documents = [{ channel = "viber", window_s = 20 }, { channel = "sms" }]
rest = [{ channel = "sms" }]
"""
PHONE = "+380000000001"
NO_KEY = Path("/nothing/audit-key.pem")
CODE = "4821"
INLINE = {"kind": "confirmation_code", "recipient": {"phone": PHONE}, "data": {"verification_code": CODE}}
PATIENT_ID = "0198c0de-0000-7000-8000-000000000001"
ADULT = {
    "birth_date": "1990-05-17",
    "confidants": [],
    "authentication_methods": [{"type": "OTP", "phone_number": PHONE}],
}
BY_DOCUMENTS = {"birth_date": "1950-05-17", "confidants": [], "authentication_methods": [{"type": "OFFLINE"}]}
CARRIER = ("carrier:first-password", "carrier:second-password")


def read_callback(_: Mapping[str, str], body: bytes) -> tuple[Receipt | ReceiptProblem, ...]:
    """A provider whose callback is the bare id of a delivered message."""
    return (Receipt(provider_message_id=body.decode("latin-1"), state=ReceiptState.DELIVERED),)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """Code of a problem document, or what another envelope has in its place."""
        match self.json:
            case {"error": {"type": told}} | {"errors": [{"error": told}, *_]} | {"response_status": told}:
                return str(told)
            case {"issue": [{"details": {"coding": [{"code": told}]}}, *_]}:
                return str(told)
            case document:
                return str(document["code"])


@dataclass(slots=True)
class Desk:
    """What a test drives."""

    base_url: str
    http: aiohttp.ClientSession
    ledger: Ledger
    access: Access
    service: Service
    operations: Operations
    server: Server
    secret: str
    entrance: Entrance
    publishing: Publishing
    tokens: dict[tuple[str, ...], str] = field(default_factory=dict)
    contract: dict[str, Any] = field(default_factory=lambda: document(exact=True))

    @property
    def people(self) -> People:
        """Those who use the pages."""
        return self.entrance.people

    async def token(self, *scopes: str) -> str:
        """A token of the client that has every scope, or only some of them."""
        if scopes not in self.tokens:
            issued = await self.access.issue("mis-1", self.secret, " ".join(scopes) or None)
            self.tokens[scopes] = issued.access_token
        return self.tokens[scopes]

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        token: str | None = "",
        **headers: str | None,
    ) -> Reply:
        """Call; ``token`` "" is one with every scope, None is no token. The answer must be one of the contract."""
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        if token is not None:
            sent.setdefault("authorization", f"Bearer {token or await self.token()}")
        if body is not None:
            raw = msgspec.json.encode(body)
        if raw is not None and "content_type" not in headers:
            sent["content-type"] = "application/json"
        skip = ["Content-Type"]
        async with self.http.request(
            method, path, data=io.BytesIO(raw) if raw else raw, headers=sent, skip_auto_headers=skip
        ) as response:
            reply = Reply(response.status, response.headers, await response.read())
        self.check(method, path.partition("?")[0], reply)
        return reply

    def check(self, method: str, path: str, reply: Reply) -> None:
        """Hold an answer against the contract."""
        operation = next(
            (
                one[method.lower()]
                for template, one in self.contract["paths"].items()
                if method.lower() in one and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
            ),
            None,
        )
        if operation is None:
            assert reply.status in {204, 404, 405}
            return
        assert str(reply.status) in operation["responses"], f"{operation['operationId']} answers {reply.status}"
        content = operation["responses"][str(reply.status)].get("content", {})
        media_type = reply.headers.get("Content-Type", "").partition(";")[0]
        if not content:
            assert reply.body == b""
        else:
            assert media_type in {kind.partition(";")[0] for kind in content}
        if media_type.endswith("json") and not media_type.startswith("application/x-"):
            self.fits(reply.json, content[media_type]["schema"])

    def fits(self, value: object, schema: Mapping[str, Any]) -> None:
        """Hold a value against a schema of the contract."""
        resource = Resource.from_contents(self.contract, default_specification=DRAFT202012)
        registry: Registry[Any] = Registry().with_resource("contract", resource)
        anchored = msgspec.json.decode(msgspec.json.encode(schema).replace(b'"#/', b'"contract#/'))
        OAS31Validator(anchored, registry=registry).validate(value)

    async def send(self, asked: Mapping[str, Any] = INLINE, key: str | None = None) -> dict[str, Any]:
        """Have a notification accepted; gives the answer."""
        reply = await self.call("POST", "/v1/notifications", asked, idempotency_key=key or str(uuid4()))
        assert reply.status == 202, reply.body
        accepted: dict[str, Any] = reply.json
        return accepted

    async def patient(self, document: Mapping[str, Any] = ADULT, patient_id: str = PATIENT_ID) -> Reply:
        """Store a patient."""
        return await self.call("PUT", f"/v1/patients/{patient_id}", document)

    async def move(self, notification_id: str, *events: Event) -> None:
        """Do to a notification what a worker would."""
        view = ProviderView(name="carrier", recovery=Recovery.SAME_KEY)
        providers: Providers = {Channel.VIBER: (view,), Channel.SMS: (view,)}
        async with self.ledger.transaction() as connection:
            for event in events:
                applied = await apply_events(connection, [(UUID(notification_id), event)], lambda: providers)
                assert not applied.refused

    async def start(self, notification_id: str) -> None:
        """The first message is handed over."""
        await self.move(notification_id, Due(), Replied(0, Accepted((f"{notification_id}.0",))))

    async def deliver(self, notification_id: str) -> None:
        """The first message is handed over and arrives."""
        await self.start(notification_id)
        await self.move(notification_id, Reported(0, 0, ReceiptState.DELIVERED))


@asynccontextmanager
async def a_desk(
    dsn: str,
    keys: Keys = KEYS,
    /,
    *,
    tls: Tls | None = None,
    doors: Any = None,
    secure: bool = False,
    contracts: Sequence[Contract] = CONTRACTS,
    probed: bool = False,
    audit_key: Path = NO_KEY,
    **options: Any,
) -> AsyncIterator[Desk]:
    """The API over the ledger ``dsn``. ``options`` are those of ``create_app``, ``doors`` those of ``entrance``.

    ``contracts``: of the providers that pages know; ``probed``: they are probed, when a test turns that.

    People reach it as localhost, of which browsers take passkeys without https; with ``secure`` as if by https.
    """
    listening = bind("127.0.0.1", 0)
    public_url = f"http://localhost:{bound_to(listening)[1]}"
    ledger = Ledger(dsn, LedgerClock())
    await ledger.open()
    vault, crises, policies = Vault(keys), Crises(ledger), await _policies(ledger)
    intake = Intake(ledger, vault, policies, policies.configured, lambda: None, crises=crises)
    receiver = Receiver(ledger, vault, lambda: None)
    service = Service(
        ledger=ledger,
        vault=vault,
        intake=intake,
        receiver=receiver,
        adapters=[_carrier()],
        webhooks=Webhooks(ledger, vault, loopback=True),
    )
    access = Access(ledger, keys)
    secret = await access.callers.create("mis-1", "A hospital's system", SCOPES)
    operations = Operations(ledger, vault, [one.name for one in contracts], crises)
    probing = _probing(ledger, intake, policies, contracts if probed else ())
    wording = Wording(ledger, builtin_texts(), viber_ids={name: name for name in builtin_texts().templates})
    way_in = entrance(ledger, vault, **{"public_url": public_url, "texts_at": wording.at, **(doors or {})})
    publishing = Publishing(ledger, wording)
    room = Room(
        entrance=way_in,
        desk=DoctorsDesk(ledger, vault, service, crises),
        crises=crises,
        overview=Overview(ledger, operations, PRICES, probing),
        operations=operations,
        probing=probing,
        providers=ProviderBoard(ledger, operations, contracts),
        policies=policies,
        publishing=publishing,
        callers=access.callers,
        webhooks=service.webhooks,
        secure=secure,
        **_readers(ledger, vault, service, wording, policies, audit_key),
    )
    mounted = Mounted(create_console(room), PLACES)
    given = {"callback_credentials": {"carrier": CARRIER}, "mounted": mounted, **options}
    given.setdefault("stopping", room.streams.stopping)
    app = create_app(service, access, operations, **given)
    tasks = [asyncio.create_task(part.run()) for part in (intake, receiver)]
    serving = Server(app, listening, tls=tls, grace_s=3)
    try:
        async with serving as server, aiohttp.ClientSession(server.base_url) as http:
            yield Desk(server.base_url, http, ledger, access, service, operations, server, secret, way_in, publishing)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ledger.close()


async def _policies(ledger: Ledger) -> PolicyBook:
    """Viber and then SMS, both by one provider."""
    of_file = load_policies(POLICIES, source="test", providers={Channel.VIBER: ("carrier",), Channel.SMS: ("carrier",)})
    policies = PolicyBook(ledger, of_file, frozenset({Channel.VIBER, Channel.SMS}))
    await policies.open()
    return policies


def _readers(  # noqa: PLR0917 - what they look into
    ledger: Ledger, vault: Vault, service: Service, wording: Wording, policies: PolicyBook, audit_key: Path
) -> dict[str, Any]:
    """What pages look with and change nothing by."""
    return {
        "finder": Finder(ledger, vault),
        "bulk": Bulk(ledger, vault),
        "exporter": Exporter(ledger),
        "stories": Stories(ledger, vault, service, wording.at, PRICES),
        "policy_trials": PolicyTrials(ledger, policies.configured, PRICES),
        "prices": PRICES,
        "clientele": Clientele(ledger, 50_000),
        "directory": Directory(ledger),
        "trail": Trail(ledger, audit_key),
        "ledger": ledger,
    }


def _probing(ledger: Ledger, intake: Intake, policies: PolicyBook, contracts: Sequence[Contract]) -> Probing:
    targets = [Target(provider=one.name, channel=one.channel, phone=PHONE) for one in contracts]
    return Probing(ledger, intake, policies, targets, every_s=300, limit_s=120)


def _carrier() -> Adapter:
    capabilities = Capabilities(channel=Channel.VIBER, recovery=Recovery.SAME_KEY, message_id_is_key=True)
    return Adapter(name="carrier", capabilities=capabilities, submit=_nobody_submits, read_callback=read_callback)


def _nobody_submits(messages: Sequence[object], kept: Mapping[str, str]) -> Any:
    raise AssertionError("nothing is sent in these tests")
