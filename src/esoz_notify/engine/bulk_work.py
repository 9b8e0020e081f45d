"""The work on files that people brought to the pages: checking them, and handing their rows to intake, chunk by chunk.

What belongs here: the loop, leases, pace. What does not: use cases of people (``bulk``), how files are read
(``bulk_file``, ``bulk_rows``). What is to be done is in the ledger: whichever process lives goes on with it, and keys
that follow from content and place see to it that no row is sent twice.
"""

import asyncio
import io
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import Conflict, InvalidInput, NotifyError, Unavailable
from esoz_notify.core.limits import BULK_ROWS_MAX
from esoz_notify.engine.bulk_file import BadFile, Form, Survey, survey
from esoz_notify.engine.bulk_rows import CHUNK, Body, Reading, Row, bodies, key_of, named, rows
from esoz_notify.engine.bulk_trial import Estimate, Tally
from esoz_notify.engine.intake import CannotInform
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.service import Caller, Service
from esoz_notify.render.bulk_faults import Fault
from esoz_notify.render.texts import Texts
from esoz_notify.store import bulk as kept
from esoz_notify.store.bulk import FileRow
from esoz_notify.store.vault import Vault, field_aad

log = logging.getLogger(__name__)

LOOK_S = 2.0
FORGET_S = 600.0
LEASE_S = 20.0
RENEWED_S = 5.0
RATE_PER_S = 500
FAULTS_KEPT = 200
KEYS_TRUSTED = timedelta(hours=23)
"""Keys are kept for a day: what may have been accepted before that is looked for by reference."""

ARRIVING_MAX_S = 3_600.0
WAITING_MAX_S = 7 * 86_400.0
"""Content of people's does not lie about: files that nobody lets go are dropped after a week."""

_PAUSE_S = 1.0
_ACCEPTED, _REFUSED = 202, 422


@dataclass(slots=True)
class _Found:
    """What a look at every row found."""

    tally: Tally
    seen: Survey | None = None
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0

    def note(self, faults: list[Fault]) -> None:
        self.fault_count += len(faults)
        self.faults += faults[: FAULTS_KEPT - len(self.faults)]


class BulkWork:
    """The loop. ``texts``: by which parts of SMS are counted, at a time; ``prices``: of a message, of a part."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        service: Service,
        texts: Callable[[datetime], Texts],
        prices: Mapping[Channel, Decimal],
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._service = service
        self._texts = texts
        self._prices = prices
        self._forgot_at = -FORGET_S

    async def run(self) -> None:
        """Work until cancelled."""
        await self._ledger.turning("bulk", self.turn, _PAUSE_S)

    async def turn(self, steady: Steady) -> None:
        """Do what there is to do on one file, or wait a little."""
        file = await steady.run_loose(lambda connection: kept.claim(connection, LEASE_S))
        if file is None:
            if time.monotonic() - self._forgot_at > FORGET_S:
                await self._forget()
                self._forgot_at = time.monotonic()
            await asyncio.sleep(LOOK_S)
            return
        async with self._held(file.id):
            await (self._check(file) if file.state == "checking" else self._send(file))

    async def _forget(self) -> None:
        async with self._ledger.transaction() as connection:
            for file_id in await kept.forgotten(connection, ARRIVING_MAX_S, WAITING_MAX_S):
                await kept.end(connection, file_id, "dropped")

    @asynccontextmanager
    async def _held(self, file_id: UUID) -> AsyncIterator[None]:
        """Keep the lease while work goes on."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(RENEWED_S)
                try:
                    async with self._ledger.transaction() as connection:
                        await kept.hold(connection, file_id, LEASE_S)
                except Unavailable as error:
                    log.warning("bulk: %s", error)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    # --- checking -----------------------------------------------------------------------------------------------------

    async def _check(self, file: FileRow) -> None:
        now = self._ledger.clock.now()
        found = _Found(Tally(self._texts(now)))
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(
            _look, found, lambda: self._content(file.id, loop), Reading(kind=file.kind, names={}), now
        )
        report: dict[str, Any] = {}
        if found.seen is not None:
            report["seen"] = asdict(found.seen)
        if not found.fault_count:
            report |= _estimated(found.tally, await found.tally.estimate(self._route, self._prices))
        await self._conclude(file, found, report)

    async def _conclude(self, file: FileRow, found: _Found, report: dict[str, Any]) -> None:
        digest = found.seen.digest if found.seen is not None else None
        count = found.tally.count
        async with self._ledger.transaction() as connection:
            if not found.fault_count:
                if await kept.checked(connection, file.id, kept.Conclusion("ready", digest, count, report)):
                    return
                found.note([Fault(None, "", "sent_before")])
            told = [[one.row, one.column, one.code, one.rule] for one in found.faults]
            report |= {"faults": told, "fault_count": found.fault_count}
            await kept.checked(connection, file.id, kept.Conclusion("refused", digest, count, report))
            await kept.erase(connection, file.id)

    async def _route(self, body: Body) -> Mapping[str, Any]:
        try:
            return await self._service.route(body)
        except InvalidInput:
            return {"route": []}  # as a patient that nobody has stored: that row will be refused

    # --- sending ------------------------------------------------------------------------------------------------------

    async def _send(self, file: FileRow) -> None:
        assert file.report is not None, "what was not checked is not sent"
        seen = _survey(file.report["seen"])
        loop = asyncio.get_running_loop()
        left = islice(
            bodies(self._content(file.id, loop), seen, Reading(kind=file.kind, names={})), file.chunks * CHUNK, None
        )
        late = file.leased_until is not None and self._ledger.clock.now() - file.leased_until > KEYS_TRUSTED
        chunk, started = file.chunks, time.monotonic()
        while given := await asyncio.to_thread(lambda: list(islice(left, CHUNK))):
            asked = [(row, named(seen.digest, row, body)) for row, body in given]
            lines = await self._chunk(file, asked, key_of(seen.digest, chunk), file.leased_until if late else None)
            late = False
            accepted = sum(line[2] == _ACCEPTED for line in lines)
            async with self._ledger.transaction() as connection:
                state = await kept.answered(connection, file.id, chunk, lines, accepted)
                if state == "stopped":
                    await kept.release(connection, file.id)
            if state != "sending":
                return
            chunk += 1
            ahead_s = (chunk - file.chunks) * CHUNK / RATE_PER_S - (time.monotonic() - started)
            await asyncio.sleep(max(0.0, ahead_s))
        async with self._ledger.transaction() as connection:
            await kept.end(connection, file.id, "done")

    async def _chunk(
        self, file: FileRow, asked: list[tuple[int, Body]], key: str, since: datetime | None
    ) -> list[tuple[Any, ...]]:
        """A line for each row. ``since``: when an earlier try may have been made whose keys are forgotten."""
        caller = Caller(file.client_id)
        known = [await self._accepted(caller, body, since) if since else None for _, body in asked]
        while True:
            left = [body for (_, body), found in zip(asked, known, strict=True) if found is None]
            answers = iter(await self._service.accept_batch(caller, left, key))
            lines = [
                _line(row, found if found is not None else next(answers))
                for (row, _), found in zip(asked, known, strict=True)
            ]
            if not any(line[2] is None for line in lines):
                return lines
            await asyncio.sleep(_PAUSE_S)

    async def _accepted(self, caller: Caller, body: Body, since: datetime) -> tuple[dict[str, Any], bool] | None:
        """What was accepted of a row since then, found by its reference."""
        wanted = {"reference": str(body["reference"]), "kind": str(body["kind"])}
        found, _ = await self._service.page(caller, wanted, before=None, count_max=1)
        is_since = bool(found) and datetime.fromisoformat(found[0]["created_at"]) >= since - timedelta(seconds=LEASE_S)
        return (found[0], True) if is_since else None

    def _content(self, file_id: UUID, loop: asyncio.AbstractEventLoop) -> BinaryIO:
        """The content as a file that a thread reads."""

        async def piece(no: int) -> bytes:
            async with self._ledger.transaction() as connection:
                found = await kept.piece(connection, file_id, no)
            if found is None:
                return b""
            return self._vault.open(found[1], aad=field_aad("bulk_piece", "content", str(found[0])))

        return io.BufferedReader(_Pieces(lambda no: asyncio.run_coroutine_threadsafe(piece(no), loop).result()))


