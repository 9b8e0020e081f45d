"""Summaries for print: opening what they say, and remembering that they were printed.

What belongs here: from the ledger's sealed rows to what is drawn. What does not: whether a code may be on paper
(``core.paper``), drawing (``render``), who may see which notification (``service``).
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from esoz_notify.core.cascade import Printed
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput, NotFound, Problem
from esoz_notify.core.kinds import CODE_FIELD, KINDS, NUMBER_FIELD
from esoz_notify.core.limits import SHEET_DOCUMENTS_MAX
from esoz_notify.core.paper import CodeCase, CodeFate, CodeGround, code_fate
from esoz_notify.core.status import Status
from esoz_notify.engine.applying import apply_events
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.render.summary import Summary
from esoz_notify.store import crises, reading
from esoz_notify.store.ledger import Connection
from esoz_notify.store.reading import Filter, SealedContent, Stored
from esoz_notify.store.vault import Vault, field_aad

_FOR_PRINT = frozenset({Status.PRINT_REQUIRED, Status.PRINTED})
_PAGE = 500


def check_one_sheet(stored: Sequence[Stored]) -> None:
    """Refuse to put notifications of several patients or callers together. Raises InvalidInput."""
    if len(stored) > SHEET_DOCUMENTS_MAX:
        rule = f"at most {SHEET_DOCUMENTS_MAX} documents are printed together; ask for the others apart"
        raise InvalidInput([Problem("/with", "too_many", rule)])
    patients = {(one.patient_id, one.client_id) for one in stored}
    if len(stored) > 1 and (len(patients) > 1 or stored[0].patient_id is None):
        rule = "must be notifications of the same patient by the same caller; ask for the others apart"
        raise InvalidInput([Problem("/with", "other_patient", rule)])


async def open_summaries(
    connection: Connection, vault: Vault, stored: Sequence[Stored], now: datetime
) -> list[Summary]:
    """What the summaries of these notifications say at this moment, in their order. Raises NotFound: it was erased."""
    sealed = await reading.sealed_contents(connection, [one.id for one in stored])
    if any(one.id not in sealed for one in stored):
        raise NotFound("what the summary would say was erased when its time was over", code="content_erased")
    return [_summary(vault, one, sealed[one.id], now) for one in stored]


async def mark_printed(connection: Connection, stored: Sequence[Stored]) -> None:
    """What is for print is printed from now on, and what a crisis put on paper counts as such; its messages go on."""
    waiting = [(one.id, Printed()) for one in stored if one.state.status in _FOR_PRINT]
    if waiting:
        await apply_events(connection, waiting, dict)
    in_crisis = [one.id for one in stored if one.recipient.get("crisis")]
    if in_crisis:
        await crises.mark_printed(connection, in_crisis)


async def waiting_for_print(ledger: Ledger, *, client_id: str | None, kind: str | None, count_max: int) -> list[UUID]:
    """Ids of what is to be printed: the oldest ``count_max``, oldest first."""
    ids: list[UUID] = []
    before = None
    while True:
        wanted = Filter(client_id=client_id, kind=kind, status=Status.PRINT_REQUIRED.value, before=before)
        async with ledger.transaction() as connection:
            found = await reading.page(connection, wanted, _PAGE)
        if not found:
            return ids[::-1]
        before = found[-1].id
        ids = [*ids, *(one.id for one in found)][-count_max:]


async def read_for_print(ledger: Ledger, vault: Vault, ids: Sequence[UUID]) -> list[Summary]:
    """What these summaries say, in the order of ``ids``; changes nothing. Raises NotFound naming the first unknown."""
    async with ledger.transaction() as connection:
        now = await reading.ledger_now(connection)
        return await open_summaries(connection, vault, await _known(connection, ids), now)


async def remember_printed(ledger: Ledger, ids: Sequence[UUID]) -> None:
    """These summaries were printed."""
    async with ledger.transaction() as connection:
        await mark_printed(connection, await _known(connection, ids))


async def _known(connection: Connection, ids: Sequence[UUID]) -> list[Stored]:
    found = {one.id: one for one in await reading.some(connection, ids)}
    unknown = next((one for one in ids if one not in found), None)
    if unknown is not None:
        raise NotFound(f"no notification {unknown}", code="notification_unknown")
    return [found[one] for one in ids]


def _summary(vault: Vault, stored: Stored, sealed: SealedContent, now: datetime) -> Summary:
    row, state = str(stored.id), stored.state

    def opened(column: str, value: bytes) -> str:
        return vault.open(value, aad=field_aad("content", column, row)).decode()

    ground = stored.recipient.get("code_ground")
    fate = code_fate(
        CodeCase(
            # Another secret, such as a whole text of a component of ESOZ, is no code and never on paper.
            has_code=state.has_code and KINDS[stored.kind].secret_field == CODE_FIELD,
            is_cancelled=state.status is Status.CANCELLED,
            is_over=sealed.code is None or now >= state.valid_until,
            grounds=frozenset({CodeGround(ground)}) if ground else frozenset(),
        )
    )
    return Summary(
        document_id=row,
        kind=stored.kind,
        number=json.loads(opened("data", sealed.data)).get(NUMBER_FIELD),
        code=opened("code", sealed.code) if sealed.code is not None and fate is CodeFate.PRINTED else None,
        code_fate=fate,
        # For somebody told by phone the validity is the message's, and means nothing on paper.
        valid_until=state.valid_until if state.steps[0].channel is Channel.PRINT else None,
        issued_at=stored.created_at,
        details=json.loads(opened("summary", sealed.summary)) if sealed.summary else {},
        language=stored.language,
    )
