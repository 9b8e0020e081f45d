"""A trickle of codes and documents to phones of the lab, as a medical system sends them, while things break.

What belongs here: what is sent and how often. What does not: whether it arrives: that is what alarms are for.
"""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from itertools import count
from urllib.parse import urlsplit
from uuid import uuid4

from esoz_notify.core.errors import NotifyError

GAP_S = 0.15
CODE_LIFE_S = 8
"""Short, so that a code that nobody takes is dead soon."""
PHONES = 20
_LIMIT_S = 5.0
_PAUSE_S = 0.5


class Load:
    """Sends from a thread. ``token``: asks for one."""

    def __init__(self, base_url: str, token: Callable[[], str]) -> None:
        self._where = urlsplit(base_url)
        self._token = token
        self._numbers = count()

    def run(self, stop: threading.Event) -> None:
        """Send until ``stop``; what is refused or not answered is not sent again."""
        bearer = ""
        while not stop.wait(GAP_S):
            try:
                bearer = bearer or self._token()
                if self._send(bearer) == 401:  # noqa: PLR2004 - HTTP's own word for it
                    bearer = ""
            except (NotifyError, OSError, HTTPException):
                stop.wait(_PAUSE_S)

    def _send(self, bearer: str) -> int:
        number = next(self._numbers)
        asked: dict[str, object] = {"recipient": {"phone": f"+3800000000{number % PHONES:02d}"}}
        if number % 2:
            until = datetime.now(UTC) + timedelta(seconds=CODE_LIFE_S)
            asked |= {"kind": "confirmation_code", "data": {"verification_code": "0000"}}
            asked["valid_until"] = until.isoformat()
        else:
            asked |= {"kind": "referral_issued", "data": {"request_number": "0123-4567-89AB-CEIK"}}
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {bearer}",
            "idempotency-key": str(uuid4()),
        }
        connection = HTTPConnection(str(self._where.hostname), self._where.port, timeout=_LIMIT_S)
        try:
            connection.request("POST", "/v1/notifications", json.dumps(asked), headers)
            reply = connection.getresponse()
            reply.read()
            return reply.status
        finally:
            connection.close()