class _Pieces(io.RawIOBase):
    """Pieces one after another, as a raw file."""

    def __init__(self, piece: Callable[[int], bytes]) -> None:
        self._piece = piece
        self._no = 0
        self._left = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes of it."""
        if not self._left:
            self._left = self._piece(self._no)
            self._no += 1
        given, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def _look(found: _Found, content: Callable[[], BinaryIO], how: Reading, now: datetime) -> None:
    try:
        found.seen = survey(content())
        for row in _bounded(rows(content(), found.seen, how, now)):
            if isinstance(row, Row):
                found.tally.add(row)
            else:
                found.note(row)
        if not found.tally.count and not found.fault_count:
            raise BadFile(Fault(None, "", "empty_file"))
    except BadFile as error:
        found.note([error.fault])


def _bounded(given: Iterator[Row | list[Fault]]) -> Iterator[Row | list[Fault]]:
    for number, row in enumerate(given, 1):
        if number > BULK_ROWS_MAX:
            raise BadFile(Fault(None, "", "too_many_rows", str(BULK_ROWS_MAX)))
        yield row


def _estimated(tally: Tally, found: Estimate) -> dict[str, Any]:
    return {
        "kinds": dict(tally.kinds),
        "channels": {channel.value: count for channel, count in found.first.items()},
        "nobody": found.refused,
        "least": f"{found.least:.2f}",
        "most": f"{found.most:.2f}",
        "by_sample": found.by_sample,
        "seconds": tally.count / RATE_PER_S,
    }


def _survey(kept_seen: Mapping[str, Any]) -> Survey:
    return Survey(**{**kept_seen, "form": Form(kept_seen["form"])})


def _line(row: int, answer: tuple[dict[str, Any], bool] | NotifyError) -> tuple[Any, ...]:
    """Row, id, status (None: to be asked again), code, why in both languages; nothing personal is in an error."""
    if not isinstance(answer, NotifyError):
        return (row, answer[0]["id"], _ACCEPTED, "", "", "")
    if isinstance(answer, Unavailable) or (isinstance(answer, Conflict) and answer.code == "idempotency_in_flight"):
        return (row, "", None, answer.code, "", "")
    if isinstance(answer, CannotInform):
        return (row, "", _REFUSED, answer.code, answer.refusal.explanation.uk, answer.refusal.explanation.en)
    return (row, "", _REFUSED, answer.code, answer.detail, answer.detail)
