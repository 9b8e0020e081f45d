"""A running lab, a caller of it, and a webhook, for the tests beside."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from tests.lab.players import Caller, Inbox

from esoz_notify.lab.settings import LabSettings, SmscSettings
from esoz_notify.lab.world import Lab, run_lab


@pytest.fixture
def settings() -> LabSettings:
    """A quick lab: phones answer within milliseconds, repetitions come soon."""
    return LabSettings(
        latency_ms=(0, 4),
        templates={"code": "Код: {{pin}}. Нікому не кажіть."},
        diia_templates={"note": "Рецепт {number}"},
        callback_retry_s=0.05,
        smscs=(
            SmscSettings(name="smsc-a", receipt_retry_s=0.4, bind_limit=3),
            SmscSettings(name="smsc-b", receipt_retry_s=0.4),
        ),
    )


@pytest.fixture
async def lab(settings: LabSettings) -> AsyncIterator[Lab]:
    """The lab, listening."""
    async with run_lab(settings) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """An HTTP client."""
    async with ClientSession() as session:
        yield session


@pytest.fixture
def caller(lab: Lab, http: ClientSession) -> Caller:
    """A caller of the lab."""
    return Caller(http, lab)


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A webhook, listening."""
    inbox = Inbox()
    app = web.Application()
    app.router.add_post("/{path}", inbox.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    inbox.port = runner.addresses[0][1]
    yield inbox
    await runner.cleanup()
