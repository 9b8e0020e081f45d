"""What TurboSMS says of a request: response_code, response_status, response_result.

What belongs here: its codes, of which we use these, and failures in them. What does not: the calls
(``compat_turbosms``). TurboSMS answers everything with HTTP's 200; here, whoever may not come in, a body that cannot be
read and a fault of ours have an HTTP status too, because monitors, proxies and limits go by it.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec
from litestar import Request, Response

from esoz_notify.api.edge import edge
from esoz_notify.api.problems import UNEXPECTED, InsufficientScope, NoToken, RateExceeded, meaning, problem
from esoz_notify.api.reading import JSON_TYPE, BadRequest, TooLarge, WrongType
from esoz_notify.core.errors import InvalidInput, NotifyError
from esoz_notify.engine.access import InvalidToken


class Code(IntEnum):
    """A response code; its name is the response status."""

    OK = 0
    PONG = 1
    REQUIRED_TOKEN = 103
    REQUIRED_AUTH = 105
    REQUIRED_MESSAGE_TEXT = 201
    REQUIRED_MESSAGE_RECIPIENT = 202
    INVALID_REQUEST = 300
    INVALID_TOKEN = 301
    INVALID_MESSAGE_TEXT = 304
    INVALID_PHONE = 305
    NOT_ALLOWED_START_TIME = 403
    NOT_ALLOWED_RECIPIENTS_LIMIT = 405
    NOT_ALLOWED_RECIPIENT_DUPLICATE = 407
    NOT_ALLOWED_MESSAGE_DATA = 411
    NOT_ALLOWED_MESSAGE_TEXT_LENGTH = 413
    NOT_ALLOWED_MESSAGE_ID = 414
    NOT_ALLOWED_MESSAGE_DUPLICATE = 427
    FAILED_PARSE_BODY = 502
    FAILED_SMS_SEND = 503
    FAILED_DUPLICATE_REQUEST = 507
    SUCCESS_MESSAGE_ACCEPTED = 800
    SUCCESS_MESSAGE_PARTIAL_ACCEPTED = 802
    FATAL_ERROR = 999


CODES: Mapping[type[NotifyError], Code] = {
    NoToken: Code.REQUIRED_TOKEN,
    InvalidToken: Code.INVALID_TOKEN,
    InsufficientScope: Code.REQUIRED_AUTH,
    # Nothing was looked at: it may be sent again later.
    RateExceeded: Code.FAILED_SMS_SEND,
    BadRequest: Code.FAILED_PARSE_BODY,
    TooLarge: Code.FAILED_PARSE_BODY,
    WrongType: Code.FAILED_PARSE_BODY,
    InvalidInput: Code.INVALID_REQUEST,
}
"""By error; any other leaves unknown what was done."""


def told(code: Code, result: object = None, detail: str | None = None) -> Response[bytes]:
    """An answer about the whole request. ``detail``: a sentence of ours, which TurboSMS has not."""
    return _answer(code, 200, result, detail, {})


def row(code: Code, message_id: str | None, **more: object) -> dict[str, object]:
    """What is said of one recipient or one message."""
    return {**more, "message_id": message_id, "response_code": code, "response_status": code.name}


def refuse(request: Request[Any, Any, Any], error: NotifyError) -> Response[bytes]:
    """An error of ours in these words. Those that nobody foresaw are answered by ``fail``."""
    code = next((CODES[one] for one in type(error).__mro__ if one in CODES), Code.FATAL_ERROR)
    status = 400 if isinstance(error, InvalidInput) else meaning(error)[0]
    return _answer(code, status, None, error.detail, problem(error, None, edge(request).access.now())[1])


def fail(_: Request[Any, Any, Any], error_id: str) -> Response[bytes]:
    """An error that nobody foresaw; ``error_id``: under which it is in the log."""
    return _answer(Code.FATAL_ERROR, UNEXPECTED[0], None, f"in our log as {error_id}", {})


def _answer(code: Code, status: int, result: object, detail: str | None, headers: Mapping[str, str]) -> Response[bytes]:
    document = {"response_code": code, "response_status": code.name, "response_result": result}
    if detail is not None:
        document["response_detail"] = detail
    return Response(msgspec.json.encode(document), status_code=status, media_type=JSON_TYPE, headers=headers)
