"""Reads what somebody proposes to switch on in a crisis, and refuses what breaks a rule, all of it at once.

What belongs here: the members of a proposal and their bounds. What does not: what a switch then does (``crisis``).
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from esoz_notify.core.crisis import Proposal, Scope, folded
from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.fields import Fields, Findings

CRISIS_LENGTH_MAX_S = 14 * 86_400.0
"""The longest one so far took eleven days; who needs more proposes the next one from the end of this one."""

CRISIS_AHEAD_MAX_S = 30 * 86_400.0
"""How long before its start a switch may be proposed."""

VALUES_MAX = 30
"""Prefixes, regions or programmes of one switch: the largest operator has seven prefixes, the country 27 regions."""

VALUE_LENGTH_MAX = 100
REASON_LENGTH_MAX = 200

_MEMBERS = ("scope", "values", "starts_at", "ends_at", "reason")
_PREFIX = re.compile(r"\+380[0-9]{2}", re.ASCII)


def read_proposal(document: Mapping[str, object], now: datetime) -> Proposal:
    """Read what somebody proposes: ``scope``, ``values``, ``starts_at`` (now when left out), ``ends_at``, ``reason``.

    Raises:
        InvalidInput: with every broken rule.

    """
    findings = Findings()
    fields = Fields(document, "", findings)
    scope = _read_scope(fields)
    values = _read_values(fields, scope)
    starts_at = _shown(fields.moment("starts_at") or now)
    end = fields.moment("ends_at", day_end=True)
    ends_at = _shown(end) if end is not None else None
    _check_period(fields, starts_at, ends_at, _shown(now))
    name, given = fields.text("reason")
    reason = fields.plain(name, given, REASON_LENGTH_MAX) if given is not None else None
    if reason is None and not fields.has_problem(name):
        fields.problem(name, "required", "say in a few words what has failed; it is shown and kept for good")
    for other in fields.left():
        fields.problem(other, "unknown_field", f"is not a member of a proposal, which has: {', '.join(_MEMBERS)}")
    if findings.problems or scope is None or ends_at is None or reason is None:
        raise InvalidInput(findings.problems)
    return Proposal(scope=scope, values=values, starts_at=starts_at, ends_at=ends_at, reason=reason)


def _shown(at: datetime) -> datetime:
    """To the millisecond, as it is shown: whoever starts the next one at the end that was told leaves no gap."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _read_scope(fields: Fields) -> Scope | None:
    _, given = fields.find("scope")
    if isinstance(given, str) and given in list(Scope):
        return Scope(given)
    code = "required" if given is None else "unknown_scope"
    fields.problem("scope", code, f"must be one of: {', '.join(Scope)}")
    return None


def _read_values(fields: Fields, scope: Scope | None) -> tuple[str, ...]:
    name, given = fields.items("values", count_max=VALUES_MAX)
    if scope is Scope.EVERYTHING and given:
        fields.problem(name, "not_here", "must be left out when the scope is everything; choose a narrower scope or do")
    elif scope is not None and scope is not Scope.EVERYTHING and not given and not fields.has_problem(name):
        fields.problem(name, "required", f"must name at least one {scope}")
    values: list[str] = []
    for place, value in enumerate(given or ()):
        at = f"{name}/{place}"
        if not isinstance(value, str):
            fields.findings.add(f"/{at}", "wrong_type", "must be a JSON string")
        elif scope is Scope.OPERATOR and not _PREFIX.fullmatch(value):
            rule = "must be +380 and the operator's two digits, such as +38067; give every prefix of the operator"
            fields.findings.add(f"/{at}", "format", rule)
        elif not value.strip() or len(value) > VALUE_LENGTH_MAX or not value.isprintable():
            fields.findings.add(f"/{at}", "format", f"must be 1 to {VALUE_LENGTH_MAX} printable characters")
        elif folded(value) in map(folded, values):
            fields.findings.add(f"/{at}", "given_twice", "is named already; leave it out")
        else:
            values.append(value.strip())
    return tuple(values)


def _check_period(fields: Fields, starts_at: datetime, ends_at: datetime | None, now: datetime) -> None:
    if starts_at < now:
        fields.problem("starts_at", "past", "must not be in the past; leave it out to start with the confirmation")
    if starts_at - now > timedelta(seconds=CRISIS_AHEAD_MAX_S):
        days = CRISIS_AHEAD_MAX_S / 86_400
        fields.problem("starts_at", "too_far", f"must be within {days:.0f} days; propose it nearer to the time")
    if ends_at is None:
        if not fields.has_problem("ends_at"):
            fields.problem("ends_at", "required", "say when it ends by itself, as RFC 3339 time or as a day")
    elif ends_at <= starts_at:
        fields.problem("ends_at", "before_start", "must be after the start")
    elif ends_at - starts_at > timedelta(seconds=CRISIS_LENGTH_MAX_S):
        days = CRISIS_LENGTH_MAX_S / 86_400
        rule = f"must be within {days:.0f} days of the start; the next one may follow it"
        fields.problem("ends_at", "too_long", rule)
