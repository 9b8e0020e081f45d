"""Finding notifications for people who run the service: by one box, and as lists by filters, page by page.

What belongs here: reading what was typed and chosen, and asking for it in bounded steps. What does not: the SQL
(``store.finding``), words and pages (console), taking a list away as a file (``exporting``).
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.kinds import KINDS, Lane
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.limits import REFERENCE_LENGTH_MAX
from esoz_notify.core.phone import spelled_phone
from esoz_notify.core.status import Status
from esoz_notify.engine.clock import first_id
from esoz_notify.engine.desk import demand_of_the_service, spelled_numbers, spelled_uuid
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import Person
from esoz_notify.store import finding, registry
from esoz_notify.store.finding import Row, Wanted
from esoz_notify.store.vault import Vault

__all__ = ["Row"]

PAGE_MAX = 50
FOUND_MAX = 50
LOOKED_MAX = 10_000
"""So many rows are looked at for one page: some 100 ms on a busy machine, also when none of them is wanted."""
SLOW = timedelta(minutes=1)

FILTERS = ("status", "kind", "channel", "system", "lane", "took", "from", "to")
GROUPS: Mapping[str, tuple[Status, ...]] = {
    "paper": (Status.PRINT_REQUIRED, Status.UNDELIVERED),
    "open": (Status.ACCEPTED, Status.IN_DELIVERY),
}
"""Statuses that are looked for together."""
SLOWER = "minute"
"""The one value of the filter ``took``: under way for longer than SLOW."""

_YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Filters that were read. ``given``: as they were written, those only that say something."""

    given: Mapping[str, str] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows, newest first, and the cursors of the pages beside it; None where there is none.

    ``stopped``: the search did not come to the end of what there is, and goes on at ``older`` (or ``newer``).
    """

    rows: tuple[Row, ...]
    older: UUID | None
    newer: UUID | None
    stopped: bool


class Finder:
    """The use cases. Whoever runs the service sees what every medical system sent, with phones masked."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    async def systems(self) -> dict[str, str]:
        """Names of the medical systems, by their ids."""
        async with self._ledger.reading() as connection:
            return {one.id: one.name for one in await registry.list_clients(connection)}

    async def find(self, person: Person, typed: str) -> list[Row]:
        """Notifications by an id, a document's number, a patient's id, a phone, or the caller's reference.

        Newest first, FOUND_MAX at most. Raises InvalidInput for an empty or an endless text, NotAllowed.
        """
        demand_of_the_service(person)
        typed = typed.strip()
        if not 1 <= len(typed) <= REFERENCE_LENGTH_MAX:
            rule = f"must have 1 to {REFERENCE_LENGTH_MAX} characters"
            raise InvalidInput([Problem("/wanted", "wrong_length", rule)])
        found: dict[UUID, Row] = {}
        async with self._ledger.reading() as connection:
            for what, clue in self._clues(typed):
                found |= {one.id: one for one in await finding.by_clue(connection, what, clue, FOUND_MAX)}
        return sorted(found.values(), key=lambda one: one.id, reverse=True)[:FOUND_MAX]

    async def page(
        self, person: Person, chosen: Chosen, *, before: UUID | None = None, after: UUID | None = None
    ) -> Page:
        """One page: the newest, those older than ``before``, or the next that are newer than ``after``.

        Raises NotAllowed.
        """
        demand_of_the_service(person)
        upwards = after is not None
        async with self._ledger.reading() as connection:
            wanted = _between(chosen.wanted, above=after, below=before)
            found, end = await finding.look(connection, wanted, PAGE_MAX + 1, LOOKED_MAX, upwards=upwards)
        shown = found[:PAGE_MAX]
        onwards = shown[-1].id if len(found) > PAGE_MAX else end
        if upwards:
            shown.reverse()
            return Page(rows=tuple(shown), older=_last(shown), newer=onwards, stopped=end is not None)
        newer = shown[0].id if before is not None and shown else None
        return Page(rows=tuple(shown), older=onwards, newer=newer, stopped=end is not None)

    def _clues(self, typed: str) -> list[tuple[str, str | UUID | bytes]]:
        clues: list[tuple[str, str | UUID | bytes]] = [("reference", typed)]
        clues += [("number", self._vault.index(number, "number")) for number in sorted(spelled_numbers(typed))]
        if (phone := spelled_phone(typed)) is not None:
            clues.append(("phone", self._vault.index(phone.e164, "phone")))
        if (one := spelled_uuid(typed)) is not None:
            clues += [("id", one), ("patient", one)]
        return clues


def _last(rows: list[Row]) -> UUID | None:
    return rows[-1].id if rows else None


def _between(wanted: Wanted, *, above: UUID | None, below: UUID | None) -> Wanted:
    """The same within narrower bounds."""
    return replace(
        wanted,
        above=max((one for one in (wanted.above, above) if one), default=None),
        below=min((one for one in (wanted.below, below) if one), default=None),
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def read_chosen(typed: Mapping[str, str], systems: Container[str]) -> Chosen:
    """Read filters by their names (FILTERS); empty ones choose nothing. ``systems``: ids of those there are.

    Raises InvalidInput with every filter that is wrong.
    """
    given = {name: typed[name].strip() for name in FILTERS if typed.get(name, "").strip()}
    allowed: Mapping[str, Container[str]] = {
        "status": {*GROUPS, *Status},
        "kind": KINDS,
        "channel": set(Channel),
        "system": systems,
        "lane": set(Lane),
        "took": {SLOWER},
    }
    problems = [
        Problem(f"/{name}", "unknown_value", "is none of those offered; choose one of the list")
        for name, values in allowed.items()
        if name in given and given[name] not in values
    ]
    begins_at, ends_at = (_moment(name, given, problems) for name in ("from", "to"))
    if begins_at and ends_at and ends_at <= begins_at:
        problems.append(Problem("/to", "not_after_from", "must be later than the beginning"))
    if problems:
        raise InvalidInput(problems)
    status = given.get("status")
    wanted = Wanted(
        statuses=tuple(GROUPS.get(status, (status,))) if status else (),
        kind=given.get("kind"),
        channel=given.get("channel"),
        client_id=given.get("system"),
        lane=given.get("lane"),
        longer_than=SLOW if "took" in given else None,
        above=first_id(begins_at) if begins_at else None,
        below=first_id(ends_at) if ends_at else None,
    )
    return Chosen(given=given, wanted=wanted)


def _moment(name: str, given: Mapping[str, str], problems: list[Problem]) -> datetime | None:
    """A time of a form, which is of Kyiv."""
    if name not in given:
        return None
    try:
        moment = datetime.fromisoformat(given[name])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None or moment.year not in _YEARS:
        problems.append(Problem(f"/{name}", "not_a_time", "must be a day and a time of Kyiv, as 2026-11-26T21:00"))
        return None
    return moment.replace(tzinfo=KYIV)


def read_cursor(text: str) -> UUID | None:
    """Where a page begins; None when nothing is said. Raises InvalidInput."""
    if not text:
        return None
    found = spelled_uuid(text)
    if found is None:
        raise InvalidInput([Problem("/cursor", "not_an_id", "must be the id that a link of the list has")])
    return found
