"""What a caller of Infobip's ``/viber/2/reports`` and ``/viber/2/logs`` asked for, and which messages answer it. Pure.

Source: Infobip OpenAPI 3.210.0: 50 entries unless told, 1000 at most, 48 hours back, ids repeated or between commas.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from multidict import MultiMapping

from esoz_notify.lab.viber_messages import ViberMessage, general_status

ENTRIES_MAX = 1000
_ENTRIES = 50
_AGE_S = 48 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A checked query."""

    limit: int
    message_ids: frozenset[str]
    bulk_ids: frozenset[str]
    sender: str | None
    destination: str | None
    general_status: str | None


def parse_lookup(query: MultiMapping[str]) -> Lookup | None:
    """The query's meaning; None when its limit breaks the rule."""
    limit = query.get("limit", str(_ENTRIES))
    if not limit.isdecimal() or not 1 <= int(limit) <= ENTRIES_MAX:
        return None
    return Lookup(
        limit=int(limit),
        message_ids=_listed(query, "messageId"),
        bulk_ids=_listed(query, "bulkId"),
        sender=query.get("sender"),
        destination=query.get("destination"),
        general_status=query.get("generalStatus"),
    )


def _listed(query: MultiMapping[str], name: str) -> frozenset[str]:
    return frozenset(value for text in query.getall(name, []) for value in text.split(",") if value)


def reports(ready: Mapping[str, dict[str, object]], lookup: Lookup) -> list[str]:
    """Ids of the reports to hand out, the oldest first."""
    found = (
        message_id
        for message_id, body in ready.items()
        if (not lookup.message_ids or message_id in lookup.message_ids)
        and (not lookup.bulk_ids or body["bulkId"] in lookup.bulk_ids)
    )
    return list(islice(found, lookup.limit))


def logs(messages: dict[str, ViberMessage], lookup: Lookup, at: float) -> list[ViberMessage]:
    """The messages to show, the latest first."""
    return list(islice(_logged(messages, lookup, at - _AGE_S), lookup.limit))


def _logged(messages: dict[str, ViberMessage], lookup: Lookup, since: float) -> Iterator[ViberMessage]:
    if lookup.message_ids:
        some = [messages[message_id] for message_id in lookup.message_ids if message_id in messages]
    else:
        some = list(reversed(messages.values()))
    for message in some:
        wanted = (
            (lookup.sender, message.sender),
            (lookup.destination, message.to),
            (lookup.general_status, general_status(message)),
        )
        same = all(asked is None or asked == has for asked, has in wanted)
        if same and message.sent_at >= since and (not lookup.bulk_ids or message.bulk_id in lookup.bulk_ids):
            yield message
