"""ESOZ's envelope of answers and failures: meta, data, urgent, error.invalid[].

What belongs here: that contract's statuses, error types and texts, by the error tree. What does not: its calls
(``esoz``). No phone of a path is repeated in meta.url: answers are logged by those who get them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Request, Response

from esoz_notify.api.edge import Asking, edge, operation_of
from esoz_notify.api.problems import UNEXPECTED, InsufficientScope, RateExceeded, meaning, problem
from esoz_notify.api.reading import JSON_TYPE
from esoz_notify.core.errors import InvalidInput, LimitReached, NotifyError, Problem
from esoz_notify.core.phone import PHONE_RULE, Phone
from esoz_notify.core.verification import Verdict
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.verifications import CheckRefused

TEXT_CALL = "esoz_send_text"
"""The call whose limit has a text of its own."""

TYPES: Mapping[int, str] = {
    400: "request_malformed",
    401: "access_denied",
    403: "forbidden",
    404: "not_found",
    409: "request_conflict",
    413: "request_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "too_many_requests",
    500: "internal_error",
    503: "service_unavailable",
}
"""Error types by status."""

VERDICTS: Mapping[Verdict, str] = {
    Verdict.WRONG: "Invalid verification code",
    Verdict.EXPIRED: "Verification code expired",
    Verdict.TOO_MANY: "Maximum attempts exceed",
}
"""Texts of a check that did not succeed; each is 403."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
_RULES = {"empty": "length", "too_long": "length", "wrong_type": "cast", "control_character": "format"}
_PARAMS = {"format": [PHONE_RULE.pattern], "inclusion": ["SMS"]}


def wrapped(
    request: Asking, data: Mapping[str, Any], status: int = 200, urgent: Mapping[str, Any] | None = None
) -> Response[bytes]:
    """A good answer."""
    document: dict[str, Any] = {"meta": _meta(request, status), "data": data}
    if urgent is not None:
        document["urgent"] = urgent
    return Response(msgspec.json.encode(document), status_code=status, media_type=JSON_TYPE)


def refuse(request: Request[Any, Any, Any], error: NotifyError) -> Response[bytes]:
    """An error of ours in ESOZ's words. Those that nobody foresaw are answered by ``fail``."""
    status = 403 if isinstance(error, CheckRefused) else meaning(error)[0]
    told: dict[str, Any] = {"type": TYPES.get(status, TYPES[400]), "message": _message(request, error)}
    if isinstance(error, InvalidInput):
        told["invalid"] = _invalid(error.problems)
    return _failed(request, status, told, problem(error, None, edge(request).access.now())[1])


def fail(request: Request[Any, Any, Any], error_id: str) -> Response[bytes]:
    """An error that nobody foresaw; ``error_id``: under which it is in the log."""
    status = UNEXPECTED[0]
    return _failed(request, status, {"type": TYPES[status], "message": f"in our log as {error_id}"}, {})


def path_phone(text: str) -> Phone | None:
    """The phone of a path; None for what is none."""
    return Phone(text) if PHONE_RULE.fullmatch(text) else None


def _failed(
    request: Request[Any, Any, Any], status: int, told: Mapping[str, Any], headers: Mapping[str, str]
) -> Response[bytes]:
    document = {"meta": _meta(request, status), "error": told}
    return Response(msgspec.json.encode(document), status_code=status, media_type=JSON_TYPE, headers=headers)


def _meta(request: Request[Any, Any, Any], status: int) -> dict[str, Any]:
    here, operation = edge(request), operation_of(request)
    assert operation is not None, "only calls of the contract have this envelope"
    phone = path_phone(request.path_params.get("phone", ""))
    path = operation.path.replace("{phone}", phone.masked if phone else "-")
    given = request.headers.get("x-request-id", "")
    return {
        "code": status,
        "url": f"{here.public_url or str(request.base_url).rstrip('/')}{path}",
        "type": "object",
        "request_id": given if _REQUEST_ID.fullmatch(given) else str(new_id(here.access.now())),
    }


def _message(request: Request[Any, Any, Any], error: NotifyError) -> str:
    match error:
        case CheckRefused():
            return VERDICTS[error.verdict]
        case InvalidInput():
            return "Validation failed; see invalid for every broken rule"
        case LimitReached():
            operation = operation_of(request)
            if operation is not None and operation.name == TEXT_CALL:
                at = error.next_at.isoformat(timespec="seconds").replace("+00:00", "Z")
                return f"Sending SMS timeout. Try later. Next attempt will be available at {at}"
            return "too many requests"
        case RateExceeded():
            return "too many requests"
        case InsufficientScope():
            return f"The token does not allow this call, which needs the scope {error.scope}"
    return error.detail


def _invalid(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [
        {
            "entry": "$" + one.pointer.replace("/", "."),
            "entry_type": "json_data_property",
            "rules": [
                {
                    "rule": _RULES.get(one.code, one.code),
                    "params": _PARAMS.get(one.code, []),
                    "description": one.detail,
                }
            ],
        }
        for one in problems
    ]
