"""The calls about notifications and patients: from HTTP to a use case of the engine and back.

What belongs here: headers, bodies, statuses. What does not: rules of any kind.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from esoz_notify.api import reading
from esoz_notify.api.contract import HTML_TYPE, PDF_TYPE, TEXT_TYPE
from esoz_notify.api.edge import Asking, answer, caller, check_body, edge, read_object
from esoz_notify.api.problems import meaning, problem
from esoz_notify.api.reading import NDJSON_TYPE, BadQuery, TooLarge
from esoz_notify.api.recording import TRACEPARENT
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import InvalidInput, NotifyError, Problem
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.limits import BATCH_LINES_MAX, REFERENCE_LENGTH_MAX
from esoz_notify.core.phone import PHONE_RULE
from esoz_notify.core.status import Status
from esoz_notify.render import summary as rendering

_BATCH_SLICE = 500
"""Lines of a batch that are worked on at once: so many wait in the intake's queue, and others get in between."""


@answers("accept_notification")
async def accept_notification(request: Asking) -> Response[bytes]:
    """Accept one."""
    key = _key(request)
    asked = await read_object(request)
    accepted, replayed = await edge(request).service.accept(
        caller(request), asked, key, traceparent=request.scope["state"][TRACEPARENT]
    )
    return answer(accepted, 202, {"idempotent-replayed": "true"} if replayed else None)


@answers("accept_batch")
async def accept_batch(request: Asking) -> Response[bytes]:
    """Accept many, each by itself."""
    key = _key(request)
    check_body(request, NDJSON_TYPE)
    lines = reading.json_lines(await request.body())
    if not lines:
        raise InvalidInput([Problem("", "empty", "send at least one line")])
    if len(lines) > BATCH_LINES_MAX:
        raise TooLarge(f"send {BATCH_LINES_MAX} lines at most in one call", code="too_many_lines")
    results: list[bytes] = []
    for first in range(0, len(lines), _BATCH_SLICE):
        results += await _slice(request, lines[first : first + _BATCH_SLICE], key, first)
    return Response(b"\n".join([*results, b""]), media_type=NDJSON_TYPE)


async def _slice(request: Asking, lines: Sequence[bytes], key: str, first: int) -> list[bytes]:
    here = edge(request)
    read = [_line(line) for line in lines]
    taken = await here.service.accept_batch(
        caller(request), read, key, first=first, traceparent=request.scope["state"][TRACEPARENT]
    )
    now = here.access.now()
    results = []
    for number, came_to in enumerate(taken, first + 1):
        result: dict[str, Any] = {"line": number}
        if isinstance(came_to, NotifyError):
            result |= {"status": meaning(came_to)[0], "problem": problem(came_to, None, now)[0]}
        else:
            accepted, replayed = came_to
            result |= {"status": 202, "id": accepted["id"], "replayed": replayed, "notification": accepted}
        results.append(msgspec.json.encode(result))
    return results


def _line(line: bytes) -> dict[str, Any] | NotifyError:
    try:
        return reading.json_line(line)
    except NotifyError as error:
        return error


@answers("list_notifications")
async def list_notifications(request: Asking) -> Response[bytes]:
    """One page."""
    wanted = reading.query(request.query_params.dict(), _FILTERS)
    if "phone" in wanted and wanted["phone"].startswith(" "):
        # A plus that was not written as %2B arrives as a space.
        wanted["phone"] = f"+{wanted['phone'][1:]}"
    return await _page(request, wanted)


@answers("search_notifications")
async def search_notifications(request: Asking) -> Response[bytes]:
    """One page, of what no address should tell."""
    asked = await read_object(request)
    texts = {name: [str(value) if name == "limit" and type(value) is int else value] for name, value in asked.items()}
    wrong = [name for name, (value,) in texts.items() if type(value) is not str or not value]
    if wrong:
        raise InvalidInput([Problem(f"/{name}", "type", "must be a string, and not empty") for name in wrong])
    try:
        return await _page(request, reading.query(texts, _FILTERS))
    except BadQuery as error:
        problems = [replace(one, pointer=one.pointer.removeprefix("/query")) for one in error.problems]
        raise InvalidInput(problems) from None


async def _page(request: Asking, wanted: dict[str, str]) -> Response[bytes]:
    before, count_max = checked(wanted)
    found, cursor = await edge(request).service.page(caller(request), wanted, before=before, count_max=count_max)
    return answer({"data": found, "next_cursor": cursor})


_FILTERS = ("reference", "status", "kind", "phone", "crisis", "cursor", "limit")


