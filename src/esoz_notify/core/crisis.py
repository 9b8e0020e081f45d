"""The crisis switch: while messages do not arrive, new notifications go on paper as well, with their codes.

What belongs here: the values, when a switch is in force, whom it covers, who may do what with it, and its sentences.
What does not: reading a proposal (``crisis_proposal``), keeping it (``store``), learning of it (``engine``).
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from esoz_notify.core.errors import Conflict
from esoz_notify.core.explain import Explanation, explain
from esoz_notify.core.kinds import Kind, Lane
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.phone import Phone


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
