"""What an HTTP answer says of a message when its body says nothing: the status alone, or no answer at all.

What belongs here: the reading that HTTP itself gives (RFC 9110), for providers that document no other. What does not:
any provider's body.
"""

from http import HTTPStatus

from esoz_notify.channels.dialogue import HttpReply, NoReply, ReceiptProblem
from esoz_notify.channels.json_reading import retry_after_s
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Refused, Result, TryLater, Unknown

_R = Reason

HTTP_REFUSED: dict[int, Reason] = dict.fromkeys((400, 404, 405, 413, 415, 422), _R.PARAMETERS) | {
    401: _R.NOT_AUTHORISED,
    402: _R.BALANCE,
    403: _R.NOT_AUTHORISED,
}
HTTP_LATER: dict[int, Reason] = {429: _R.THROTTLED, 503: _R.PROVIDER_FAULT}


def by_status(reply: HttpReply | NoReply) -> Result:
    """The result of every message of a call whose answer has no word about any of them."""
    if isinstance(reply, NoReply):
        return Unknown(Reason.NO_ANSWER) if reply.sent else TryLater(Reason.UNREACHABLE)
    detail = f"http {reply.status}"
    if reply.status in HTTP_REFUSED:
        return Refused(HTTP_REFUSED[reply.status], detail)
    if reply.status in HTTP_LATER:
        return TryLater(HTTP_LATER[reply.status], retry_after_s(reply), detail)
    # 500, 502, 504 and whatever nobody documented: the call may have been taken and its answer lost on the way.
    return Unknown(Reason.PROVIDER_FAULT, detail)


def told(reply: HttpReply | NoReply, where: str) -> bytes | ReceiptProblem:
    """The body of an answer to a question after messages, or that there is none. ``where``: what was asked."""
    if isinstance(reply, NoReply):
        return ReceiptProblem(f"{where}: no answer")
    return reply.body if reply.status == HTTPStatus.OK else ReceiptProblem(f"{where}: http {reply.status}")
