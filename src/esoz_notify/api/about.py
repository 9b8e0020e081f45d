"""What the API says of itself: alive, ready, numbers, the contract and its page."""

import asyncio

from litestar import Response

from esoz_notify.api.contract import HTML_TYPE, METRICS_TYPE
from esoz_notify.api.crisis import both
from esoz_notify.api.docs_page import DOCS_CSP, docs_page
from esoz_notify.api.edge import Asking, Check, answer, edge
from esoz_notify.api.openapi import document
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import Unavailable
from esoz_notify.engine.service import READ_ONLY

LEDGER_ANSWERS_WITHIN_S = 2.0


@answers("alive")
async def alive(request: Asking) -> Response[bytes]:  # noqa: ARG001 - every handler has the request
    """Say that the process lives."""
    return answer({"status": "ok"})


@answers("ready")
async def ready(request: Asking) -> Response[bytes]:
    """Say whether requests should come here."""
    here = edge(request)
    checks = {"ledger": await _ledger(request), **here.readiness()}
    if here.stopping.is_set():
        checks["process"] = Check(ok=False, state="stopping")
    is_ready = all(check.ok for check in checks.values() if check.vital)
    said = {
        "status": "ready" if is_ready else "not_ready",
        "checks": {name: {"ok": check.ok, "state": check.state} for name, check in checks.items()},
    }
    banner = both(here.operations.crises.banner())
    return answer({**said, "banner": banner} if banner else said, 200 if is_ready else 503)


async def _ledger(request: Asking) -> Check:
    try:
        async with asyncio.timeout(LEDGER_ANSWERS_WITHIN_S):
            await edge(request).service.ready()
    except Unavailable as error:
        return Check(ok=False, state=READ_ONLY if error.code == READ_ONLY else "away")
    except TimeoutError:
        return Check(ok=False, state="away")
    return Check(ok=True, state="ok")


@answers("metrics")
async def metrics(request: Asking) -> Response[bytes]:
    """Print the numbers."""
    return Response(edge(request).metrics.text(), media_type=METRICS_TYPE)


@answers("openapi")
async def openapi(request: Asking) -> Response[bytes]:
    """Hand out the contract."""
    return answer(document(edge(request).public_url))


@answers("docs")
async def docs(request: Asking) -> Response[str]:
    """Show the contract."""
    page = docs_page(document(edge(request).public_url))
    return Response(page, media_type=HTML_TYPE, headers={"content-security-policy": DOCS_CSP})
