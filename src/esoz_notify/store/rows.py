"""Between rows and core's values: how a delivery and its attempts are written as columns.

What belongs here: the encoding of single values. What does not: statements (the other files of this room).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from uuid import UUID

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.delivery import Attempt, Delivery
from esoz_notify.core.receipts import PartState, Reason, ReceiptState
from esoz_notify.core.results import Recovery
from esoz_notify.core.status import Outcome, Status


class DeliveryRow(NamedTuple):
    """Columns of ``delivery`` as the statements of this room select them."""

    notification_id: UUID
    lane: str
    status: str
    route: str
    step: int
    version: int
    has_code: bool
    is_code: bool
    erased: bool
    accepted_at: datetime
    valid_until: datetime
    step_ends_at: datetime | None
    retry_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    resent_at: list[datetime]
    watched: bool
    handed_to: str | None


DELIVERY_COLUMNS = ", ".join(DeliveryRow._fields)


class AttemptRow(NamedTuple):
    """Columns of ``attempt``."""

    notification_id: UUID
    no: int
    step: int
    channel: str
    provider: str
    recovery: str
    outcome: str
    reason: str | None
    detail: str
    calls: int
    parts: str
    started_at: datetime
    called_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None


ATTEMPT_COLUMNS = ", ".join(AttemptRow._fields)


@lru_cache(maxsize=256)
def read_route(text: str) -> tuple[Step, ...]:
    """``diia:120,viber:90,sms`` as steps; of ``sms@smsc-a`` the provider is named too."""
    steps = []
    for item in text.split(","):
        way, _, window_s = item.partition(":")
        channel, _, provider = way.partition("@")
        steps.append(Step(Channel(channel), float(window_s) if window_s else None, unquote(provider) or None))
    return tuple(steps)


def write_route(steps: Sequence[Step]) -> str:
    """Steps as the text that ``read_route`` reads."""
    return ",".join(_write_step(step) for step in steps)


def _write_step(step: Step) -> str:
    way = step.channel.value if step.provider is None else f"{step.channel.value}@{quote(step.provider, safe='')}"
    return way if step.window_s is None else f"{way}:{step.window_s:g}"


@lru_cache(maxsize=1024)
def read_parts(text: str) -> tuple[PartState, ...]:
    """``80,61:absent`` as part states."""
    return tuple(_read_part(item) for item in text.split(",")) if text else ()


def _read_part(item: str) -> PartState:
    state, _, reason = item.partition(":")
    return PartState(ReceiptState(int(state)), Reason(reason) if reason else None)


def write_parts(parts: Sequence[PartState]) -> str:
    """Part states as the text that ``read_parts`` reads."""
    return ",".join(f"{part.state.value}:{part.reason}" if part.reason else str(part.state.value) for part in parts)


def read_delivery(row: DeliveryRow, attempts: Sequence[AttemptRow]) -> Delivery:
    """The state that a delivery row and its attempt rows (in order of their number) hold."""
    return Delivery(
        status=Status(row.status),
        steps=read_route(row.route),
        accepted_at=row.accepted_at,
        valid_until=row.valid_until,
        has_code=row.has_code,
        is_code=row.is_code,
        step=row.step,
        step_ends_at=row.step_ends_at,
        retry_at=row.retry_at,
        attempts=tuple(read_attempt(attempt) for attempt in attempts),
        resent_at=tuple(row.resent_at),
        reason=Reason(row.reason) if row.reason else None,
        ended_at=row.ended_at,
        erased=row.erased,
    )


def read_attempt(row: AttemptRow) -> Attempt:
    """The attempt that a row holds."""
    return Attempt(
        no=row.no,
        step=row.step,
        channel=Channel(row.channel),
        provider=row.provider,
        recovery=Recovery(row.recovery),
        outcome=Outcome(row.outcome),
        reason=Reason(row.reason) if row.reason else None,
        detail=row.detail,
        calls=row.calls,
        parts=read_parts(row.parts),
        started_at=row.started_at,
        called_at=row.called_at,
        submitted_at=row.submitted_at,
        ended_at=row.ended_at,
    )


def write_attempt(notification_id: UUID, attempt: Attempt) -> AttemptRow:
    """The row that holds an attempt."""
    return AttemptRow(
        notification_id=notification_id,
        no=attempt.no,
        step=attempt.step,
        channel=attempt.channel,
        provider=attempt.provider,
        recovery=attempt.recovery,
        outcome=attempt.outcome,
        reason=attempt.reason,
        detail=attempt.detail,
        calls=attempt.calls,
        parts=write_parts(attempt.parts),
        started_at=attempt.started_at,
        called_at=attempt.called_at,
        submitted_at=attempt.submitted_at,
        ended_at=attempt.ended_at,
    )


def transpose(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as one list per column, for ``unnest`` with binary arrays; ``width`` columns also when there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
