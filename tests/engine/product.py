"""A whole product without HTTP: service, worker and lab in one loop, over a real ledger and real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp import web

from esoz_notify.cli.lab import lab_settings
from esoz_notify.engine.service import Caller, Service
from esoz_notify.installation import read_texts
from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.world import run_lab
from esoz_notify.settings import Settings, read_settings
from esoz_notify.wiring import Product, running

CALLER = Caller("test")
WINDOWS = """
[[policy]]
version = "test"
from = 2025-01-01
codes = [{{ channel = "viber", window_s = {window_s} }}, {{ channel = "sms" }}]
documents = [
  {{ channel = "diia", window_s = {window_s} }}, {{ channel = "viber", window_s = {window_s} }}, {{ channel = "sms" }},
]
rest = [{{ channel = "viber", window_s = {window_s} }}, {{ channel = "sms" }}]
"""
REFERRAL = {"request_number": "0123-4567-89AB-CEIK"}
PRESCRIPTION = {"request_number": "0000-243P-1X53-EH38", "verification_code": "4821"}


def phone(number: int) -> str:
    """A number that is assigned to nobody."""
    return f"+38000000{number:04d}"


@dataclass
class House:
    """What a test drives: the product's use cases, and the world outside."""

    product: Product
    lab: aiohttp.ClientSession

    @property
    def service(self) -> Service:
        """The use cases."""
        return self.product.service

    async def phone(self, number: int, **behaviour: Any) -> str:
        """Make a handset behave; gives its number."""
        async with self.lab.put(f"/phones/{phone(number)}", json=behaviour) as reply:
            reply.raise_for_status()
        return phone(number)

    async def fault(self, **fault: Any) -> None:
        """Break a provider."""
        async with self.lab.post("/faults", json={"share": 1.0, "seed": 7, "for_s": 30, **fault}) as reply:
            assert reply.ok, await reply.text()

    async def heal(self) -> None:
        """Back to a healthy world."""
        async with self.lab.delete("/faults") as reply:
            reply.raise_for_status()

    async def send(self, number: int, key: str, kind: str = "prescription_issued", **more: Any) -> UUID:
        """Have a notification accepted for a phone; gives its id."""
        asked = {"kind": kind, "recipient": {"phone": phone(number)}, "data": PRESCRIPTION, **more}
        answer, _ = await self.service.accept(CALLER, asked, key)
        return UUID(answer["id"])

    async def until(self, notification_id: UUID, *statuses: str, limit_s: float = 15.0) -> dict[str, Any]:
        """Wait until the notification has one of the statuses (any terminal one by default); gives its view."""
        return await self.when(
            notification_id,
            lambda view: view["status"] in statuses or (not statuses and view["terminal"]),
            limit_s=limit_s,
        )

    async def when(
        self, notification_id: UUID, holds: Callable[[dict[str, Any]], bool], *, limit_s: float = 15.0
    ) -> dict[str, Any]:
        """Wait until something holds of the notification's view; gives the view."""
        async with asyncio.timeout(limit_s):
            while not holds(view := await self.service.get(CALLER, notification_id)):
                await asyncio.sleep(0.02)
        return view

    async def shown(self, number: int) -> list[Mapping[str, Any]]:
        """What a handset shows."""
        async with self.lab.get(f"/phones/{phone(number)}/messages") as reply:
            messages: list[Mapping[str, Any]] = await reply.json() if reply.ok else []
            return messages

    async def submissions(self, provider: str) -> list[Mapping[str, Any]]:
        """What a provider accepted."""
        async with self.lab.get("/submissions", params={"provider": provider}) as reply:
            accepted: list[Mapping[str, Any]] = await reply.json()
            return accepted


@asynccontextmanager
async def _callbacks() -> AsyncIterator[tuple[str, list[Service]]]:
    """A door for providers' callbacks without the API around it; hands them to the service put into the list."""
    services: list[Service] = []

    async def receive(request: web.Request) -> web.Response:
        await services[0].receive(request.match_info["provider"], {}, await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/callbacks/{provider}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", services
    finally:
        await runner.cleanup()


@asynccontextmanager
async def a_house(
    dsn: str, folder: Path, *, window_s: float = 5, change: Callable[[Settings], Settings] = lambda settings: settings
) -> AsyncIterator[House]:
    """The product over the ledger ``dsn`` with a lab of its own. ``change``: last word on the settings."""
    (folder / "policies.toml").write_text(WINDOWS.format(window_s=window_s), encoding="utf-8")
    settings = read_settings({"ESOZ_NOTIFY_DATA": str(folder)})
    texts = read_texts(settings)
    async with (
        _callbacks() as (public_url, services),
        run_lab(LabSettings(templates=texts.viber_templates(), latency_ms=(5, 20))) as lab,
    ):
        urls = lab.urls()
        settings = lab_settings(settings, urls, texts.viber_templates())
        settings = replace(settings, policies_file=folder / "policies.toml", public_url=public_url)
        async with (
            running(change(settings), dsn, api=True, worker=True) as product,
            aiohttp.ClientSession(str(urls["lab_url"])) as session,
        ):
            services.append(product.service)
            house = House(product, session)
            async with asyncio.timeout(10):
                while not all(link.is_up for link in product.links):
                    await asyncio.sleep(0.02)
            yield house
