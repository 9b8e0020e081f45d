"""Server-sent events as the client's callers see them (WHATWG HTML, Server-sent events).

What belongs here: reading frames. What does not: connecting, and connecting again (``calls``).
"""

import json
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass, field
from typing import Any, cast

from esoz_notify.client.shapes import ChannelName, StatusName


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of a notification's history. ``name``: the fact, or ``end``; ``data``: the fact with its reasons."""

    name: str
    seq: int | None
    data: dict[str, Any] = field(repr=False)

    @property
    def status(self) -> StatusName:
        """The notification's status after it."""
        return cast("StatusName", self.data["status"])

    @property
    def delivered_by(self) -> ChannelName | None:
        """The channel by which it is known to have arrived; ``end`` does not tell it."""
        return cast("ChannelName | None", self.data.get("delivered_by"))


async def events_of(lines: AsyncIterable[bytes]) -> AsyncGenerator[Event, None]:
    """The events of a stream, as they come."""
    fields: dict[str, str] = {}
    async for raw in lines:
        name, colon, value = raw.decode().rstrip("\r\n").partition(":")
        if name and colon:
            fields[name] = value.removeprefix(" ")
        elif not name and not colon and "data" in fields:
            number = fields.get("id")
            yield Event(
                name=fields.get("event", "message"),
                seq=int(number) if number else None,
                data=json.loads(fields["data"]),
            )
            fields = {}
