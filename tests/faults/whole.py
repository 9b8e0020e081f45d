"""The whole product in one loop: its API on a port, its worker, and the lab, over a ledger that a test may hurt."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from tests.engine.product import CALLER, PRESCRIPTION, WINDOWS, House, phone

from esoz_notify.api.app import create_app
from esoz_notify.api.rates import RateLimit
from esoz_notify.api.server import Server, bind
from esoz_notify.cli.lab import lab_settings
from esoz_notify.engine.callers import SCOPES
from esoz_notify.installation import read_texts
from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.world import run_lab
from esoz_notify.provider_file import FurtherProvider, read_providers
from esoz_notify.setting_values import Smsc
from esoz_notify.settings import Settings, read_settings
from esoz_notify.wiring import Product, running

CREDENTIAL = "Basic " + base64.b64encode(LabSettings().callback_credential.encode()).decode()
DELIVERED = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}


@dataclass
class Whole(House):
    """What a test drives: use cases, the API as a caller sees it, and the world outside."""

    http: aiohttp.ClientSession
    token: str

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Call the API with a token of every scope; gives status and JSON."""
        sent = {"authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with self.http.request(method, path, json=body, headers=sent) as reply:
            return reply.status, await reply.json(content_type=None)

    async def post(self, number: int, key: str) -> tuple[int, Any]:
        """Ask the API for a notification; gives status and JSON."""
        asked = {"kind": "prescription_issued", "recipient": {"phone": phone(number)}, "data": PRESCRIPTION}
        return await self.call("POST", "/v1/notifications", asked, idempotency_key=key)

    async def report(self, message_id: str, status: object = DELIVERED) -> int:
        """Call the product back as Viber's aggregator does; gives the answer's status."""
        report = {"messageId": message_id, "to": "380000000001", "status": status, "doneAt": "2026-03-01T10:00:00Z"}
        return await self.callback({"results": [report]})

    async def callback(self, body: object = None, *, raw: bytes | None = None) -> int:
        """The same with any body, on a connection of its own."""
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as fresh,
            fresh.post(
                f"{self.product.settings.public_url}/callbacks/infobip",
                json=body if raw is None else None,
                data=raw,
                headers={"authorization": CREDENTIAL},
            ) as reply,
        ):
            return reply.status

    async def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the ledger."""
        async with self.product.ledger.transaction() as connection:
            return await (await connection.execute(statement.encode(), values)).fetchall()


@asynccontextmanager
async def a_whole(
    dsn: str,
    folder: Path,
    *,
    window_s: float = 5,
    lab: LabSettings | None = None,
    worker: bool = True,
    change: Callable[[Settings], Settings] = lambda settings: settings,
    further: str = "",
) -> AsyncIterator[Whole]:
    """The product over the ledger ``dsn`` with a lab of its own. ``change``: last word on the settings.

    ``further``: a file of further providers, with the lab's names of them in braces for their URLs; ``here`` is ours.
    """
    (folder / "policies.toml").write_text(WINDOWS.format(window_s=window_s), encoding="utf-8")
    settings = read_settings({"ESOZ_NOTIFY_DATA": str(folder)})
    texts = read_texts(settings)
    given = replace(lab or LabSettings(latency_ms=(5, 20)), templates=texts.viber_templates())
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        async with run_lab(given) as played:
            settings = lab_settings(settings, played.urls(), texts.viber_templates())
            settings = replace(
                settings, policies_file=folder / "policies.toml", public_url=f"http://127.0.0.1:{port}", port=port
            )
            if further:
                where = {**played.urls()["further"], "here": settings.public_url}  # type: ignore[dict-item]
                settings = replace(settings, providers=_further(folder, further, where))
            async with running(change(settings), dsn, api=True, worker=worker) as product:
                app = create_app(
                    product.service,
                    product.access,
                    product.operations,
                    callback_credentials=product.callback_credentials,
                    rate_limit=RateLimit(quota=1_000_000),
                )
                secret = await product.access.callers.create(CALLER.client_id, "A hospital's system", SCOPES)
                token = await product.access.issue(CALLER.client_id, secret)
                async with (
                    Server(app, listening, grace_s=3) as server,
                    aiohttp.ClientSession(server.base_url) as http,
                    aiohttp.ClientSession(str(played.urls()["lab_url"])) as session,
                ):
                    yield Whole(product, session, http, token.access_token)


def _further(folder: Path, text: str, urls: Any) -> tuple[FurtherProvider, ...]:
    for name, url in urls.items():
        text = text.replace(f"{{{name}}}", url)
    path = folder / "providers.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return read_providers(str(path))


@asynccontextmanager
async def without_worker(dsn: str, folder: Path) -> AsyncIterator[Product]:
    """A product that takes requests and receipts, and in which nothing moves unless the test moves it."""
    (folder / "policies.toml").write_text(WINDOWS.format(window_s=20), encoding="utf-8")
    settings = replace(
        read_settings({"ESOZ_NOTIFY_DATA": str(folder)}),
        policies_file=folder / "policies.toml",
        viber_url="http://127.0.0.1:9",  # nobody is asked
        viber_api_key="none",
        diia_url="http://127.0.0.1:9",
        diia_partner_token="none",
        smscs=(Smsc(name="smsc-a", host="127.0.0.1", port=9, system_id="none", password="none"),),
    )
    async with running(settings, dsn, api=True, worker=False) as product:
        yield product
