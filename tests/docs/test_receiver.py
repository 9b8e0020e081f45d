"""The receiver of docs/webhooks.md, as it stands there, takes what is genuine and nothing else."""

import json
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks.webhooks import Webhook
from tests.docs.blocks import blocks

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
EVENT = {"id": "e1", "subject": "n1", "data": {"status": "delivered", "seq": 4}}


async def test_the_receiver_of_the_page() -> None:
    """A signed event is noted down and answered 204; one that somebody changed is 400 and leaves nothing behind."""
    (example,) = (one for one in blocks() if one.page == "docs/webhooks.md" and "async def receive" in one.text)
    noted: list[tuple[object, ...]] = []

    async def note_down(*told: object) -> None:
        noted.append(told)

    names = {"SECRET": SECRET, "note_down": note_down}
    exec(example.text, names)  # noqa: S102 - the page's own example
    app = web.Application()
    app.add_routes([web.post("/webhooks", names["receive"])])  # type: ignore[arg-type] # what the page made
    body, now = json.dumps(EVENT), datetime.now(UTC)
    headers = {
        "webhook-id": "e1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("e1", now, body),
    }
    async with TestClient(TestServer(app)) as client:
        async with client.post("/webhooks", data=body, headers=headers) as taken:
            assert taken.status == 204
        async with client.post("/webhooks", data=body.replace("4", "5"), headers=headers) as refused:
            assert refused.status == 400
    assert noted == [("e1", "n1", "delivered", 4)]
