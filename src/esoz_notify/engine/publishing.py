"""Writing the words of messages, publishing them by a second person, and noting what Viber says of them.

What belongs here: the use cases, with their rows in the audit. What does not: the rules of words (``render``), who may
publish (``core.wording``), what is in force where (``wording``), the SQL (store).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from esoz_notify.core import wording as rules
from esoz_notify.core.crisis import Signature
from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, Problem, Unavailable
from esoz_notify.core.wording import IN_FORCE_AFTER, SEGMENTS_MAX, Version, ViberNote, ViberStanding, Words
from esoz_notify.engine.audit import Action, Deed, id_of, note
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.wording import Wording
from esoz_notify.render.templates import Template
from esoz_notify.render.text_rules import IN_LINES, Fault
from esoz_notify.render.texts import Texts
from esoz_notify.render.wording import faults_of, put, words_of, written
from esoz_notify.store import reading
from esoz_notify.store import texts as kept
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")
VERSIONS_SHOWN = 50


class WrongWords(InvalidInput):
    """Words break rules; ``faults`` has each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__([Problem(f"/{one.key}", one.code, str(one)) for one in faults])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One template in the list. ``viber``: what its Viber says, which may be older; ``newest``: None for the file's."""

    template: Template
    viber: Template
    newest: Version | None
    standing: ViberStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One template with its history, the newest first. ``own``: as the file has it; ``latest``: of Viber bodies."""

    line: Line
    own: Template
    versions: tuple[Version, ...]
    latest: Mapping[tuple[str, str], ViberNote]

    @property
    def draft(self) -> Version | None:
        """What waits for a second person: the newest, and nothing before it."""
        newest = self.line.newest
        return newest if newest is not None and newest.published is None else None

    @property
    def newest(self) -> Template:
        """The newest words, published or not."""
        return written(self.own, self.line.newest) if self.line.newest is not None else self.own

    def standing(self, body: str) -> ViberStanding:
        """Where a Viber body is."""
        return rules.standing(self.own.name, body, self.own.viber, self.latest)

    def note(self, body: str) -> ViberNote | None:
        """The last that was noted of a Viber body."""
        return self.latest.get((self.own.name, body))


@dataclass(frozen=True, slots=True)
class Sketch:
    """Words that somebody is writing, and which rules they break."""

    template: Template
    faults: tuple[Fault, ...]


class Publishing:
    """The use cases."""

    def __init__(self, ledger: Ledger, wording: Wording) -> None:
        self._ledger = ledger
        self._wording = wording

    # --- looking ------------------------------------------------------------------------------------------------------

    async def list(self) -> list[Line]:
        """Every template, as it is or will be in a moment, in the order of the file."""
        names = list(self._wording.own.templates)
        async with self._ledger.transaction() as connection:
            texts, latest = await self._published(connection)
            newest = {one.template: one for one in await kept.newest(connection, names)}
        return [self._line(name, texts, newest.get(name), latest) for name in names]

    async def open(self, name: str) -> Leaf:
        """One template. Raises NotFound."""
        own = self._own(name)
        async with self._ledger.transaction() as connection:
            texts, latest = await self._published(connection)
            versions = await kept.history(connection, name, VERSIONS_SHOWN)
        line = self._line(name, texts, versions[0] if versions else None, latest)
        return Leaf(line=line, own=own, versions=tuple(versions), latest=latest)

    async def version(self, name: str, no: int) -> Version:
        """One version, to begin anew from. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            return await self._version(connection, name, no)

    def sketch(self, name: str, document: Mapping[str, str]) -> Sketch:
        """What words of a form would be. Raises NotFound."""
        own = self._own(name)
        segments = document.get("sms_segments", "").strip()
        allowed = int(segments) if segments.isascii() and segments.isdecimal() and len(segments) <= 2 else 0  # noqa: PLR2004 - 1 to 10
        words = Words(
            sms=_clean(document, "sms"),
            sms_segments=allowed,
            viber=_clean(document, "viber"),
            diia_title=_clean(document, "diia_title"),
            diia_short=_clean(document, "diia_short"),
            diia_full=_clean(document, "diia_full"),
        )
        template = put(own, words)
        found = faults_of(self._wording.own, template)
        if not 1 <= allowed <= SEGMENTS_MAX:
            found.append(Fault("sms_segments", "segments_range", {"allowed": SEGMENTS_MAX}))
        empty = {one.key for one in found if one.code == "empty"}
        return Sketch(template, tuple(one for one in found if one.code == "empty" or one.key not in empty))

    # --- acting -------------------------------------------------------------------------------------------------------

    async def write(self, name: str, document: Mapping[str, str], *, seen_no: int, actor: str) -> Version:
        """Record a draft; nothing changes before somebody else publishes it. ``seen_no``: the newest the writer saw.

        Raises NotFound, WrongWords, InvalidInput (no reason), Conflict (written by somebody meanwhile; nothing new).
        """
        sketch, why = self.sketch(name, document), " ".join(document.get("why", "").split())
        if sketch.faults:
            raise WrongWords(sketch.faults)
        if not 1 <= len(why) <= rules.WHY_LENGTH_MAX:
            rule = f"must have 1 to {rules.WHY_LENGTH_MAX} characters"
            raise InvalidInput([Problem("/text_why", "wrong_length", rule)])

        async def work(connection: Connection, now: datetime) -> Version:
            last = await kept.newest(connection, [name])
            newest_no = last[0].no if last else 0
            if newest_no != seen_no:
                raise Conflict("another version has been written meanwhile; look at it first", code="text_moved")
            words = words_of(sketch.template)
            if words == (last[0].words if last else words_of(self._own(name))):
                raise Conflict("the words are those that there are already; change something", code="text_same")
            signature = Signature(id_of(actor), now)
            version = Version(template=name, no=newest_no + 1, words=words, written=signature, why=why)
            await kept.write(connection, version)
            await note(connection, _deed(actor, Action.TEXT_WRITTEN, version, why))
            return version

        return await self._change(work)

    async def publish(self, name: str, no: int, *, actor: str) -> Version:
        """Bring a version into force, a moment later everywhere. Idempotent. Raises NotFound, Conflict, WrongWords."""

        async def work(connection: Connection, now: datetime) -> Version:
            before = await self._version(connection, name, no)
            newest = await kept.newest(connection, [name])
            after = rules.publish(before, newest[0].no, id_of(actor), now)
            if after is not before:
                if found := faults_of(self._wording.own, written(self._own(name), after)):
                    raise WrongWords(found)  # written under rules of an earlier release
                await kept.publish(connection, after)
                await note(connection, _deed(actor, Action.TEXT_PUBLISHED, after))
            return after

        published = await self._change(work)
        log.warning("text %s version %d is published", name, no)
        return published

    async def note_viber(self, name: str, no: int, document: Mapping[str, str], *, actor: str) -> ViberNote:
        """Note where the Viber body of a version is; of an approved one it comes into force a moment later.

        Raises NotFound, InvalidInput, Conflict (it needs none; the id is another template's).
        """

        async def work(connection: Connection, now: datetime) -> ViberNote:
            version = await self._version(connection, name, no)
            if version.words.viber == self._own(name).viber:
                raise Conflict("this Viber text is registered already", code="viber_not_needed")
            noted = rules.read_note(version, document, Signature(id_of(actor), now))
            others = {given for one, given in self._wording.viber_ids.items() if one.partition("@")[0] != name}
            if noted.template_id in others:
                raise Conflict("this id is another template's; look again", code="viber_id_taken")
            await kept.note(connection, noted)
            await note(connection, _deed(actor, Action.VIBER_TEMPLATE_STATE, version, noted.why, step=noted.step.value))
            return noted

        return await self._change(work)

    async def _change(self, work: Callable[[Connection, datetime], Awaitable[Outcome]]) -> Outcome:
        async with self._ledger.transaction() as connection:
            await kept.one_writer(connection)
            now = await reading.ledger_now(connection)
            self._ledger.clock.set(now)
            done = await work(connection, now)
        with suppress(Unavailable):  # it is done, and the next look learns of it
            await self._wording.open()
        return done

    # --- what there is ------------------------------------------------------------------------------------------------

    def _own(self, name: str) -> Template:
        own = self._wording.own.templates.get(name)
        if own is None:
            raise NotFound("no such template", code="text_unknown")
        return own

    async def _version(self, connection: Connection, name: str, no: int) -> Version:
        self._own(name)
        found = await kept.version(connection, name, no)
        if found is None:
            raise NotFound("no such version of this template", code="text_unknown")
        return found

    async def _published(self, connection: Connection) -> tuple[Texts, Mapping[tuple[str, str], ViberNote]]:
        """What is in force once what was published just now is, and what was noted of Viber bodies."""
        await self._wording.look(connection)
        latest = rules.latest_notes(await kept.in_use(connection), await kept.notes(connection))
        return self._wording.at(self._ledger.clock.now() + IN_FORCE_AFTER), latest

    def _line(
        self, name: str, texts: Texts, newest: Version | None, latest: Mapping[tuple[str, str], ViberNote]
    ) -> Line:
        own, template = self._own(name), texts.templates[name]
        body = newest.words.viber if newest is not None else own.viber
        standing = rules.standing(name, body, own.viber, latest)
        return Line(template=template, viber=texts.viber(name), newest=newest, standing=standing)


def _clean(document: Mapping[str, str], key: str) -> str:
    """A text as browsers send it, without blanks that nobody sees; lines only where lines are shown."""
    lines = [line.rstrip() for line in document.get(key, "").splitlines()]
    return ("\n" if key in IN_LINES else " ").join(lines).strip()


def _deed(actor: str, action: Action, version: Version, why: str | None = None, **details: str) -> Deed:
    return Deed(
        actor=actor,
        action=action,
        subject=f"text:{version.template}",
        why=why,
        details={"no": str(version.no), **details},
    )
