"""The calls that ESOZ's components and medical information systems make today, in their own paths and shapes.

What belongs here: bodies and answers. What does not: the envelope and the texts of errors (``esoz_envelope``), what is
done (engine). docs/esoz-compatibility.md tells what differs from the service that they call now.
"""

from typing import Any

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api.edge import Asking, caller, edge, read_object
from esoz_notify.api.esoz_envelope import path_phone, wrapped
from esoz_notify.api.recording import TRACEPARENT
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import NotFound
from esoz_notify.core.phone import Phone
from esoz_notify.engine.esoz import PhoneCode
from esoz_notify.engine.views import rfc3339


@answers("esoz_initialize")
async def initialize(request: Asking) -> Response[bytes]:
    """Have a code sent to a phone."""
    made = await edge(request).service.esoz.initialize(
        caller(request).client_id, await read_object(request), traceparent=_trace(request)
    )
    return wrapped(request, _phone_code(made), 201)


@answers("esoz_complete")
async def complete(request: Asking, phone: FromPath[str]) -> Response[bytes]:
    """Check a phone's code."""
    asked = await read_object(request)
    made = await edge(request).service.esoz.complete(caller(request).client_id, _known(phone), asked)
    return wrapped(request, _phone_code(made))


@answers("esoz_verified")
async def verified(request: Asking, phone: FromPath[str]) -> Response[bytes]:
    """Tell whether a phone's code was ever told rightly."""
    asked_for = _known(phone)
    if not await edge(request).service.esoz.is_verified(asked_for):
        raise NotFound("not found")
    return wrapped(request, {"phone_number": asked_for.e164})


@answers("esoz_send_text")
async def send_text(request: Asking) -> Response[bytes]:
    """Have a text sent."""
    sent = await edge(request).service.esoz.send_text(
        caller(request).client_id, await read_object(request), traceparent=_trace(request)
    )
    data = {"id": str(sent.id), "phone_number": sent.phone.e164, "body": sent.body, "type": sent.type}
    return wrapped(request, data)


@answers("esoz_factor")
async def factor(request: Asking) -> Response[bytes]:
    """Have a code sent for some content, or check it."""
    asked, is_verified = await edge(request).service.esoz.factor(
        caller(request).client_id, await read_object(request), traceparent=_trace(request)
    )
    if is_verified:
        return wrapped(request, {"result": "Verified"})
    method = {"type": "OTP", "number": asked.phone.masked}
    urgent = {"next_step": "REQUEST_OTP", "authentication_method_current": method}
    return wrapped(request, {"result": "OTP sent"}, urgent=urgent)


def _phone_code(made: PhoneCode) -> dict[str, Any]:
    return {
        "id": str(made.id),
        "status": "verified" if made.is_verified else "new",
        "code_expired_at": rfc3339(made.expires_at),
        "active": made.is_active,
    }


def _known(phone: str) -> Phone:
    """The phone of a path. What is none has no code either."""
    found = path_phone(phone)
    if found is None:
        raise NotFound("not found")
    return found


def _trace(request: Asking) -> str | None:
    trace: str | None = request.scope["state"][TRACEPARENT]
    return trace
