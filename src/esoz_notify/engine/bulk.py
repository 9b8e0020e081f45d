"""Files of many notifications that people bring to the pages: bringing, letting go, stopping, giving up, the result.

What belongs here: the use cases. What does not: checking and sending (``bulk_work``), how files are read
(``bulk_file``, ``bulk_rows``), the SQL (store).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from uuid import UUID

from esoz_notify.core.errors import Conflict, InvalidInput, NotFound, NotifyError, Problem
from esoz_notify.core.limits import BULK_ALONE_MAX, BULK_BYTES_MAX
from esoz_notify.engine.audit import Action, Deed, note
from esoz_notify.engine.bulk_rows import KINDS_IN_BULK
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.people import Person
from esoz_notify.engine.views import delivered_by
from esoz_notify.store import bulk as kept
from esoz_notify.store import reading
from esoz_notify.store.bulk import FileRow
from esoz_notify.store.ledger import Connection
from esoz_notify.store.vault import Vault, field_aad

__all__ = ["Bulk", "FileRow"]

PIECE_BYTES = 256 * 1024
FILES_SHOWN = 100
NAME_LENGTH_MAX = 100

Line = tuple[str, ...]


class Bulk:
    """The use cases. Rules of who may come here are the pages'."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    async def bring(self, person: Person, name: str, kind: str, content: AsyncIterator[bytes]) -> UUID:
        """Take a file in, piece by piece, into the ledger; checking begins when all of it is there.

        Raises InvalidInput: it is too large or empty, or the kind is none. What came of it then is erased.
        """
        if kind and kind not in KINDS_IN_BULK:
            raise InvalidInput([Problem("/bulk_kind", "unknown_kind", f"must be one of {', '.join(KINDS_IN_BULK)}")])
        file = _arriving(person, _name(name), kind or None, self._ledger)
        async with self._ledger.transaction() as connection:
            await kept.bring(connection, file)
        try:
            size = await self._take(file.id, content)
        except NotifyError:
            async with self._ledger.transaction() as connection:
                await kept.end(connection, file.id, "dropped")
            raise
        async with self._ledger.transaction() as connection:
            await kept.arrived(connection, file.id, size)
            await note(connection, _deed(person, Action.BULK_BROUGHT, file.id, {"bytes": str(size)}))
        return file.id

    async def _take(self, file_id: UUID, content: AsyncIterator[bytes]) -> int:
        size, no, left = 0, 0, bytearray()
        async for block in content:
            size += len(block)
            if size > BULK_BYTES_MAX:
                raise InvalidInput([Problem("/bulk_file", "too_large", f"must have {BULK_BYTES_MAX} bytes at most")])
            left += block
            while len(left) >= PIECE_BYTES:
                await self._keep(file_id, no, bytes(left[:PIECE_BYTES]))
                del left[:PIECE_BYTES]
                no += 1
        if not size:
            raise InvalidInput([Problem("/bulk_file", "empty", "choose a file that has something in it")])
        if left:
            await self._keep(file_id, no, bytes(left))
        return size

    async def _keep(self, file_id: UUID, no: int, content: bytes) -> None:
        piece_id = new_id(self._ledger.clock.now())
        sealed = self._vault.seal(content, aad=field_aad("bulk_piece", "content", str(piece_id)))
        async with self._ledger.transaction() as connection:
            await kept.add_piece(connection, piece_id, file_id, no, sealed)

    async def newest(self) -> list[FileRow]:
        """The last files, the newest first."""
        async with self._ledger.transaction() as connection:
            return await kept.newest(connection, FILES_SHOWN)

    async def one(self, file_id: UUID) -> FileRow:
        """A file. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            return _found(await kept.one(connection, file_id))

    async def start(self, person: Person, file_id: UUID) -> None:
        """Let a checked file go, or go on after a stop. Of many rows somebody else than who brought it.

        Raises NotFound, Conflict.
        """

        async def work(connection: Connection, file: FileRow) -> None:
            if file.state not in {"ready", "stopped"}:
                raise Conflict("only a file that is checked, or was stopped, is let go", code="bulk_state")
            if file.row_count > BULK_ALONE_MAX and file.started_by is None and file.brought_by == person.login:
                raise Conflict("so many rows are let go by another person", code="needs_another_person")
            await kept.let_go(connection, file.id, person.login)

        await self._change(person, Action.BULK_STARTED, file_id, work)

    async def stop(self, person: Person, file_id: UUID) -> None:
        """Stop it after what is on its way. Raises NotFound, Conflict."""

        async def work(connection: Connection, file: FileRow) -> None:
            if file.state != "sending":
                raise Conflict("only a file that is being sent is stopped", code="bulk_state")
            await kept.stop(connection, file.id)

        await self._change(person, Action.BULK_STOPPED, file_id, work)

    async def drop(self, person: Person, file_id: UUID) -> None:
        """Give up what was not sent of it, and erase that. Raises NotFound, Conflict."""

        async def work(connection: Connection, file: FileRow) -> None:
            if file.state not in {"ready", "stopped"}:
                raise Conflict("only a file that waits, or was stopped, is given up", code="bulk_state")
            await kept.end(connection, file.id, "dropped")

        await self._change(person, Action.BULK_DROPPED, file_id, work)

    async def _change(
        self, person: Person, action: Action, file_id: UUID, work: Callable[[Connection, FileRow], Awaitable[None]]
    ) -> None:
        async with self._ledger.transaction() as connection:
            file = _found(await kept.one(connection, file_id, lock=True))
            await work(connection, file)
            details = {"rows": str(file.row_count), "sent": str(file.accepted + file.refused)}
            await note(connection, _deed(person, action, file.id, details))

    # --- the result ---------------------------------------------------------------------------------------------------

    async def note_result(self, person: Person, file_id: UUID) -> None:
        """Note that somebody takes the result away. Raises NotFound."""
        async with self._ledger.transaction() as connection:
            _found(await kept.one(connection, file_id))
            await note(connection, _deed(person, Action.EXPORT, file_id, {"what": "result"}))

    async def result(self, file_id: UUID, language: str) -> AsyncIterator[Line]:
        """Row, id, status, code, why, channel, final status as it is now: of every row that was answered."""
        chunk = 0
        while True:
            async with self._ledger.transaction() as connection:
                lines = await kept.answers(connection, file_id, chunk)
                if lines is None:
                    return
                stored = await reading.some(connection, [UUID(line[1]) for line in lines if line[1]])
            states = {str(one.id): (delivered_by(one.state) or "", one.state.status.value) for one in stored}
            for row, notification_id, status, code, why_uk, why_en in lines:
                why = why_uk if language == "uk" else why_en
                yield (str(row), notification_id, str(status), code, why, *states.get(notification_id, ("", "")))
            chunk += 1


def _arriving(person: Person, name: str, kind: str | None, ledger: Ledger) -> FileRow:
    now = ledger.clock.now()
    return FileRow(
        new_id(now), name, person.client_id, kind, "arriving", person.login, now, 0, None, 0, None, None, None, 0, 0, 0,
        None, None,
    )  # fmt: skip


def _name(given: str) -> str:
    """A file's name as it may be shown: no path, no signs that do not print."""
    name = "".join(letter for letter in given.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    return name.strip()[:NAME_LENGTH_MAX] or "file"


def _found(file: FileRow | None) -> FileRow:
    if file is None:
        raise NotFound("there is no such file", code="bulk_unknown")
    return file


def _deed(person: Person, action: Action, file_id: UUID, details: Mapping[str, str]) -> Deed:
    return Deed(actor=f"person:{person.login}", action=action, subject=f"bulk:{file_id}", details=details)
