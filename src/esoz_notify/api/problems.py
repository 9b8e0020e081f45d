"""Errors as problem documents (RFC 9457): one table from the exception tree to statuses.

What belongs here: status, title and members of each error's document. What does not: deciding what is an error.
"""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from esoz_notify.api.reading import BadQuery, BadRequest, NotAcceptable, SeveralFound, TooLarge, WrongType
from esoz_notify.core.errors import (
    Conflict,
    InvalidInput,
    LimitReached,
    NotFound,
    NotifyError,
    Problem,
    RefusedTransition,
    Unavailable,
)
from esoz_notify.core.patient import PRINT_CHOICE
from esoz_notify.core.verification import TOLD, Verdict
from esoz_notify.engine.access import InvalidToken
from esoz_notify.engine.admission import CannotConfirm
from esoz_notify.engine.intake import CannotInform
from esoz_notify.engine.verifications import CheckRefused
from esoz_notify.engine.views import rfc3339

PROBLEM_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:esoz-notify:problem:"
UNAVAILABLE_RETRY_AFTER_S = 1

SHOWN_SEGMENT = re.compile(r"(?!.*[0-9]{7})[A-Za-z_][A-Za-z0-9_]{0,63}|[0-9]{1,4}", re.ASCII)
"""A part of a pointer that is a name or a place, and not what a caller made up."""
_HIDDEN_SEGMENT = "(hidden)"
_BEARER = 'Bearer realm="esoz-notify"'

Headers = dict[str, str]


class InsufficientScope(NotifyError):
    """The token is good, but does not allow this call. ``scope``: what it would need."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"this call needs the scope {scope}; ask for it when getting the token")
        self.scope = scope


class NoToken(NotifyError):
    """No bearer token was shown."""

    code = "token_missing"


class WrongCredential(NotifyError):
    """A provider's callback with another credential than the one agreed."""

    code = "wrong_credential"


class RateExceeded(NotifyError):
    """The caller makes more requests than it may. ``wait_s``: until the next one."""

    code = "rate_limited"

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many requests; wait {wait_s} s")
        self.wait_s = wait_s


class WrongMethod(NotifyError):
    """The path exists, with other methods. ``allow``: which."""

    code = "method_not_allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"this path takes {allow}")
        self.allow = allow


MEANINGS: dict[type[NotifyError], tuple[int, str]] = {
    BadRequest: (400, "The request is not well-formed"),
    BadQuery: (400, "The query is wrong"),
    NoToken: (401, "An access token is needed"),
    InvalidToken: (401, "The access token is not valid"),
    WrongCredential: (401, "The credential is wrong"),
    InsufficientScope: (403, "The access token does not allow this"),
    NotFound: (404, "There is no such thing"),
    WrongMethod: (405, "The path does not take this method"),
    NotAcceptable: (406, "It cannot be made in a type that is accepted"),
    Conflict: (409, "It conflicts with what is there"),
    RefusedTransition: (409, "The status does not allow it"),
    SeveralFound: (412, "More than one is there"),
    TooLarge: (413, "The body is too large"),
    WrongType: (415, "The body is of a type that is not read here"),
    InvalidInput: (422, "The values break rules"),
    CannotInform: (422, "Nobody can be informed"),
    CannotConfirm: (422, "No code can reach this person"),
    CheckRefused: (409, "The code does not confirm it"),
    LimitReached: (429, "Too often"),
    RateExceeded: (429, "Too many requests"),
    Unavailable: (503, "Not now"),
}
"""Status and title by class; a subclass that is not here means what its parent means."""

_BY_CODE = {"idempotency_key_reused": 422, Verdict.WRONG.value: 403}
UNEXPECTED = (500, "Something went wrong here")


def meaning(error: NotifyError) -> tuple[int, str]:
    """Status and title of an error; those that no caller causes are unexpected."""
    status, title = next((MEANINGS[one] for one in type(error).__mro__ if one in MEANINGS), UNEXPECTED)
    return _BY_CODE.get(error.code, status), title


