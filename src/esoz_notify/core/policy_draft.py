"""Policies that people prepare in the ledger: a draft by one person, published by another, in force from a later day.

What belongs here: the values, where a draft is at a time, who may do what with it, and what it changes. What does not:
reading what somebody typed (``policy_proposal``), keeping it (``store``), learning of it (``engine``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.crisis import Signature, folded
from esoz_notify.core.errors import Conflict
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.kyiv import kyiv_date
from esoz_notify.core.policy import NoPolicyInForce, Policies, Policy

KNOWN_AFTER_S = 60.0
"""Within this every process has long learnt of what was published or taken back: nothing changes nearer to its day."""


class DraftState(StrEnum):
    """Where a draft is at a time."""

    DRAFT = "draft"
    COMING = "coming"
    IN_FORCE = "in_force"
    PAST = "past"
    """Another policy has begun since."""
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """Its day came before anybody published it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A policy that somebody prepared, why, and what became of it."""

    id: UUID
    policy: Policy
    reason: str
    proposed: Signature
    published: Signature | None = None
    withdrawn: Signature | None = None
    withdrawn_why: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its day brings it in force: published, and not taken back."""
        return self.published is not None and self.withdrawn is None


def earliest_day(now: datetime) -> date:
    """The first day from which a policy may be published or taken back at ``now``: never one that has begun."""
    return kyiv_date(now + timedelta(seconds=KNOWN_AFTER_S)) + timedelta(days=1)


def published(drafts: Iterable[Draft]) -> tuple[Policy, ...]:
    """The policies that count, those published first first."""
    found = [(one.published.at, one.policy) for one in drafts if one.published is not None and one.counts]
    return tuple(policy for _, policy in sorted(found, key=lambda row: row[0]))


def state_of(draft: Draft, policies: Policies, now: datetime) -> DraftState:
    """Where a draft is at ``now``; ``policies`` are all that count."""
    if draft.withdrawn is not None:
        return DraftState.WITHDRAWN
    has_begun = kyiv_date(now) >= draft.policy.from_date
    if draft.published is None:
        return DraftState.LAPSED if has_begun else DraftState.DRAFT
    if not has_begun:
        return DraftState.COMING
    base = base_on(kyiv_date(now), policies)
    return DraftState.IN_FORCE if base is not None and base.version == draft.policy.version else DraftState.PAST


# --- who may do what --------------------------------------------------------------------------------------------------


def publish(draft: Draft, who: str, now: datetime, policies: Policies, *, compared_with: str) -> Draft:
    """The draft published by ``who``; published already it stays as it is. Raises Conflict.

    ``compared_with``: the version of the policy whose difference ``who`` was shown; empty when there was none.
    """
    if folded(who) == folded(draft.proposed.by):
        raise Conflict("must be published by somebody else than who prepared it", code="policy_needs_another_person")
    if draft.withdrawn is not None:
        raise Conflict("it was withdrawn; prepare another", code="policy_withdrawn")
    if draft.published is not None:
        return draft
    _still_ahead(draft, now)
    if is_taken(draft.policy.from_date, policies):
        raise Conflict("another policy begins on that day; withdraw that one first", code="policy_day_taken")
    base = base_of(draft, policies)
    if compared_with != (base.version if base is not None else ""):
        raise Conflict("what is in force on that day has changed since; look again", code="policy_base_changed")
    return replace(draft, published=Signature(who, now))


def withdraw(draft: Draft, who: str, why: str, now: datetime) -> Draft:
    """The draft taken back before its day; one person may. Taken back already it stays as it is. Raises Conflict."""
    if draft.withdrawn is not None:
        return draft
    _still_ahead(draft, now)
    return replace(draft, withdrawn=Signature(who, now), withdrawn_why=why)


def base_on(day: date, policies: Policies) -> Policy | None:
    """What is in force on a day; None before the first policy."""
    try:
        return policies.on(day)
    except NoPolicyInForce:
        return None


def base_of(draft: Draft, policies: Policies) -> Policy | None:
    """What would be in force on the day of a draft without it; None before the first policy."""
    others = [one for one in policies.all if one.version != draft.policy.version]
    return base_on(draft.policy.from_date, Policies(all=tuple(others))) if others else None


def is_taken(day: date, policies: Policies) -> bool:
    """Whether another policy begins on a day."""
    return any(one.from_date == day for one in policies.all)


def _still_ahead(draft: Draft, now: datetime) -> None:
    if draft.policy.from_date < earliest_day(now):
        raise Conflict("its day has begun, or begins within a minute; prepare another", code="policy_day_begun")


# --- what changes -----------------------------------------------------------------------------------------------------


class ChangeKind(StrEnum):
    """What is different in a column."""

    ADDED = "added"
    REMOVED = "removed"
    WINDOW = "window"
    ORDER = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. ``channel``: None of the order. Windows: None at the end of a route, or where it is not."""

    column: PolicyColumn
    kind: ChangeKind
    channel: Channel | None = None
    before_s: float | None = None
    after_s: float | None = None


def changes(before: Policy, after: Policy) -> tuple[Change, ...]:
    """What a policy changes in another, column by column."""
    return tuple(
        change for column in PolicyColumn for change in _changes(column, before.routes[column], after.routes[column])
    )


def _changes(column: PolicyColumn, before: Sequence[Step], after: Sequence[Step]) -> list[Change]:
    old, new = {one.channel: one.window_s for one in before}, {one.channel: one.window_s for one in after}
    found = [
        Change(column=column, kind=ChangeKind.REMOVED, channel=one, before_s=old[one]) for one in old if one not in new
    ]
    found += [
        Change(column=column, kind=ChangeKind.ADDED, channel=one, after_s=new[one]) for one in new if one not in old
    ]
    found += [
        Change(column=column, kind=ChangeKind.WINDOW, channel=one, before_s=old[one], after_s=new[one])
        for one in new
        if one in old and old[one] != new[one]
    ]
    if [one for one in old if one in new] != [one for one in new if one in old]:
        found.append(Change(column=column, kind=ChangeKind.ORDER))
    return found
