"""Bodies of calls about webhooks, and which addresses a webhook may have.

What belongs here: reading and refusing. What does not: what is then done (``webhooks``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from uuid import UUID

from yarl import URL

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.core.webhooks import CHOOSABLE
from esoz_notify.engine.outgoing import CHOSEN_BY_CALLERS, Bounds, RefusedAddress, check_url

KEEP_OLD_HOURS = 24
"""How long the secret before signs too after a rotation unless it is said otherwise."""

KEEP_OLD_HOURS_MAX = 24 * 7
URL_LENGTH_MAX = 2000
_LOOPBACK_NETWORKS = (IPv4Network("127.0.0.0/8"), IPv6Network("::1"))
LOOPBACK = Bounds(schemes=frozenset({"http", "https"}), ports=frozenset(range(1, 65_536)), networks=_LOOPBACK_NETWORKS)
"""For receivers on this very machine, while somebody develops one."""


# --- addresses --------------------------------------------------------------------------------------------------------


def shown(url: str) -> str:
    """An address as it may be shown: without its query, which may hold a secret."""
    return str(URL(url).with_query(None).with_fragment(None))


def is_loopback(url: URL) -> bool:
    """Whether an address says by itself that it is on this very machine."""
    try:
        return url.host == "localhost" or ip_address(url.host or "").is_loopback
    except ValueError:
        return False


def _check_address(url: str, *, loopback: bool) -> str | None:
    """What is wrong with the address of a receiver, and the fix; None when nothing is."""
    if len(url) > URL_LENGTH_MAX:
        return f"must be at most {URL_LENGTH_MAX} characters"
    try:
        check_url(url, LOOPBACK if loopback and is_loopback(URL(url)) else CHOSEN_BY_CALLERS)
    except ValueError:
        return "must be a URL, such as https://mis.example/webhooks"
    except RefusedAddress as refused:
        return f"is not an address that we may call: {refused}; give an https:// address on the internet"
    return None


# --- bodies -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a webhook is to be; None is as it is."""

    url: str | None
    events: tuple[str, ...] | None
    enabled: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is to be told again. ``delivered``: also what was taken. ``cursor``: where the call before ended."""

    since: datetime
    until: datetime | None
    delivered: bool
    cursor: UUID | None


def read_webhook(document: Mapping[str, object], *, required: bool, loopback: bool) -> Wanted:
    """The body that makes or changes a webhook. Raises InvalidInput with every problem."""
    findings = Findings()
    fields = Fields(document, "", findings)
    name, url = fields.text("url")
    if url is None and required and not findings.problems:
        fields.problem(name, "required", "give the https:// address that is to be told")
    elif url is not None and (wrong := _check_address(url, loopback=loopback)) is not None:
        fields.problem(name, "address", wrong)
    events = _read_events(fields)
    enabled = None if required else fields.flag("enabled")
    _done(fields, findings, ("url", "events") if required else ("url", "events", "enabled"))
    return Wanted(url=url, events=events, enabled=enabled)


def _read_events(fields: Fields) -> tuple[str, ...] | None:
    name, value = fields.find("events")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) and one in set(CHOOSABLE) for one in value):
        fields.problem(name, "unknown_event", f"must be a list of any of: {', '.join(CHOOSABLE)}; none of them is all")
        return None
    return tuple(one.value for one in CHOOSABLE if one in value)


def read_hours(document: Mapping[str, object]) -> float:
    """The body of a rotation: for how long the secret before signs too. Raises InvalidInput."""
    findings = Findings()
    fields = Fields(document, "", findings)
    name, value = fields.find("keep_old_hours")
    hours = KEEP_OLD_HOURS if value is None else value
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours <= KEEP_OLD_HOURS_MAX:
        fields.problem(name, "range", f"must be a number of hours, 0 to {KEEP_OLD_HOURS_MAX}")
        hours = 0
    _done(fields, findings, ("keep_old_hours",))
    return hours


def read_span(document: Mapping[str, object]) -> Span:
    """The body of a replay. Raises InvalidInput with every problem."""
    findings = Findings()
    fields = Fields(document, "", findings)
    since, until = fields.moment("since"), fields.moment("until")
    if since is None and not fields.has_problem("since"):
        fields.problem("since", "required", "give the time from which on events are told again")
    if since is not None and until is not None and until <= since:
        fields.problem("until", "range", "must be after since")
    delivered = fields.flag("delivered")
    name, text = fields.text("cursor")
    try:
        cursor = UUID(text) if text is not None else None
    except ValueError:
        cursor = None
        fields.problem(name, "format", "must be the next_cursor of the call before, or left out")
    _done(fields, findings, ("since", "until", "delivered", "cursor"))
    assert since is not None, "a problem was found otherwise"
    return Span(since=since, until=until, delivered=bool(delivered), cursor=cursor)


def _done(fields: Fields, findings: Findings, known: Sequence[str]) -> None:
    for other in fields.left():
        fields.problem(
            other, "unknown_field", f"is not a member of this body, which has: {', '.join(known)}; remove it"
        )
    if findings.problems:
        raise InvalidInput(findings.problems)
