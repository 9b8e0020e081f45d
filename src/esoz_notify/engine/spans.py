"""Spans of a notification's way, from its caller's ``traceparent`` to a receipt days later, in whatever process.

What belongs here: the values, their ids, and which trace is kept. What does not: sending them away (``tracing``).

Nothing is carried along: the ids of our spans follow from the notification's own id, so that the process which takes
in a receipt next week names the span that another process began today.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from esoz_notify.core.errors import ConfigError

ATTRIBUTES = (
    "esoz_notify.notification_id", "esoz_notify.kind", "esoz_notify.lane", "esoz_notify.channel",
    "esoz_notify.provider", "esoz_notify.attempt", "esoz_notify.outcome", "esoz_notify.reason", "esoz_notify.status",
)  # fmt: skip
"""All that a span may say: ids and words of closed lists, nothing about a person."""

_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a caller's trace goes on. ``id`` and ``parent``: as the header has them."""

    id: int
    parent: int

    @property
    def text(self) -> str:
        """Its id as people and exemplars write it."""
        return f"{self.id:032x}"


def kept(traceparent: str | None) -> Trace | None:
    """The trace of a header, if its caller keeps it: what is not sampled there is not told here."""
    if traceparent is None:
        return None
    _, trace_id, parent, flags = traceparent.split("-")[:4]
    return Trace(int(trace_id, 16), int(parent, 16)) if int(flags, 16) & _SAMPLED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One thing that was done. ``parent``: of the span it is part of; ``link``: of another that it goes on from.

    ``away``: a call of somebody else's service; ``failed``: it did not go well.
    """

    trace: Trace
    id: int
    parent: int
    name: str
    begun_at: datetime
    ended_at: datetime
    says: Mapping[str, str | int] = field(default_factory=dict)
    link: int | None = None
    away: bool = False
    failed: bool = False


class Tells(Protocol):
    """Where spans go."""

    def tell(self, spans: Sequence[Span]) -> None:
        """Take them; must not block."""


@asynccontextmanager
async def spans_told(endpoint: str) -> AsyncIterator[Tells | None]:
    """Where spans go while the context lasts; None when there is no ``endpoint``, and then no library is loaded.

    Raises ConfigError when the extra that sends them is not installed.
    """
    if not endpoint:
        yield None
        return
    try:
        from esoz_notify.engine.tracing import Tracing
    except ImportError as error:
        raise ConfigError("ESOZ_NOTIFY_TRACES_URL needs the extra traces: install esoz-notify[traces]") from error
    tracing = Tracing(endpoint)
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close)


def span_id(notification_id: UUID, *what: str | int) -> int:
    """The id of a span of a notification, the same in every process; never 0, which is no id."""
    text = ":".join(map(str, (notification_id, *what)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) or 1


def named(**words: str | int | None) -> dict[str, str | int]:
    """Attributes by their full names; None and nothing are left out."""
    return {f"esoz_notify.{name}": word for name, word in words.items() if word is not None and word != ""}
