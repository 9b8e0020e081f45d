"""The rows of the calls under /fhir, for the table of calls. The CapabilityStatement is made from them too."""

from typing import Any

from esoz_notify.api import fhir_shapes as shapes
from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.contract_rows import Answer, Credential, Envelope, Method, Operation, Parameter, asked, by_token
from esoz_notify.core.limits import PAGE_SIZE, PAGE_SIZE_MAX

_WRITE, _READ, _GROUP = "notifications:write", "notifications:read", "FHIR R4"
_REQUESTS = f"{terms.PLACE}/{terms.REQUEST}"
_ONE = f"{_REQUESTS}/{{notification_id}}"
_EVENTS = f"{terms.PLACE}/{terms.EVENT}"
_BODY = (400, 409, 413, 415, 422)
_TYPE = (terms.FHIR_TYPE,)

_FORMAT = asked("_format", "json, or one of its types; nothing else is made.")
_PAGING = (
    _FORMAT,
    asked("_count", f"Most on one page; {PAGE_SIZE_MAX} at most.", type="integer", minimum=1, default=PAGE_SIZE),
    asked("cursor", "Where a page begins: follow the link named next."),
)
_CREATING = (
    Parameter(
        name="Idempotency-Key", place="header", schema={"type": "string", "maxLength": 202},
        what="As for POST /v1/notifications. Without it the resource's identifier is the key.",
    ),
    Parameter(
        name="If-None-Exist", place="header", schema={"type": "string"},
        what="identifier=system|value, percent-encoded: create it unless one with its identifier is there.",
    ),
    Parameter(
        name="traceparent", place="header", schema={"type": "string"},
        what="W3C trace context; kept with the notification. A wrong one is ignored.",
    ),
    _FORMAT,
)  # fmt: skip


def _row(  # noqa: PLR0913, PLR0917 - a row of the table below, read as a row
    name: str, method: Method, path: str, scope: str, summary: str, what: str, *answers: Answer,
    parameters: tuple[Parameter, ...] = (_FORMAT,), refusals: tuple[int, ...], takes: Any = None,
    takes_type: str = terms.FHIR_TYPE,
) -> Operation:  # fmt: skip
    return by_token(
        name, method, path, scope, _GROUP, summary, what, takes=takes, takes_type=takes_type, answers=answers,
        parameters=parameters, refusals=(400, 406, *refusals), envelope=Envelope.FHIR,
    )  # fmt: skip


def _answer(status: int, what: str, shape: Any) -> Answer:
    return Answer(status=status, what=what, shape=shape, media_types=_TYPE)


_REQUEST = _answer(200, "The request.", shapes.CommunicationRequest)

FHIR = (
    Operation(
        name="fhir_metadata", method="GET", path=f"{terms.PLACE}/metadata", credential=Credential.NONE, scope=None,
        group=_GROUP, summary="What may be asked for by FHIR", what="CapabilityStatement of FHIR R4 (4.0.1).",
        answers=(_answer(200, "The statement.", shapes.CapabilityStatement),), parameters=(_FORMAT,),
        refusals=(400, 406), envelope=Envelope.FHIR,
    ),
    _row(
        "fhir_create_request", "POST", _REQUESTS, _WRITE, "Have somebody informed",
        "As POST /v1/notifications: the resource's id is the notification's. It is answered as it now is.",
        _answer(201, "Accepted; Location leads to it.", shapes.CommunicationRequest),
        _answer(200, "If-None-Exist: it was there.", shapes.CommunicationRequest),
        takes=shapes.CommunicationRequest, parameters=_CREATING, refusals=(*_BODY, 412),
    ),
    _row(
        "fhir_search_requests", "GET", _REQUESTS, _READ, "Find requests",
        "Your own, or everybody's with the scope notifications:read_all; the newest first.",
        _answer(200, "A page.", shapes.Bundle), refusals=(),
        parameters=(
            asked("_id", "An id; alone."),
            asked("identifier", "system|value, or a value without system, exactly."),
            asked("status", "Statuses, with commas."),
            asked("subject", "Patient/ and an id."),
            asked("patient", "The same; the bare id will do."),
            *_PAGING,
        ),
    ),
    _row(
        "fhir_get_request", "GET", _ONE, _READ, "One request", "How it stands, without its data.", _REQUEST,
        refusals=(404,),
    ),
    _row(
        "fhir_revoke_request", "PATCH", _ONE, _WRITE, "Withdraw it",
        "A JSON patch that replaces /status by revoked, and may test before that it is active. Nothing more is sent;"
        " what a provider already has cannot be taken back. Repeating it without the test changes nothing.",
        _REQUEST, takes=list[shapes.JsonPatchStep], takes_type=terms.PATCH_TYPE, refusals=(*_BODY, 404),
    ),
    _row(
        "fhir_search_communications", "GET", _EVENTS, _READ, "What was tried for a request",
        "Every way to the person: attempts, ways that were left out, and paper.",
        _answer(200, "A page.", shapes.Bundle), refusals=(),
        parameters=(
            Parameter(
                name="based-on", place="query", what="CommunicationRequest/ and its id.", schema={"type": "string"},
                required=True,
            ),
            asked("status", "Statuses, with commas."),
            *_PAGING,
        ),
    ),
    _row(
        "fhir_get_communication", "GET", f"{_EVENTS}/{{communication}}", _READ, "One way that was tried",
        "Its id is the request's, a point, and the number of the attempt or the name of the channel.",
        _answer(200, "What became of it.", shapes.Communication), refusals=(404,),
    ),
)  # fmt: skip
