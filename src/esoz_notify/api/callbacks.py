"""Receipts that providers bring by HTTP: their credential, and then the engine, which knows how each speaks."""

import base64
import binascii
import hmac
from collections.abc import Sequence

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api.contract import TEXT_TYPE
from esoz_notify.api.edge import Asking, edge
from esoz_notify.api.problems import WrongCredential
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import NotFound


@answers("take_callback")
async def take_callback(request: Asking, provider: FromPath[str]) -> Response[bytes]:
    """Keep what a provider says; answered when it is on disk."""
    here = edge(request)
    credentials = here.credentials.get(provider)
    if not credentials:
        raise NotFound("no provider of that name calls back here")
    _check(request.headers.get("authorization"), credentials)
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    await here.service.receive(provider, headers, await request.body())
    return Response(b"", media_type=TEXT_TYPE)


def _check(header: str | None, credentials: Sequence[bytes]) -> None:
    """Compare with every credential, so that two are good while one is being replaced. Raises WrongCredential."""
    scheme, _, encoded = (header or "").partition(" ")
    try:
        shown = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        shown = b""
    # No stopping at the first that fits: the time taken must not tell which one it was.
    fitting = sum(hmac.compare_digest(shown, one) for one in credentials)
    if scheme.lower() != "basic" or not fitting:
        raise WrongCredential("send the user and password that were agreed, by HTTP Basic")
