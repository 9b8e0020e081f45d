"""Anchors of the audit, made once a day and now; and verifying the audit against them.

What belongs here: when, with which key, where copies go, and the walk over a real ledger. What does not: what a walk
finds (``core.anchors``), noting deeds (``audit``).
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from esoz_notify.core.anchors import FRESH, Anchor, Fault, Walk, judge_anchors, read_line, signed, write_line
from esoz_notify.core.audit import Entry
from esoz_notify.core.errors import ConfigError, NotifyError, Unavailable
from esoz_notify.core.kyiv import kyiv_date
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store import audit as kept
from esoz_notify.store import audit_key
from esoz_notify.store.audit import Wanted
from esoz_notify.store.audit_key import AuditKey, Trusted
from esoz_notify.store.ledger import Connection

log = logging.getLogger(__name__)

LOOK_S = 600.0
LIST_MAX = 10_000
_ROWS_PER_PROGRESS = 1000


class AuditTouched(NotifyError):
    """The audit is not what was signed."""

    code = "audit_touched"


class Anchors:
    """Makes anchors. ``key_file``: of the private key, apart from the database; ``copies``: a file for one line each.

    The key is made with the first anchor of a ledger and never after: a lost key must be missed by somebody.
    """

    def __init__(self, ledger: Ledger, key_file: Path, copies: Path) -> None:
        self._ledger = ledger
        self._key_file = key_file
        self._copies = copies

    async def run(self) -> None:
        """See that there is one of each day until cancelled."""
        while True:
            try:
                await self.make(only_if_due=True)
            except Unavailable as error:
                log.warning("audit anchor: %s", error)
            except NotifyError as error:
                log.error("audit anchor: %s", error.detail)  # noqa: TRY400 - its sentence says what to do
            except Exception:
                log.exception("audit anchor: not made; trying again")
            await asyncio.sleep(LOOK_S)

    async def make(self, *, only_if_due: bool = False) -> Anchor | None:
        """Sign the head as it is now; None when there is one of this day in Kyiv already and it need only be due.

        Raises AuditTouched when what was signed last is not in the audit any more, ConfigError without the key.
        """
        async with self._ledger.transaction() as connection:
            # Looked at before the lock is taken, so that processes that only look keep no deed waiting.
            if only_if_due and not self._is_due(await kept.last_anchor(connection)):
                return None
            head, now = await kept.head(connection)
            last = await kept.last_anchor(connection)
            if only_if_due and not self._is_due(last):
                return None
            await self._check(connection, last)
            key = self._key(may_make=last is None)
            no = 1 if last is None else last.no + 1
            signature = key.sign(signed(no, head, now))
            anchor = Anchor(no=no, head=head, at=now, key_id=key.id, signature=signature)
            await kept.add_anchor(connection, anchor)
        self._copy(anchor)
        return anchor

    def _key(self, *, may_make: bool) -> AuditKey:
        key = audit_key.load(self._key_file)
        if key is None and not may_make:
            raise ConfigError(
                f"the audit key {self._key_file} is not there: put it back, or copy it from where anchors are made"
            )
        return key or audit_key.create(self._key_file)

    async def _check(self, connection: Connection, last: Anchor | None) -> None:
        """A new signature over what was touched would lend it credit. Raises AuditTouched."""
        if last is not None and await kept.hash_at(connection, last.head.seq) != last.head.hash:
            raise AuditTouched(f"the audit is not what anchor {last.no} was signed over: esoz-notify audit verify")
        newest = 0 if last is None else last.no
        gone = next((one.no for one in read_copies(self._copies) if one.no > newest), None)
        if gone is not None:
            raise AuditTouched(
                f"anchor {gone} is not in the ledger, but a copy is in {self._copies}: esoz-notify audit verify;"
                " if this is another ledger or an old backup on purpose, move that file away"
            )

    def _is_due(self, last: Anchor | None) -> bool:
        return last is None or kyiv_date(last.at) < kyiv_date(self._ledger.clock.now())

    def _copy(self, anchor: Anchor) -> None:
        """Append a line where the database cannot reach; the ledger has its own, so a full disk stops nothing."""
        try:
            # Nobody else's to read or to write, whatever the umask is.
            fd = os.open(self._copies, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(fd, "a", encoding="utf-8") as file:
                file.write(write_line(anchor) + "\n")
        except OSError as error:
            log.error("audit anchor %d: no copy in %s: %s", anchor.no, self._copies, error.strerror)  # noqa: TRY400


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verification came to. ``cautions``: nothing was found, but somebody should know."""

    rows: int
    anchors: int
    faults: tuple[Fault, ...]
    cautions: tuple[str, ...]


def read_copies(path: Path) -> list[Anchor]:
    """The anchors of a file of copies; none when there is no file. Raises ConfigError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the copies of anchors {path} cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(read_line(line))
        except ValueError:
            raise ConfigError(
                f"{path}: line {number} is not an anchor as  esoz-notify audit anchor  prints it"
            ) from None
    return found


async def verify(
    ledger: Ledger,
    trusted: Trusted,
    copies: Sequence[Anchor],
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Verdict:
    """Walk the whole audit as it is at one moment. ``on_progress``: is told now and then how many rows of how many."""
    async with ledger.listening() as connection, connection.transaction():
        await kept.freeze(connection)
        anchors, faults = judge_anchors(
            await kept.anchors(connection),
            copies,
            lambda one: audit_key.is_genuine(trusted, one.key_id, one.signature, one.signed),
        )
        walk, rows, rows_all = Walk(anchors), 0, await kept.count(connection)
        async for row in kept.every(connection):
            walk.step(row)
            rows += 1
            if rows % _ROWS_PER_PROGRESS == 0:
                on_progress(rows, rows_all)
        walk.end()
    found = [walk.found] if walk.found else []
    cautions = [] if found else _cautions(ledger, anchors, walk)
    return Verdict(rows=rows, anchors=len(anchors), faults=(*found, *faults), cautions=tuple(cautions))


def _cautions(ledger: Ledger, anchors: Sequence[Anchor], walk: Walk) -> list[str]:
    said = []
    newest = max((one.at for one in anchors), default=None)
    if newest is None:
        said.append("no anchor was made yet: whoever has full rights on the database could write all of it anew")
    elif ledger.clock.now() - newest > FRESH:
        said.append(f"the newest anchor is of {newest:%Y-%m-%d}: no worker runs, or newer ones were taken away")
    if newest is not None and walk.unproved:
        said.append(f"the last {walk.unproved} rows are under no anchor yet")
    return said


async def listed(ledger: Ledger, wanted: Wanted, count_max: int) -> list[Entry]:
    """Deeds for people to read, newest first, LIST_MAX at most."""
    async with ledger.transaction() as connection:
        return await kept.find(connection, wanted, min(count_max, LIST_MAX))
