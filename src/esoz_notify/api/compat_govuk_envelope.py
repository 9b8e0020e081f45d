"""Failures as GOV.UK Notify tells them: status_code and errors, each with a type and a sentence.

What belongs here: types and sentences, by the error tree. What does not: the calls (``compat_govuk``). No sentence
repeats a value of the request.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response

from esoz_notify.api.edge import edge
from esoz_notify.api.problems import UNEXPECTED, meaning, problem, shown_pointer
from esoz_notify.api.reading import JSON_TYPE
from esoz_notify.core.errors import InvalidInput, NotifyError, Problem

TYPES: Mapping[int, str] = {
    400: "ValidationError",
    401: "AuthError",
    403: "AuthError",
    404: "NoResultFound",
    409: "ConflictError",
    413: "RequestTooLarge",
    415: "UnsupportedMediaType",
    429: "RateLimitError",
    500: "Exception",
    503: "ServiceUnavailable",
}
"""Error types by status; GOV.UK Notify has no 409, 413, 415 and 503 of its own words."""

PLACES: Mapping[str, str] = {
    "/kind": "template_id",
    "/recipient/phone": "phone_number",
    "/data": "personalisation",
    "/query/cursor": "older_than",
    "/query": "",
}
"""What the members that the engine names are called here."""


def refuse(request: Request[Any, Any, Any], error: NotifyError) -> Response[bytes]:
    """An error of ours in these words. Those that nobody foresaw are answered by ``fail``."""
    status = meaning(error)[0]
    sentences = [sentence(one) for one in error.problems] if isinstance(error, InvalidInput) else [error.detail]
    # What was asked for is wrong: there is one status for it here.
    status = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    return _failed(status, sentences, problem(error, None, edge(request).access.now())[1])


def fail(_: Request[Any, Any, Any], error_id: str) -> Response[bytes]:
    """An error that nobody foresaw; ``error_id``: under which it is in the log."""
    return _failed(UNEXPECTED[0], [f"in our log as {error_id}"], {})


def _failed(status: int, sentences: list[str], headers: Mapping[str, str]) -> Response[bytes]:
    errors = [{"error": TYPES.get(status, TYPES[400]), "message": one} for one in sentences]
    document = {"status_code": status, "errors": errors}
    return Response(msgspec.json.encode(document), status_code=status, media_type=JSON_TYPE, headers=headers)


def sentence(one: Problem) -> str:
    """A broken rule with the name that its member has here."""
    pointer = shown_pointer(one.pointer)
    ours = next((prefix for prefix in PLACES if f"{pointer}/".startswith(f"{prefix}/")), "")
    place = f"{PLACES.get(ours, '')}{pointer.removeprefix(ours)}".removeprefix("/")
    return f"{place}: {one.detail}" if place else one.detail
