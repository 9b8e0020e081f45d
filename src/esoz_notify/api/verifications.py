"""The calls about one-time codes: from HTTP to a use case of the engine and back.

What belongs here: bodies, statuses, streams. What does not: rules of any kind. A code is never in an answer.
"""

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api import events, reading
from esoz_notify.api.edge import Asking, answer, caller, edge, read_object
from esoz_notify.api.recording import TRACEPARENT
from esoz_notify.api.routing import answers
from esoz_notify.engine.verification_request import read_code
from esoz_notify.engine.views import rfc3339


@answers("create_verification")
async def create_verification(request: Asking) -> Response[bytes]:
    """Make a code and have it sent."""
    key = reading.idempotency_key(request.headers.getall("idempotency-key", []))
    asked = await read_object(request)
    asker = caller(request)
    made, replayed = await edge(request).service.verifications.create(
        asker.client_id,
        asked,
        key,
        knows_patients=asker.knows_patients,
        traceparent=request.scope["state"][TRACEPARENT],
    )
    return answer(made, 201, {"idempotent-replayed": "true"} if replayed else None)


@answers("get_verification")
async def get_verification(request: Asking, verification_id: FromPath[UUID]) -> Response[bytes]:
    """One as it is now."""
    return answer(await edge(request).service.verifications.get(caller(request).client_id, verification_id))


@answers("check_verification")
async def check_verification(request: Asking, verification_id: FromPath[UUID]) -> Response[bytes]:
    """Check a code."""
    code = read_code(await read_object(request))
    return answer(await edge(request).service.verifications.check(caller(request).client_id, verification_id, code))


@answers("resend_verification")
async def resend_verification(request: Asking, verification_id: FromPath[UUID]) -> Response[bytes]:
    """Send it again."""
    return answer(await edge(request).service.verifications.resend(caller(request).client_id, verification_id), 202)


@answers("stream_verification")
async def stream_verification(request: Asking, verification_id: FromPath[UUID]) -> Response[Any]:
    """Stream what happens to its message."""
    await edge(request).service.verifications.get(caller(request).client_id, verification_id)
    return await events.stream(request, verification_id)


@answers("list_verification_alarms")
async def list_verification_alarms(request: Asking) -> Response[bytes]:
    """The last alarms."""
    found = await edge(request).service.verifications.alarms()
    return answer(
        {
            "data": [
                {
                    "at": rfc3339(one.at),
                    "client_id": one.client_id,
                    "verification_id": str(one.verification_id),
                    "unrequested": one.unrequested,
                }
                for one in found
            ]
        }
    )
