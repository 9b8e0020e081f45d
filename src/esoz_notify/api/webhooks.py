"""The calls about webhooks: making and changing them, the test, the log, telling again.

What belongs here: bodies and answers. What does not: what a webhook may be (engine), what receivers are sent (engine).
"""

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api import reading
from esoz_notify.api.contract import OPERATIONS
from esoz_notify.api.edge import Asking, answer, caller, edge, read_object
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import Problem
from esoz_notify.core.webhooks import State
from esoz_notify.engine.views import rfc3339
from esoz_notify.engine.webhooks import Logged, Seen, Webhooks

_LOG_QUERY = tuple(one.name for one in OPERATIONS["list_webhook_deliveries"].parameters)


@answers("create_webhook")
async def create_webhook(request: Asking) -> Response[bytes]:
    """Make one."""
    asker = caller(request)
    document = await read_object(request)
    seen, secret = await _webhooks(request).create(asker.client_id, document, actor=asker.actor)
    return answer({**_webhook(seen), "secret": secret}, 201)


@answers("list_webhooks")
async def list_webhooks(request: Asking) -> Response[bytes]:
    """All of the caller's own."""
    found = await _webhooks(request).every(caller(request).client_id)
    return answer({"data": [_webhook(one) for one in found]})


@answers("get_webhook")
async def get_webhook(request: Asking, webhook_id: FromPath[UUID]) -> Response[bytes]:
    """One of them."""
    return answer(_webhook(await _webhooks(request).get(caller(request).client_id, webhook_id)))


@answers("change_webhook")
async def change_webhook(request: Asking, webhook_id: FromPath[UUID]) -> Response[bytes]:
    """Change it."""
    asker = caller(request)
    document = await read_object(request)
    seen = await _webhooks(request).change(asker.client_id, webhook_id, document, actor=asker.actor)
    return answer(_webhook(seen))


@answers("delete_webhook")
async def delete_webhook(request: Asking, webhook_id: FromPath[UUID]) -> Response[None]:
    """Forget it."""
    asker = caller(request)
    await _webhooks(request).delete(asker.client_id, webhook_id, actor=asker.actor)
    return Response(None, status_code=204)


@answers("rotate_webhook_secret")
async def rotate_webhook_secret(request: Asking, webhook_id: FromPath[UUID]) -> Response[bytes]:
    """Give it a new secret."""
    asker = caller(request)
    document = await read_object(request)
    seen, secret = await _webhooks(request).rotate(asker.client_id, webhook_id, document, actor=asker.actor)
    return answer({**_webhook(seen), "secret": secret})


@answers("test_webhook")
async def test_webhook(request: Asking, webhook_id: FromPath[UUID]) -> Response[bytes]:
    """Have it told a test."""
    return answer(_delivery(await _webhooks(request).test(caller(request).client_id, webhook_id)), 202)


@answers("list_webhook_deliveries")
async def list_webhook_deliveries(request: Asking, webhook_id: FromPath[UUID]) -> Response[bytes]:
    """What happened, and how telling it stands."""
    state, cursor, limit = _read_log_query(request)
    found, following = await _webhooks(request).log(
        caller(request).client_id, webhook_id, state=state, before=cursor, count_max=limit
    )
    page = {"data": [_delivery(one) for one in found], "next_cursor": str(following) if following else None}
    return answer(page)


@answers("replay_webhook_event")
async def replay_webhook_event(
    request: Asking, webhook_id: FromPath[UUID], event_id: FromPath[UUID]
) -> Response[bytes]:
    """Have one event told again."""
    asker = caller(request)
    logged = await _webhooks(request).replay(asker.client_id, webhook_id, event_id, actor=asker.actor)
    return answer(_delivery(logged), 202)


@answers("replay_webhook_events")
async def replay_webhook_events(request: Asking, webhook_id: FromPath[UUID]) -> Response[bytes]:
    """Have a span of time told again."""
    asker = caller(request)
    document = await read_object(request)
    done = await _webhooks(request).replay_range(asker.client_id, webhook_id, document, actor=asker.actor)
    following = str(done.next_cursor) if done.next_cursor else None
    return answer({"replayed": done.count, "next_cursor": following}, 202)


def _webhooks(request: Asking) -> Webhooks:
    return edge(request).service.webhooks


def _read_log_query(request: Asking) -> tuple[str | None, UUID | None, int]:
    given = {name: request.query_params.getall(name) for name in request.query_params}
    asked = reading.query(given, _LOG_QUERY)
    problems: list[Problem] = []
    limit = reading.page_size(asked.get("limit"), problems)
    cursor = None
    try:
        cursor = UUID(asked["cursor"]) if "cursor" in asked else None
    except ValueError:
        problems.append(Problem("/query/cursor", "format", "must be the next_cursor of the page before"))
    state = asked.get("state")
    if state is not None and state not in set(State):
        problems.append(Problem("/query/state", "unknown_state", f"must be one of: {', '.join(State)}"))
    if problems:
        raise reading.BadQuery(problems)
    return state, cursor, limit


def _webhook(seen: Seen) -> dict[str, Any]:
    webhook = seen.webhook
    moments = ("disabled_at", "failing_since", "resumes_at")
    told = {name: rfc3339(at) if (at := getattr(webhook, name)) is not None else None for name in moments}
    return {
        "id": str(webhook.id),
        "url": webhook.shown,
        "events": list(webhook.events),
        "enabled": webhook.disabled_at is None,
        "created_at": rfc3339(webhook.created_at),
        **told,
        "disabled_why": webhook.disabled_why,
        "secrets": [{"ends_at": rfc3339(end) if end is not None else None} for end in seen.secrets_until],
    }


def _delivery(logged: Logged) -> dict[str, Any]:
    return {
        "event_id": str(logged.event_id),
        "event": logged.name,
        "at": rfc3339(logged.at),
        "notification_id": str(logged.notification_id) if logged.notification_id else None,
        "state": logged.state,
        "next_try_at": rfc3339(logged.due_at) if logged.due_at is not None else None,
        "tries": logged.tries,
        "tried_at": rfc3339(logged.tried_at) if logged.tried_at is not None else None,
        "status": logged.status,
        "fault": logged.fault,
        "answered_ms": logged.answered_ms,
    }
