"""Who may come in: every request passes here before its route, and every refusal and fault leaves from here.

What belongs here: tokens, scopes and rates of requests; errors as answers. What does not: making tokens (engine).
"""

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from esoz_notify.api import compat_govuk_envelope, compat_turbosms_envelope, esoz_envelope, fhir_outcome
from esoz_notify.api.contract import Credential, Envelope, Operation
from esoz_notify.api.contract_rows import DIALECTS
from esoz_notify.api.edge import Asking, Edge, edge, operation_of
from esoz_notify.api.problems import (
    PROBLEM_TYPE,
    UNEXPECTED,
    InsufficientScope,
    NoToken,
    RateExceeded,
    WrongMethod,
    meaning,
    problem,
    unexpected,
)
from esoz_notify.api.reading import BadRequest, TooLarge
from esoz_notify.core.errors import NotFound, NotifyError, Unavailable
from esoz_notify.engine.access import Claims, InvalidToken
from esoz_notify.engine.clock import new_id

log = logging.getLogger(__name__)

ALLOWANCE = "esoz_notify_allowance"


class _Telling(NamedTuple):
    """How another contract tells an error, and one that nobody foresaw by the id under which it is in the log."""

    refuse: Callable[[Asking, NotifyError], Response[bytes]]
    fail: Callable[[Asking, str], Response[bytes]]


_TOLD_BY: Mapping[Envelope, _Telling] = {
    Envelope.ESOZ: _Telling(esoz_envelope.refuse, esoz_envelope.fail),
    Envelope.FHIR: _Telling(fhir_outcome.refuse, fhir_outcome.fail),
    Envelope.GOVUK: _Telling(compat_govuk_envelope.refuse, compat_govuk_envelope.fail),
    Envelope.TURBOSMS: _Telling(compat_turbosms_envelope.refuse, compat_turbosms_envelope.fail),
}


async def admit(request: Request[Any, Any, Any]) -> None:
    """Let a request in that shows what its row of the contract asks for.

    Raises NoToken, InvalidToken, InsufficientScope, RateExceeded, and Unavailable when another issuer's token cannot be
    checked now. What is in no row is not let in.
    """
    operation = operation_of(request)
    if operation is None:
        if request.method != "OPTIONS":
            raise NotFound("there is no such call")
        return
    here = edge(request)
    if operation.credential is Credential.CLIENT:
        _check_stranger(request)
    if operation.credential is not Credential.BEARER:
        return
    claims = await _claims(here, operation, request.headers.get("authorization"))
    if claims.certificate is not None and claims.certificate != here.peers.certificate(request.scope):
        raise InvalidToken("the token is bound to a certificate that this connection does not show")
    request.scope["auth"] = claims
    allowance = here.rates.take(claims.client_id)
    request.scope["state"][ALLOWANCE] = allowance
    if allowance.wait_s:
        here.metrics.refused("requests")
        raise RateExceeded(allowance.wait_s)
    if operation.scope not in claims.scopes:
        raise InsufficientScope(str(operation.scope))


async def _claims(here: Edge, operation: Operation, header: str | None) -> Claims:
    """Who asks, by a token; by an API key too where a dialect of another service is spoken, and nowhere else."""
    # TurboSMS takes its key under either name.
    schemes = {"bearer", "basic"} if operation.envelope is Envelope.TURBOSMS else {"bearer"}
    scheme, _, token = (header or "").partition(" ")
    shown = token.strip()
    if scheme.lower() not in schemes or not shown:
        raise NoToken("send the header Authorization: Bearer and a token from POST /oauth/token")
    if operation.envelope in DIALECTS and here.access.api_keys.speaks(shown):
        return await here.access.admit_key(shown)
    return await here.access.admit(shown)


def _check_stranger(request: Asking) -> None:
    """Count a call by its address, which is known before anything else. Raises RateExceeded."""
    here = edge(request)
    wait_s = here.rates.stranger_waits_s(request.scope)
    if wait_s:
        here.metrics.refused("strangers")
        raise RateExceeded(wait_s)


def refuse(request: Asking, error: NotifyError) -> Response[bytes]:
    """Answer an error of ours with its problem document.

    Whoever comes from one address with wrong tokens too often is told to wait; good tokens from there come in as ever.
    """
    if isinstance(error, NoToken | InvalidToken):
        try:
            _check_stranger(request)
        except RateExceeded as too_many:
            error = too_many
    if meaning(error) == UNEXPECTED:
        return fail(request, error)
    if isinstance(error, Unavailable):
        log.warning("not taken: %s", error.detail)
    telling = _TOLD_BY.get(_envelope(request))
    if telling is not None:
        return telling.refuse(request, error)
    operation = operation_of(request)
    # A path that is in no row may hold anything; those of rows hold ids only.
    instance = request.scope["path"] if operation else None
    document, headers = problem(error, instance, edge(request).access.now())
    return _answer(document, headers)


def refuse_http(request: Asking, error: HTTPException) -> Response[bytes]:
    """Answer an error of the framework as if it were one of ours."""
    match error.status_code:
        case 404:
            ours: NotifyError = NotFound("there is no such path; see /docs")
        case 405:
            ours = WrongMethod((error.headers or {}).get("allow", ""))
        case 413:
            operation = operation_of(request)
            limit = f"{operation.body_bytes_max} bytes at most" if operation else "less"
            ours = TooLarge(f"send {limit}")
        case _:
            ours = BadRequest("the request cannot be read")
    return refuse(request, ours)


def fail(request: Asking, error: Exception) -> Response[bytes]:
    """Answer an error that nobody foresaw, and log where it came from under the id that the caller is told.

    Its message is not logged: messages of libraries quote data.
    """
    error_id = str(new_id(edge(request).access.now()))
    operation = operation_of(request)
    log.error(
        "unexpected %s in %s, instance %s\n%s",
        type(error).__name__,
        operation.name if operation else "no call",
        error_id,
        "".join(traceback.format_tb(error.__traceback__)),
    )
    telling = _TOLD_BY.get(_envelope(request))
    if telling is not None:
        return telling.fail(request, error_id)
    return _answer(unexpected(error_id), {})


def _envelope(request: Asking) -> Envelope:
    """How whoever asks is told: as the row of the call says, or by where a call that there is not would be."""
    operation = operation_of(request)
    if operation is not None:
        return operation.envelope
    return Envelope.FHIR if fhir_outcome.is_here(request) else Envelope.PROBLEM


def _answer(document: dict[str, Any], headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(document), status_code=document["status"], media_type=PROBLEM_TYPE, headers=headers
    )
