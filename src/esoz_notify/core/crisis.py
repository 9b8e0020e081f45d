"""The crisis switch: while messages do not arrive, new notifications go on paper as well, with their codes.

What belongs here: the values, when a switch is in force, whom it covers, who may do what with it, and its sentences.
What does not: keeping it (``store``), learning of it (``engine``), drawing the paper (``render``).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from esoz_notify.core.errors import Conflict, InvalidInput
from esoz_notify.core.explain import Explanation, explain
from esoz_notify.core.fields import Fields, Findings
from esoz_notify.core.kinds import Kind, Lane
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.phone import Phone

CRISIS_LENGTH_MAX_S = 14 * 86_400.0
"""The longest one so far took eleven days; who needs more proposes the next one from the end of this one."""

CRISIS_AHEAD_MAX_S = 30 * 86_400.0
"""How long before its start a switch may be proposed."""

VALUES_MAX = 30
"""Prefixes, regions or programmes of one switch: the largest operator has seven prefixes, the country 27 regions."""

VALUE_LENGTH_MAX = 100
REASON_LENGTH_MAX = 200

_PREFIX = re.compile(r"\+380[0-9]{2}", re.ASCII)


class Scope(StrEnum):
    """Whom a switch covers, the narrowest first: of several that cover somebody the first is told as the reason."""

    OPERATOR = "operator"
    """Phones by the first digits after the country's code, as they were given out; a ported number keeps its prefix."""
    PROGRAMME = "programme"
    """What the caller said is of this medical programme."""
    REGION = "region"
    """What the caller said is of this region."""
    EVERYTHING = "everything"


class CrisisState(StrEnum):
    """Where a switch is at a time."""

    PROPOSED = "proposed"
    COMING = "coming"
    IN_FORCE = "in_force"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """Its end came before anybody confirmed it."""


OVER = frozenset({CrisisState.ENDED, CrisisState.WITHDRAWN, CrisisState.LAPSED})
"""States that nothing leaves."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who did it (a person or a client, by id), and when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What somebody wants switched on. ``values`` are of the scope, as they were written; of everything there are none.

    From ``starts_at`` up to but not including ``ends_at``: one may follow another without a gap.
    """

    scope: Scope
    values: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crisis:
    """A proposed switch and what became of it."""

    id: UUID
    proposal: Proposal
    proposed: Signature
    confirmed: Signature | None = None
    withdrawn: Signature | None = None
    withdrawn_why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """What is known of a notification. None: not known, so no switch of that scope covers it."""

    kind: Kind
    phone: Phone | None = field(default=None, repr=False)
    region: str | None = None
    programme: str | None = None


# --- time -------------------------------------------------------------------------------------------------------------


def state_of(crisis: Crisis, now: datetime) -> CrisisState:
    """Where a switch is at ``now``. Nothing is in force unconfirmed, before its start, at its end, or withdrawn."""
    if crisis.withdrawn is not None and now >= crisis.withdrawn.at:
        return CrisisState.WITHDRAWN
    is_past = now >= crisis.proposal.ends_at
    if crisis.confirmed is None:
        return CrisisState.LAPSED if is_past else CrisisState.PROPOSED
    if is_past:
        return CrisisState.ENDED
    begins_at = max(crisis.proposal.starts_at, crisis.confirmed.at)
    return CrisisState.COMING if now < begins_at else CrisisState.IN_FORCE


def in_force(crises: Iterable[Crisis], now: datetime) -> tuple[Crisis, ...]:
    """Those that are in force at ``now``, in the given order."""
    return tuple(one for one in crises if state_of(one, now) is CrisisState.IN_FORCE)


# --- whom it covers ---------------------------------------------------------------------------------------------------


def goes_on_paper(kind: Kind) -> bool:
    """Whether a crisis puts a kind on paper.

    Not a code that confirms something: on the doctor's paper it would prove nothing of the patient's will. Not a text
    that another component made: it has no page.
    """
    return kind.lane is not Lane.CODES and not kind.internal


def covering(crises: Iterable[Crisis], affected: Affected, now: datetime) -> tuple[Crisis, ...]:
    """The switches in force that cover a notification, the narrowest scope first, then the first proposed."""
    if not goes_on_paper(affected.kind):
        return ()
    found = [one for one in in_force(crises, now) if _covers(one.proposal, affected)]
    order = list(Scope)
    return tuple(sorted(found, key=lambda one: (order.index(one.proposal.scope), one.id)))


