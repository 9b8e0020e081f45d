"""The calls of GOV.UK Notify's API that send and follow SMS, in its shapes, on top of our own use cases.

What belongs here: its bodies and answers from and into ours. What does not: its failures (``compat_govuk_envelope``),
what is done (engine). docs/migrating.md tells what differs, and why. Answers hold no phone and no text with data in it,
because those who get them keep them in logs.
"""

from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import UUID, uuid5

from litestar import Response
from litestar.params import FromPath

from esoz_notify.api import reading
from esoz_notify.api.edge import Asking, answer, caller, edge, read_object
from esoz_notify.api.notifications import checked
from esoz_notify.api.reading import BadQuery
from esoz_notify.api.recording import TRACEPARENT
from esoz_notify.api.routing import answers
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput, NotFound, Problem
from esoz_notify.core.kinds import KINDS, PUBLIC_KINDS, Kind, read_data
from esoz_notify.core.phone import spelled_phone
from esoz_notify.core.receipts import REASONS, Fault, Reason
from esoz_notify.core.status import Status
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.views import Json
from esoz_notify.render.templates import PLACEHOLDER, Template
from esoz_notify.render.texts import DEFAULT_LANGUAGE, Texts

_TEMPLATES = UUID("0f6f2a3e-9a52-5f4e-8d0e-5f7c2f1b6a90")
_BODY = ("phone_number", "template_id", "personalisation", "reference", "sms_sender_id")
_QUERY = ("template_type", "status", "reference", "older_than", "include_jobs")
_SMS = "sms"

TEMPLATE_IDS: Mapping[str, str] = {name: str(uuid5(_TEMPLATES, name)) for name in KINDS}
"""The template_id of each kind: the same in every installation and for ever."""

_KIND_OF = {template_id: name for name, template_id in TEMPLATE_IDS.items()}

STATUSES: Mapping[Status, str] = {
    Status.ACCEPTED: "created",
    Status.PRINT_REQUIRED: "created",
    Status.IN_DELIVERY: "sending",
    Status.DELIVERED: "delivered",
    Status.PRINTED: "delivered",
    Status.EXPIRED: "temporary-failure",
    Status.CANCELLED: "cancelled",
}
"""What a status is called here. UNDELIVERED goes by its reason: ``PERMANENT`` when it is the number's or person's."""

PERMANENT, TECHNICAL = "permanent-failure", "technical-failure"

_FILTERS = {
    STATUSES[one]: one
    for one in (Status.ACCEPTED, Status.IN_DELIVERY, Status.DELIVERED, Status.EXPIRED, Status.CANCELLED)
}


@answers("govuk_send_sms")
async def send_sms(request: Asking) -> Response[bytes]:
    """Accept one. Without an Idempotency-Key, which GOV.UK Notify has not, each call is a message of its own."""
    asked = read_sms(await read_object(request))
    given = request.headers.getall("idempotency-key", [])
    key = reading.idempotency_key(given) if given else f"govuk/{new_id(edge(request).access.now())}"
    accepted, _ = await edge(request).service.accept(
        caller(request), asked, key, traceparent=request.scope["state"][TRACEPARENT]
    )
    words = _words(edge(request).texts(), accepted["kind"])
    return answer(
        {
            "id": accepted["id"],
            "reference": accepted["reference"],
            "content": {"body": _body(words), "from_number": None},
            "uri": f"{_base(request)}/v2/notifications/{accepted['id']}",
            "template": _named(request, accepted["kind"], words),
            "scheduled_for": None,
        },
        201,
    )


def read_sms(asked: Mapping[str, object]) -> dict[str, object]:
    """The body of POST /v1/notifications that says the same. Raises InvalidInput for members that are not known."""
    unknown = [
        Problem(f"/{name}", "unknown_field", f"not taken here; known: {', '.join(_BODY)}")
        for name in asked
        if name not in _BODY
    ]
    if unknown:
        raise InvalidInput(unknown)
    phone, template_id = asked.get("phone_number"), asked.get("template_id")
    spelled = spelled_phone(phone) if isinstance(phone, str) else None
    return {
        "kind": _KIND_OF.get(template_id.lower(), template_id) if isinstance(template_id, str) else template_id,
        "recipient": {"phone": spelled.e164 if spelled else phone},
        "data": asked.get("personalisation") or {},
        "reference": asked.get("reference"),
    }


@answers("govuk_get_notification")
async def get_notification(request: Asking, notification_id: FromPath[str]) -> Response[bytes]:
    """One."""
    try:
        asked_for = UUID(notification_id)
    except ValueError:
        raise NotFound("no such notification", code="notification_unknown") from None
    view = await edge(request).service.get(caller(request), asked_for)
    return answer(_notification(request, view, edge(request).texts()))


