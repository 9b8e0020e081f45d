"""The shapes of the crisis switch's bodies and answers.

What does not belong here: the list of calls (``contract``), what a notification says of it (``shapes``).
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from esoz_notify.api.shapes import BothLanguages, Exact, Id, KindName, Moment, Place, StatusName, one_of
from esoz_notify.core.crisis import CrisisState, Scope
from esoz_notify.core.crisis_proposal import REASON_LENGTH_MAX, VALUES_MAX

ScopeName = Annotated[str, one_of(*Scope)]


class CrisisProposal(Exact):
    """What should go on paper besides its messages, from when and until when."""

    scope: ScopeName
    ends_at: Annotated[Moment, Meta(description="it ends by itself; within 14 days of the start")]
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_LENGTH_MAX, description="shown and kept for good")]
    values: Annotated[
        Annotated[list[Place], Meta(max_length=VALUES_MAX)] | UnsetType | None,
        Meta(description="prefixes such as +38067, regions or programmes; none for everything"),
    ] = UNSET
    starts_at: Annotated[
        Moment | UnsetType | None, Meta(description="at the confirmation when left out; within 30 days")
    ] = UNSET


class Crisis(Exact):
    """A switch and who did what with it: client ids or people."""

    id: Id
    state: Annotated[str, one_of(*CrisisState)]
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


class CrisisOverview(Exact):
    """Every switch whose end is to come, and the last hundred that are over. ``banner``: what people should be told."""

    banner: BothLanguages | None
    in_force: list[Crisis]
    coming: list[Crisis]
    proposed: Annotated[list[Crisis], Meta(description="waiting for somebody else's confirmation")]
    past: list[Crisis]


class IssuedCount(Exact):
    """How many of a kind have a status now, and of how many of them the summary was printed."""

    kind: KindName
    status: StatusName
    count: int
    printed: int


class CrisisReport(Exact):
    """What was issued under a switch, as it is at ``at``."""

    crisis: Crisis
    at: Moment
    issued: int
    printed: Annotated[int, Meta(description="whose summary was fetched for print, once or more often")]
    by_kind_and_status: list[IssuedCount]