def checked(wanted: dict[str, str]) -> tuple[UUID | None, int]:
    """Check every value; the cursor and the size of the page. Raises BadQuery with every problem."""
    reference, status, kind, phone = (wanted.get(name) for name in ("reference", "status", "kind", "phone"))
    problems = []
    if reference is not None and not (len(reference) <= REFERENCE_LENGTH_MAX and reference.isprintable()):
        problems.append(
            Problem("/query/reference", "format", f"must be at most {REFERENCE_LENGTH_MAX} printable characters")
        )
    if status is not None and status not in list(Status):
        problems.append(Problem("/query/status", "unknown_status", f"must be one of: {', '.join(Status)}"))
    if kind is not None and kind not in KINDS:
        problems.append(Problem("/query/kind", "unknown_kind", f"must be one of: {', '.join(KINDS)}"))
    if phone is not None and not PHONE_RULE.fullmatch(phone):
        problems.append(
            Problem("/query/phone", "format", "must be +380 and nine digits; in an address the plus is %2B")
        )
    _read_id(wanted, "crisis", "must be the id of a crisis switch", problems)
    before = _read_id(wanted, "cursor", "must be the next_cursor of an earlier page", problems)
    limit = reading.page_size(wanted.get("limit"), problems)
    if problems:
        raise BadQuery(problems)
    return before, limit


def _read_id(wanted: dict[str, str], name: str, rule: str, problems: list[Problem]) -> UUID | None:
    try:
        return UUID(wanted[name]) if name in wanted else None
    except ValueError:
        problems.append(Problem(f"/query/{name}", "format", rule))
        return None


@answers("get_notification")
async def get_notification(request: Asking, notification_id: FromPath[UUID]) -> Response[bytes]:
    """One with its story."""
    return answer(await edge(request).service.get(caller(request), notification_id))


@answers("cancel_notification")
async def cancel_notification(request: Asking, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Withdraw it."""
    return answer(await edge(request).service.cancel(caller(request), notification_id))


@answers("resend_notification")
async def resend_notification(request: Asking, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Send it again."""
    return answer(await edge(request).service.resend(caller(request), notification_id), 202)


@answers("print_summary")
async def print_summary(request: Asking, notification_id: FromPath[UUID]) -> Response[Any]:
    """Draw the page; what cannot be accepted is refused before it counts as printed."""
    media_type = reading.preferred(request.headers.get("accept"), tuple(_DRAWINGS))
    form, more = _form(reading.query(request.query_params.dict(), _FORM))
    ending, draw, policy = _DRAWINGS[media_type]
    try:
        documents = await edge(request).service.summaries(caller(request), [notification_id, *more])
    except InvalidInput as error:
        # Which documents go together is the only thing about values that is left to refuse.
        raise BadQuery([replace(one, pointer=f"/query{one.pointer}") for one in error.problems]) from None
    drawn = await asyncio.to_thread(draw, documents, form)
    headers = {
        "content-disposition": f'inline; filename="esoz-summary-{notification_id}.{ending}"',
        "content-security-policy": f"{policy}; frame-ancestors 'none'",
        "vary": "Accept",
    }
    return Response(drawn, media_type=media_type, headers=headers)


_FORM = ("paper", "variant", "with")
_DRAWINGS: dict[str, tuple[str, Callable[[Sequence[rendering.Summary], rendering.Form], bytes | str], str]] = {
    PDF_TYPE: ("pdf", lambda documents, form: rendering.pdf([documents], form), "default-src 'none'"),
    HTML_TYPE: ("html", rendering.html, rendering.HTML_CSP),
    TEXT_TYPE: ("txt", rendering.text, "default-src 'none'"),
}
"""By media type: how a file is named, how it is drawn, what it may do in a browser."""


def _form(wanted: dict[str, str]) -> tuple[rendering.Form, list[UUID]]:
    """How the page is to look, and which documents go with it. Raises BadQuery with every problem."""
    paper, variant = wanted.get("paper", rendering.Paper.A4), wanted.get("variant", rendering.Variant.STANDARD)
    problems = [
        Problem(f"/query/{name}", "unknown_value", f"must be one of: {', '.join(known)}")
        for name, value, known in (("paper", paper, rendering.Paper), ("variant", variant, rendering.Variant))
        if value not in list(known)
    ]
    more: list[UUID] = []
    try:
        more = [UUID(one) for one in wanted["with"].split(",")] if "with" in wanted else []
    except ValueError:
        problems.append(Problem("/query/with", "format", "must be ids of notifications, with commas between them"))
    if problems:
        raise BadQuery(problems)
    return rendering.Form(rendering.Paper(paper), rendering.Variant(variant)), more


@answers("dry_run")
async def dry_run(request: Asking) -> Response[bytes]:
    """Who would be informed, and how."""
    return answer(await edge(request).service.route(await read_object(request)))


@answers("put_patient")
async def put_patient(request: Asking, patient_id: FromPath[UUID]) -> Response[bytes]:
    """Store a patient."""
    stored, created = await edge(request).service.put_patient(caller(request), patient_id, await read_object(request))
    return answer(stored, 201 if created else 200)


@answers("get_patient")
async def get_patient(request: Asking, patient_id: FromPath[UUID]) -> Response[bytes]:
    """Show a patient, masked."""
    return answer(await edge(request).service.get_patient(patient_id))


@answers("delete_patient")
async def delete_patient(request: Asking, patient_id: FromPath[UUID]) -> Response[None]:
    """Forget a patient."""
    await edge(request).service.delete_patient(caller(request), patient_id)
    return Response(None, status_code=204)


def _key(request: Asking) -> str:
    return reading.idempotency_key(request.headers.getall("idempotency-key", []))