def problem(error: NotifyError, instance: str | None, now: datetime) -> tuple[dict[str, Any], Headers]:
    """The document of an error and the headers that go with it. ``now``: what ``next_at`` is counted from."""
    status, title = meaning(error)
    document: dict[str, Any] = {
        "type": f"{TYPE_PREFIX}{error.code}",
        "title": title,
        "status": status,
        "code": error.code,
        "detail": error.detail,
    }
    if instance is not None:
        document["instance"] = instance
    members, headers = _members(error, now)
    return {**document, **members}, headers


def unexpected(error_id: str) -> dict[str, Any]:
    """The document of an error that nobody foresaw: only the id under which it is in the log."""
    status, title = UNEXPECTED
    return {
        "type": f"{TYPE_PREFIX}internal",
        "title": title,
        "status": status,
        "code": "internal",
        "detail": "it is in our log under this instance; try again, and tell us the instance if it stays",
        "instance": f"urn:uuid:{error_id}",
    }


def _members(error: NotifyError, now: datetime) -> tuple[dict[str, Any], Headers]:
    match error:
        case InvalidInput():
            count = len(error.problems)
            detail = f"{count} {'problem' if count == 1 else 'problems'} found; see invalid"
            return {"detail": detail, "invalid": _invalid(error.problems)}, {}
        case CannotInform():
            return _cannot_inform(error), {}
        case CannotConfirm() | CheckRefused():
            return _of_code(error), {}
        case LimitReached():
            wait_s = max(1, math.ceil((error.next_at - now).total_seconds()))
            return {"next_at": rfc3339(error.next_at)}, {"retry-after": str(wait_s)}
        case RateExceeded():
            return {}, {"retry-after": str(error.wait_s)}
        case Unavailable():
            return {}, {"retry-after": str(UNAVAILABLE_RETRY_AFTER_S)}
        case NoToken():
            return {}, {"www-authenticate": _BEARER}
        case InvalidToken():
            return {}, {"www-authenticate": f'{_BEARER}, error="invalid_token"'}
        case InsufficientScope():
            challenge = f'{_BEARER}, error="insufficient_scope", scope="{error.scope}"'
            return {"scope": error.scope}, {"www-authenticate": challenge}
        case WrongCredential():
            return {}, {"www-authenticate": 'Basic realm="esoz-notify callbacks", charset="UTF-8"'}
        case WrongMethod():
            return {}, {"allow": error.allow}
    return {}, {}


def _invalid(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"pointer": shown_pointer(one.pointer), "code": one.code, "detail": one.detail} for one in problems]


def shown_pointer(pointer: str) -> str:
    """A pointer as it may be shown: a name that a caller made up may itself be a phone or a person's name."""
    segments = pointer.split("/")
    return "/".join([segments[0], *(one if SHOWN_SEGMENT.fullmatch(one) else _HIDDEN_SEGMENT for one in segments[1:])])


def _cannot_inform(error: CannotInform) -> dict[str, Any]:
    why = error.refusal.explanation
    members: dict[str, Any] = {
        "reason": error.code,
        "why": {"uk": why.uk, "en": why.en},
        "print_offered": error.refusal.offers_print,
    }
    if error.refusal.offers_print:
        members["offer"] = {"inform_with": PRINT_CHOICE}
    return members


def _of_code(error: CannotConfirm | CheckRefused) -> dict[str, Any]:
    if isinstance(error, CheckRefused):
        why = TOLD[error.verdict]
        return {"attempts_left": error.attempts_left, "why": {"uk": why.uk, "en": why.en}}
    do, reason = error.do, error.reason
    members: dict[str, Any] = {"advice": {"code": do.code, "uk": do.uk, "en": do.en}}
    if reason is not None:
        members |= {"reason": reason.code, "why": {"uk": reason.uk, "en": reason.en}}
    return members
