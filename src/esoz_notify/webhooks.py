"""For receivers of webhooks: whether an event is from the service, and what it says.

What belongs here: the check that every receiver makes. What does not: managing webhooks (``webhook_client``).
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from esoz_notify.core.errors import NotifyError
from esoz_notify.core.webhooks import secret_key, signature

if TYPE_CHECKING:  # a receiver needs none of what the client needs
    from esoz_notify.client.webhooks_shapes import CloudEvent

TOLERANCE_S = 300.0
"""How far the time of an event's sending may be from the receiver's, either way."""

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class NotGenuine(NotifyError):
    """It is not from the service, or was sent too long ago: answer 400 and do nothing. Names no secret."""

    code = "not_genuine"


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    now_s: float,
    tolerance_s: float = TOLERANCE_S,
) -> "CloudEvent":
    """Check an event and give it as it was sent: a CloudEvent, its notification under ``data``.

    ``headers`` by whatever case; ``body`` byte for byte as it came; ``secrets``: all that are good now, while one is
    being rotated; ``now_s``: Unix seconds, as ``time.time()`` gives them. Raises NotGenuine, and ValueError for a
    secret that is none. What was seen before, by its ``id``, may be answered 200 and left alone: it was sent again.
    """
    keys = [secret_key(one) for one in ([secrets] if isinstance(secrets, str) else secrets)]
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not given.get(name)]
    if missing:
        raise NotGenuine(f"the header {missing[0]} is missing")
    at, message_id = given["webhook-timestamp"], given["webhook-id"]
    if not _SECONDS.fullmatch(at):
        raise NotGenuine("webhook-timestamp must be Unix seconds")
    shown = [one.encode() for one in given["webhook-signature"].split()]
    wanted = [signature(key, message_id, int(at), body).encode() for key in keys]
    # All are compared, whichever fits: the time taken must not tell which one it was.
    if not sum(hmac.compare_digest(one, other) for one in shown for other in wanted):
        raise NotGenuine("no signature is of a secret that is good now")
    if abs(now_s - int(at)) > tolerance_s:
        raise NotGenuine("it was sent too long ago, or a clock is wrong")
    try:
        event = json.loads(body)
    except ValueError:
        raise NotGenuine("the body is not JSON") from None
    if not isinstance(event, dict):
        raise NotGenuine("the body is not a JSON object")
    return cast("CloudEvent", event)
