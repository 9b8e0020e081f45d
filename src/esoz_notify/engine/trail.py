"""The audit as people read it: searching, how its chain stands, looking over its newest rows, taking rows out.

What belongs here: what may be asked, and bounded answers. What does not: noting deeds (``audit``), anchors and the walk
over all of it (``anchors``), pages (console).
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from uuid import UUID

from esoz_notify.core.anchors import FRESH, Anchor, Fault, Walk
from esoz_notify.core.audit import VALUE_LENGTH_MAX, Action, Deed, Entry, Head, is_id, is_personal
from esoz_notify.core.errors import ConfigError, InvalidInput, Problem
from esoz_notify.core.kyiv import KYIV
from esoz_notify.engine import audit
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import Person
from esoz_notify.store import audit as kept
from esoz_notify.store import audit_key, people
from esoz_notify.store.audit_key import Trusted
from esoz_notify.store.audit_search import Search, search

PAGE_MAX = 50
LOOKED_MAX = 20_000
"""For one page so many rows are looked at; beyond them the reader says whether to go on."""
CHECKED_MAX = 10_000
EXPORTED_MAX = 100_000
WORDS_LENGTH_MAX = 100
_CHUNK = 1000
_ANCHORS_MAX = 5000
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows, newest first. ``names``: of people in them, by login. ``before``: where to go on; None when at the end.

    ``is_full``: the page is; otherwise LOOKED_MAX rows were looked at and older ones were not.
    """

    rows: Sequence[Entry]
    names: Mapping[str, str]
    before: int | None

    @property
    def is_full(self) -> bool:
        """Whether there are as many as a page has."""
        return len(self.rows) >= PAGE_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the chain stands. ``is_signed``: the newest anchor, by the key it names; None: that key is not here.

    ``fits``: the row it was signed over is still what it was. ``is_old``: there should be a newer one.
    """

    rows: int
    anchor: Anchor | None
    is_signed: bool | None
    fits: bool
    is_old: bool

    @property
    def unproved(self) -> int:
        """Rows that no anchor stands over yet."""
        return self.rows - (self.anchor.head.seq if self.anchor else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What looking over the newest rows came to: of which rows, past how many anchors.

    ``unsigned``: anchors among these of which the key is not here, so that only their hashes were compared.
    """

    first: int
    last: int
    anchors: int
    unsigned: int
    found: Fault | None

    @property
    def is_whole(self) -> bool:
        """Whether these are all rows there are."""
        return self.first <= 1


def read_search(asked: Mapping[str, str]) -> Search:
    """What a form asks for, as people write it. Raises InvalidInput naming each field that cannot be read.

    An actor or a person may be written as a login alone, a notification as its id alone. Times are of Kyiv.
    """
    given = {
        name: " ".join(asked.get(name, "").split()) for name in ("actor", "action", "subject", "from", "to", "words")
    }
    actor, subject = _id(given["actor"]), _id(given["subject"])
    times = {name: _moment(given[name]) for name in ("from", "to")}
    problems = [
        Problem(f"/trail_{name}", "format", "must be word:id, a login or an id")
        for name, value in (("actor", actor), ("subject", subject))
        if value is not None and (not is_id(value) or len(value) > VALUE_LENGTH_MAX)
    ]
    problems += [
        Problem(f"/trail_{name}", "format", "must be a time, as 2026-11-26T14:00")
        for name in times
        if given[name] and times[name] is None
    ]
    if given["action"] and given["action"] not in set(Action):
        problems.append(Problem("/trail_action", "unknown", f"must be one of {', '.join(Action)}"))
    if len(given["words"]) > WORDS_LENGTH_MAX or is_personal(given["words"]) or not given["words"].isprintable():
        rule = f"must be one line of {WORDS_LENGTH_MAX} characters, without a phone or a tax number"
        problems.append(Problem("/trail_words", "format", rule))
    if problems:
        raise InvalidInput(problems)
    return Search(
        actor=actor,
        action=given["action"] or None,
        subject=subject,
        since=times["from"],
        until=times["to"],
        words=given["words"] or None,
    )


def _id(text: str) -> str | None:
    if not text or ":" in text:
        return text or None
    try:
        return f"notification:{UUID(text)}"
    except ValueError:
        return f"person:{text.lower()}"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=KYIV) if _MOMENT.fullmatch(text) else None
    except ValueError:
        return None