@answers("govuk_list_notifications")
async def list_notifications(request: Asking) -> Response[bytes]:
    """One page, newest first."""
    given = reading.query(request.query_params.dict(), _QUERY)
    wanted = {
        ours: given[name] for name, ours in (("reference", "reference"), ("older_than", "cursor")) if name in given
    }
    if "status" in given:
        status = _FILTERS.get(given["status"])
        if status is None:
            rule = f"one of these can be looked for: {', '.join(_FILTERS)}"
            raise BadQuery([Problem("/query/status", "unknown_status", rule)])
        wanted["status"] = status.value
    before, count_max = checked(wanted)
    found: list[Json] = []
    if given.get("template_type", _SMS) == _SMS:
        found, _ = await edge(request).service.page(caller(request), wanted, before=before, count_max=count_max)
    here = f"{_base(request)}/v2/notifications"
    links = {"current": here}
    if found:
        # Also after the last page, which an empty one follows: clients of that service go on until then.
        asked_too = {name: value for name, value in given.items() if name != "older_than"}
        links["next"] = f"{here}?{urlencode({**asked_too, 'older_than': found[-1]['id']})}"
    texts = edge(request).texts()
    return answer({"notifications": [_notification(request, view, texts) for view in found], "links": links})


@answers("govuk_list_templates")
async def list_templates(request: Asking) -> Response[bytes]:
    """Every kind that callers may send."""
    wanted = reading.query(request.query_params.dict(), ("type",))
    names = PUBLIC_KINDS if wanted.get("type", _SMS) == _SMS else ()
    texts = edge(request).texts()
    return answer({"templates": [_template(KINDS[name], texts) for name in names]})


@answers("govuk_get_template")
async def get_template(request: Asking, template_id: FromPath[str]) -> Response[bytes]:
    """One kind as a template."""
    return answer(_template(_kind(template_id), edge(request).texts()))


@answers("govuk_preview_template")
async def preview_template(request: Asking, template_id: FromPath[str]) -> Response[bytes]:
    """What the SMS of a kind says with some data."""
    kind = _kind(template_id)
    asked = (await read_object(request)).get("personalisation") or {}
    if not isinstance(asked, Mapping):
        raise InvalidInput([Problem("/data", "type", "must be an object")])
    rendered = edge(request).texts().message(kind.name, Channel.SMS, DEFAULT_LANGUAGE, read_data(kind, asked))
    words = _words(edge(request).texts(), kind.name)
    return answer({**_head(kind.name, words), "body": rendered.text, "subject": None})


def status_of(view: Json) -> str:
    """What the status of a notification is called here."""
    status = Status(view["status"])
    if status is not Status.UNDELIVERED:
        return STATUSES[status]
    reason = view["reason"]
    is_personal = reason is not None and REASONS[Reason(reason)].fault is Fault.PERSON
    return PERMANENT if is_personal else TECHNICAL


def _notification(request: Asking, view: Json, texts: Texts) -> Json:
    words = _words(texts, view["kind"])
    handed_over = (one["submitted_at"] for one in view["attempts"] if one["submitted_at"])
    nothing = ("email_address", *(f"line_{number}" for number in range(1, 7)), "postcode", "postage", "subject")
    return {
        "id": view["id"],
        "reference": view["reference"],
        "phone_number": view["recipient"]["phone"],
        "type": _SMS,
        "status": status_of(view),
        "template": _named(request, view["kind"], words),
        "body": _body(words),
        "created_at": view["created_at"],
        "sent_at": next(handed_over, None),
        "completed_at": view["ended_at"],
        **dict.fromkeys((*nothing, "created_by_name", "scheduled_for")),
    }


def _template(kind: Kind, texts: Texts) -> Json:
    words = _words(texts, kind.name)
    return {
        **_head(kind.name, words),
        "name": kind.name,
        "body": _body(words),
        "personalisation": {field.name: {"required": field.required} for field in kind.fields},
        **dict.fromkeys(("subject", "created_at", "updated_at", "created_by", "letter_contact_block")),
    }


def _head(kind_name: str, words: Template) -> Json:
    return {"id": TEMPLATE_IDS[kind_name], "type": _SMS, "version": words.version}


def _named(request: Asking, kind_name: str, words: Template) -> Json:
    template_id = TEMPLATE_IDS[kind_name]
    return {"id": template_id, "version": words.version, "uri": f"{_base(request)}/v2/template/{template_id}"}


def _words(texts: Texts, kind_name: str) -> Template:
    return texts.templates[f"{kind_name}.{DEFAULT_LANGUAGE}"]


def _body(words: Template) -> str:
    """The words of the SMS with ``((name))`` for each datum."""
    return PLACEHOLDER.sub(r"((\1))", words.sms)


def _kind(template_id: str) -> Kind:
    name = _KIND_OF.get(template_id.lower(), template_id)
    if name not in PUBLIC_KINDS:
        raise NotFound("no such template; GET /v2/templates has all of them", code="template_unknown")
    return KINDS[name]


def _base(request: Asking) -> str:
    return edge(request).public_url or str(request.base_url).rstrip("/")
