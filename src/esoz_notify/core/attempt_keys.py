"""Our own reference of an attempt, by which providers know a repeat: how it is written and read.

What does not belong here: what providers make of it (channels).
"""

import re
from uuid import UUID

_KEY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,4})", re.ASCII)


def attempt_key(notification_id: UUID, no: int) -> str:
    """The key of an attempt, the same whenever it is computed: the provider's idempotency key."""
    return f"{notification_id}.{no}"


def read_attempt_key(key: str) -> tuple[UUID, int] | None:
    """The attempt that a key names; None when it is not a key of ours."""
    match = _KEY.fullmatch(key)
    return (UUID(match[1]), int(match[2])) if match else None
