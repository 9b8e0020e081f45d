"""Receipts that providers bring by HTTP: their credential, and then the engine, which knows how each speaks.

A provider whose callbacks prove by themselves whose they are is asked for its proof; the rest for what was agreed.
"""

from collections.abc import Sequence

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api.contract import TEXT_TYPE
from esoz_notify.api.edge import Asking, edge
from esoz_notify.api.peers import PEER
from esoz_notify.api.problems import WrongCredential
from esoz_notify.api.routing import answers
from esoz_notify.core.callback_credentials import Credential, Shown, Signed, fits, may_be_signed, signed
from esoz_notify.core.errors import NotFound

_SECRET_HEADERS = frozenset({"authorization", "x-signature", "x-timestamp"})


@answers("take_callback")
async def take_callback(request: Asking, provider: FromPath[str]) -> Response[bytes]:
    """Keep what a provider says; answered when it is on disk."""
    here = edge(request)
    credentials, proves = here.credentials.get(provider, ()), here.service.proves(provider)
    if not credentials and not proves:
        raise NotFound("no provider of that name calls back here")
    shown, once = _shown(request), None
    if proves:
        # Both, where both were agreed: a proof in the body may cover less than all of it.
        if credentials and not fits(credentials, shown):
            raise _wrong()
        body = await request.body()
        once = _fresh(here.service.proved(provider, request.headers, body))
    elif fits(credentials, shown):
        body = await request.body()
    elif may_be_signed(credentials, shown):
        body = await request.body()
        once = _signed(request, credentials, shown, body)
    else:
        raise _wrong()
    headers = {name: value for name, value in request.headers.items() if name not in _SECRET_HEADERS}
    await here.service.receive(provider, headers, body, once=once)
    return Response(b"", media_type=TEXT_TYPE)


def _shown(request: Asking) -> Shown:
    tls = (request.scope.get("extensions") or {}).get("tls", {})
    return Shown(
        authorization=request.headers.get("authorization", ""),
        timestamp=request.headers.get("x-timestamp", ""),
        signature=request.headers.get("x-signature", ""),
        certificate_sha256=str(tls.get(PEER) or ""),
    )


def _signed(request: Asking, credentials: Sequence[Credential], shown: Shown, body: bytes) -> Signed:
    return _fresh(signed(credentials, shown, body, edge(request).access.now()))


def _fresh(found: Signed | None) -> Signed:
    if found is None:
        raise _wrong()
    if not found.fresh:
        raise WrongCredential(
            "the signature fits, and its time is not ours: sign each call anew, by a clock set by NTP"
        )
    return found


def _wrong() -> WrongCredential:
    return WrongCredential("show the credential that was agreed with this provider, as it was agreed")