class Trail:
    """The use cases. ``key_file``: of the key that signs anchors, which this machine may not have."""

    def __init__(self, ledger: Ledger, key_file: Path) -> None:
        self._ledger = ledger
        self._key_file = key_file

    async def page(self, wanted: Search, before: int | None = None) -> Found:
        """PAGE_MAX rows at most, those before one."""
        async with self._ledger.reading() as connection:
            found = await search(connection, wanted, before, PAGE_MAX, LOOKED_MAX)
            ids = (one for row in found.rows for one in (row.actor, row.subject))
            logins = {one.removeprefix("person:") for one in ids if one.startswith("person:")}
            names = await people.names(connection, sorted(logins)) if logins else {}
        return Found(rows=found.rows, names=names, before=found.before)

    async def standing(self) -> Standing:
        """How the chain stands, without walking it."""
        async with self._ledger.reading() as connection:
            rows, anchor = await kept.newest(connection), await kept.last_anchor(connection)
            fits = anchor is None or await kept.hash_at(connection, anchor.head.seq) == anchor.head.hash
        return Standing(
            rows=rows,
            anchor=anchor,
            is_signed=None if anchor is None else _is_signed(self._trusted(), anchor),
            fits=fits,
            is_old=anchor is None or self._ledger.clock.now() - anchor.at > FRESH,
        )

    async def check(self) -> Checked:
        """Walk the newest CHECKED_MAX rows as they are at one moment, past the anchors among them."""
        trusted = self._trusted()
        async with self._ledger.listening() as connection, connection.transaction():
            await kept.freeze(connection)
            newest = await kept.newest(connection)
            before = max(0, newest - CHECKED_MAX)
            hashed = await kept.hash_at(connection, before)
            if hashed is None:
                return Checked(first=before, last=newest, anchors=0, unsigned=0, found=Fault(before, "it is missing"))
            anchors = await kept.anchors_from(connection, before, _ANCHORS_MAX)
            signed = {one.no: _is_signed(trusted, one) for one in anchors}
            walk = Walk([one for one in anchors if signed[one.no] is not False], Head(before, hashed))
            async for row in kept.every(connection, before):
                walk.step(row)
            walk.end()
        forged = next((one for one in anchors if signed[one.no] is False), None)
        found = walk.found
        if found is None and forged is not None:
            found = Fault(None, f"anchor {forged.no} is not signed by the key it names")
        unsigned = sum(one is None for one in signed.values())
        return Checked(first=before + 1, last=newest, anchors=len(anchors), unsigned=unsigned, found=found)

    async def note_export(self, person: Person, wanted: Search) -> None:
        """Note that somebody takes rows out, and which; before the first of them is read."""
        asked = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
        details = {
            name: value.isoformat(timespec="minutes") if isinstance(value, datetime) else str(value)
            for name, value in asked.items()
            if value is not None
        }
        deed = Deed(actor=f"person:{person.login}", action=Action.EXPORT, subject="audit:rows", details=details)
        async with self._ledger.transaction() as connection:
            await audit.note(connection, deed)

    async def every(self, wanted: Search) -> AsyncIterator[Entry]:
        """The rows that are asked for, newest first, EXPORTED_MAX at most; no connection is held between two chunks."""
        before, left = None, EXPORTED_MAX
        while left:
            async with self._ledger.reading() as connection:
                found = await search(connection, wanted, before, min(_CHUNK, left), LOOKED_MAX)
            for row in found.rows:
                yield row
            left -= len(found.rows)
            before = found.before
            if before is None:
                return

    def _trusted(self) -> Trusted:
        """The key of this machine, if it has one that it may use."""
        try:
            own = audit_key.load(self._key_file)
        except ConfigError:
            own = None
        return {} if own is None else {own.id: own.public}


def _is_signed(trusted: Trusted, one: Anchor) -> bool | None:
    """Whether the key that an anchor names signed it; None when we have not got that key."""
    if one.key_id not in trusted:
        return None
    return audit_key.is_genuine(trusted, one.key_id, one.signature, one.signed)


__all__ = ["Checked", "Found", "Search", "Standing", "Trail", "read_search"]
