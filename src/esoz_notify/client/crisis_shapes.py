"""Crisis switches: types of bodies and answers, for callers of the client.

Written by scripts/generate_docs.py from ``esoz_notify.api.crisis_shapes``: change that and run it again.
"""

from typing import Literal, TypedDict

from esoz_notify.client.shapes import BothLanguages, KindName, Moment, StatusName

ScopeName = Literal["operator", "programme", "region", "everything"]


class Crisis(TypedDict):
    """A switch and who did what with it: client ids or people."""

    id: str
    state: Literal["proposed", "coming", "in_force", "ended", "withdrawn", "lapsed"]
    scope: ScopeName
    values: list[str]
    starts_at: Moment
    ends_at: Moment
    reason: str
    proposed_by: str
    proposed_at: Moment
    confirmed_by: str | None
    confirmed_at: Moment | None
    withdrawn_by: str | None
    withdrawn_at: Moment | None
    withdrawn_why: str | None


class CrisisOverview(TypedDict):
    """Every switch whose end is to come, and the last hundred that are over. ``banner``: what people should be told."""

    banner: BothLanguages | None
    in_force: list[Crisis]
    coming: list[Crisis]
    proposed: list[Crisis]
    """Waiting for somebody else's confirmation."""
    past: list[Crisis]


class IssuedCount(TypedDict):
    """How many of a kind have a status now, and of how many of them the summary was printed."""

    kind: KindName
    status: StatusName
    count: int
    printed: int


class CrisisReport(TypedDict):
    """What was issued under a switch, as it is at ``at``."""

    crisis: Crisis
    at: Moment
    issued: int
    printed: int
    """Whose summary was fetched for print, once or more often."""
    by_kind_and_status: list[IssuedCount]
