"""What adapters of providers that take one message in a call share: the round of calls, lives in seconds, HTTP Basic.

What belongs here: what has nothing of a provider in it. What does not: reading what comes back (``http_status``,
``json_reading``).
"""

import base64
from collections.abc import Callable, Sequence

from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply, OutboundMessage, SubmitDialogue
from esoz_notify.channels.json_reading import ask
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Refused, Result


def one_by_one(
    messages: Sequence[OutboundMessage],
    call: Callable[[OutboundMessage, Phone], HttpCall | Refused],
    read: Callable[[OutboundMessage, HttpReply | NoReply], Result],
) -> SubmitDialogue:
    """One call for each message that has a phone. ``call`` makes it, or refuses what could never be sent."""
    results: list[Result] = []
    for message in messages:
        made = Refused(Reason.INVALID_NUMBER, "no phone") if message.phone is None else call(message, message.phone)
        results.append(made if isinstance(made, Refused) else read(message, (yield from ask(made))))
    return tuple(results)


def life_s(validity_s: float, bounds: tuple[int, int]) -> int:
    """A life that a provider takes, in whole seconds, rounded down: no message may live longer than we wait for it."""
    shortest, longest = bounds
    return int(min(max(validity_s, shortest), longest))


def too_long(text: str, length_max: int) -> Refused | None:
    """The refusal of a text of more characters than a provider takes."""
    return Refused(Reason.CONTENT, f"more than {length_max} characters") if len(text) > length_max else None


def basic(user: str, password: str) -> str:
    """The Authorization header of HTTP Basic (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
