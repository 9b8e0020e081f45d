"""What a call of the client comes to when it is refused or nobody answers.

What belongs here: the exceptions and how an answer is read as one. What does not: repeating calls (``calls``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from esoz_notify.client.shapes import Invalid, Notification, Problem
from esoz_notify.core.errors import NotifyError


class NotifyProblem(NotifyError):
    """The service refused. ``document``: its problem document (RFC 9457); ``status`` 0: it could not be reached.

    ``code`` is stable; go by it, and show ``detail`` to people only.
    """

    def __init__(self, document: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        self.document = cast("Problem", {"type": "about:blank", **document})
        self.status = int(document.get("status", 0))
        self.retry_after_s = retry_after_s
        super().__init__(str(document.get("detail") or document.get("title")), code=str(document.get("code")))

    @property
    def invalid(self) -> list[Invalid]:
        """Every broken rule: where, which, and the fix."""
        return self.document.get("invalid", [])


class NotOver(NotifyError):
    """The notification was not over within the time that the caller would wait. ``view``: as it was seen last."""

    code = "not_over"

    def __init__(self, view: Notification) -> None:
        super().__init__("the notification is not over yet; wait longer, or ask again later")
        self.view = view


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body; raises ValueError when it is no JSON."""
        return json.loads(self.body)


def problem_of(reply: Reply) -> NotifyProblem:
    """A refusal as an exception, also one that is not from the service itself."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        # Not our service: a proxy on the way.
        document = {"code": "unexpected_answer", "title": f"status {reply.status}, and what came is not the service's"}
    if "error" in document:  # OAuth's own shape, RFC 6749 §5.2
        document = {"code": document["error"], "title": document["error"], "detail": document.get("error_description")}
    after = reply.headers.get("Retry-After", "")
    return NotifyProblem({"status": reply.status, **document}, float(after) if after.isdigit() else None)


def unreachable(error: Exception) -> NotifyProblem:
    """That no answer came."""
    said = f"the service did not answer ({type(error).__name__})"
    return NotifyProblem({"code": "unreachable", "status": 0, "title": "No answer", "detail": said})