def _covers(proposal: Proposal, affected: Affected) -> bool:
    if proposal.scope is Scope.EVERYTHING:
        return True
    if proposal.scope is Scope.OPERATOR:
        return affected.phone is not None and affected.phone.e164.startswith(proposal.values)
    said = affected.region if proposal.scope is Scope.REGION else affected.programme
    return said is not None and folded(said) in _folded(proposal.values)


def folded(value: str) -> str:
    """A region or programme as two spellings of it compare: case, composition and runs of spaces do not count."""
    return " ".join(unicodedata.normalize("NFC", value).casefold().split())


def _folded(values: Iterable[str]) -> frozenset[str]:
    return frozenset(map(folded, values))


# --- who may do what --------------------------------------------------------------------------------------------------


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


_MEMBERS = ("scope", "values", "starts_at", "ends_at", "reason")


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
        elif folded(value) in _folded(values):
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


def check_overlap(proposal: Proposal, crises: Iterable[Crisis], now: datetime) -> None:
    """Refuse a second switch for the same at the same time; another scope may overlap. Raises Conflict."""
    for one in crises:
        other = one.proposal
        at_once = proposal.starts_at < other.ends_at and other.starts_at < proposal.ends_at
        if at_once and state_of(one, now) not in OVER and _same_people(proposal, other):
            raise Conflict(
                f"{one.id} already covers some of it at that time: confirm or withdraw that one,"
                " or start this one when that one ends",
                code="crisis_overlaps",
            )


def _same_people(one: Proposal, other: Proposal) -> bool:
    if one.scope is not other.scope:
        return False
    return one.scope is Scope.EVERYTHING or not _folded(one.values).isdisjoint(_folded(other.values))


def confirm(crisis: Crisis, who: str, now: datetime) -> Crisis:
    """The switch confirmed by ``who``; confirmed already it stays as it is. Raises Conflict."""
    if folded(who) == folded(crisis.proposed.by):
        raise Conflict("must be confirmed by somebody else than who proposed it", code="needs_another_person")
    if state_of(crisis, now) in OVER:
        raise Conflict("it is over and cannot be confirmed; propose another", code="crisis_over")
    return crisis if crisis.confirmed is not None else replace(crisis, confirmed=Signature(who, now))


def withdraw(crisis: Crisis, who: str, why: str, now: datetime) -> Crisis:
    """The switch taken back; one person may. Withdrawn already it stays as it is. Raises Conflict when it is over."""
    if crisis.withdrawn is not None:
        return crisis
    if state_of(crisis, now) in OVER:
        raise Conflict("it is over already; nothing is left to withdraw", code="crisis_over")
    return replace(crisis, withdrawn=Signature(who, now), withdrawn_why=why)


# --- sentences --------------------------------------------------------------------------------------------------------


def why_on_paper(crisis: Crisis) -> Explanation:
    """Why a notification that this switch covers is printed, with its code."""
    return explain(f"crisis_{crisis.proposal.scope}")


_WHOM_UK: Mapping[Scope, str] = {
    Scope.OPERATOR: "номерів {values}",
    Scope.PROGRAMME: "програм: {values}",
    Scope.REGION: "регіонів: {values}",
    Scope.EVERYTHING: "усіх пацієнтів",
}
_WHOM_EN: Mapping[Scope, str] = {
    Scope.OPERATOR: "numbers {values}",
    Scope.PROGRAMME: "programmes: {values}",
    Scope.REGION: "regions: {values}",
    Scope.EVERYTHING: "all patients",
}


def banner(crises: Sequence[Crisis]) -> Explanation | None:
    """The sentence for wherever people look while these are in force; None when there are none. Nobody's own words."""
    if not crises:
        return None
    uk = "; ".join(f"{_whom(_WHOM_UK, one)} до {_kyiv(one.proposal.ends_at)}" for one in crises)
    en = "; ".join(f"{_whom(_WHOM_EN, one)} until {_kyiv(one.proposal.ends_at)}" for one in crises)
    return Explanation(
        "crisis",
        f"Crisis mode: messages may not arrive. Print the summary, it has the code. For {en} (Kyiv time).",
        f"Кризовий режим: повідомлення можуть не доходити. Друкуйте довідку, код на ній. Для {uk} (за Києвом).",
    )


def _whom(words: Mapping[Scope, str], crisis: Crisis) -> str:
    return words[crisis.proposal.scope].format(values=", ".join(crisis.proposal.values))


def _kyiv(at: datetime) -> str:
    return f"{at.astimezone(KYIV):%d.%m.%Y %H:%M}"
