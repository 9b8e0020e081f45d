"""The callers of the played world and the API in front of the ledger: they send, repeat, cancel, resend and print.

What belongs here: what is asked, when, and what the API does with it. What does not: workers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from tests.world.checks import Checks
from tests.world.engine import Engine, Sight
from tests.world.ledger import Ledger, Row
from tests.world.people import Person
from tests.world.stage import T0, Stage
from tests.world.worker import inbox_rows

from esoz_notify.channels.dialogue import Adapter
from esoz_notify.core.cascade import CancelAsked, Event, Printed, ResendAsked
from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.delivery import Delivery, due_at
from esoz_notify.core.errors import NotifyError, Unavailable
from esoz_notify.core.kinds import KINDS, Lane
from esoz_notify.core.status import Status
from esoz_notify.store.saving import Content
from esoz_notify.store.vault import Vault, field_aad

VALIDITIES_S = (4.0, 12.0, 20.0, 31.0, 36.0, 60.0, 120.0, 300.0)
WINDOWS_S = ((20.0, 90.0), (3.0, 6.0), (10.0, 15.0), (35.0, 40.0))
_KINDS = ("confirmation_code", "confirmation_code", "prescription_issued", "referral_issued", "care_plan_created")


@dataclass(slots=True)
class Api:
    """What takes requests and callbacks in; it may fail to answer, and then nobody knows."""

    stage: Stage
    ledger: Ledger
    engine: Engine
    adapters: dict[str, Adapter]

    def accept(self, key: str, row: Row, content: Content, phone: int) -> UUID:
        """Accept a notification; the same key gives the same. Raises Unavailable."""
        self._may_fail()
        return self.ledger.run(lambda transaction: transaction.intake(key, row, content, phone))

    def change(self, notification: UUID, event: Event) -> None:
        """Cancel, resend or print. Raises Unavailable, and what core refuses by."""
        self._may_fail()
        applied = self.ledger.run(
            lambda transaction: self.engine.apply_events(transaction, [(notification, event)], Sight({}))
        )
        if applied.refused:
            raise applied.refused[0]

    def callback(self, provider: str, body: bytes) -> bool:
        """Take a provider's callback in; False: ask again."""
        adapter = self.adapters[provider]
        assert adapter.read_callback is not None
        rows = inbox_rows(
            provider, adapter.read_callback({}, body), ids_are_keys=adapter.capabilities.message_id_is_key
        )
        try:
            self._may_fail()
            self.ledger.run(lambda transaction: transaction.keep(rows))
        except Unavailable:
            return False
        return True

    def _may_fail(self) -> None:
        if self.stage.chance(self.stage.temper.api_down):
            self.stage.count("calls of ours not answered")
            raise Unavailable("nobody answered")


@dataclass(slots=True)
class Caller:
    """Sends one notification and does to it what it likes."""

    stage: Stage
    api: Api
    checks: Checks
    key: str
    row: Row
    content: Content
    person: Person

    def begin(self) -> None:
        """Send it, and make plans."""
        self._send()
        stage, after = self.stage, self.stage.timeline.after
        validity_s = (self.row.state.valid_until - T0).total_seconds()
        if stage.chance(0.3):
            after(stage.between(0.0, 5.0), self._send)
        if stage.chance(0.12):
            after(stage.between(0.0, validity_s * 1.1), partial(self._ask, CancelAsked(), "cancels"))
        if stage.chance(0.25):
            for _ in range(stage.pick((1, 1, 2, 5))):
                after(stage.between(0.0, validity_s), partial(self._ask, ResendAsked(), "resends"))
        if self.row.state.status is Status.PRINT_REQUIRED and stage.chance(0.6):
            after(stage.between(0.0, validity_s), partial(self._ask, Printed(), "prints"))

    def _send(self) -> None:
        try:
            notification = self.api.accept(self.key, self.row, self.content, self.person.index)
        except Unavailable:
            self.stage.count("requests repeated for want of an answer")
            self.stage.timeline.after(self.stage.between(0.1, 3.0), self._send)
            return
        if notification in self.checks.promised:
            self.stage.count("requests repeated for no reason")
        self.checks.promised_to_caller(notification)

    def _ask(self, event: Event, what: str) -> None:
        try:
            self.api.change(self.row.id, event)
        except NotifyError:
            self.stage.count(f"{what} refused")
            return
        self.stage.count(what)


Seal = Callable[[str, str], bytes]


def make_caller(
    stage: Stage, api: Api, checks: Checks, *, vault: Vault, index: int, person: Person, big: bool
) -> Caller:
    """A caller with one notification, by chance. Its id and its words are of this number only."""
    notification = UUID(int=(0x0198_0000_0000_7000_8000 << 48) | (stage.seed & 0xFFFF_FFFF) << 16 | index)
    kind = KINDS[stage.pick(_KINDS)]
    has_code = kind.carries_code and (kind.lane is Lane.CODES or stage.chance(0.7))
    on_paper = stage.chance(0.06)
    validity_s = stage.pick(VALIDITIES_S if not big else VALIDITIES_S[2:])
    accepted_at = stage.timeline.now
    state = Delivery(
        status=Status.PRINT_REQUIRED if on_paper else Status.ACCEPTED,
        steps=(Step(Channel.PRINT),) if on_paper else _route(stage, kind.lane),
        accepted_at=accepted_at,
        valid_until=accepted_at + timedelta(seconds=validity_s * stage.between(0.95, 1.05)),
        has_code=has_code,
        is_code=kind.lane is Lane.CODES,
    )

    def seal(column: str, value: str) -> bytes:
        return vault.seal(value.encode(), aad=field_aad("content", column, str(notification)))

    number, code = f"{index:04}-0000-1111-2222", f"{7000 + index}"
    checks.addressed[notification] = (person.index, code if kind.lane is Lane.CODES else number)
    content = Content(
        id=notification,
        kind=kind.name,
        language="uk",
        relation="self",
        phone=seal("phone", person.phone.e164),
        tax_id=seal("tax_id", person.tax_id),
        data=seal("data", json.dumps({} if kind.lane is Lane.CODES else {"request_number": number})),
        code=seal("code", code) if has_code else None,
        traceparent=None,
    )
    row = Row(id=notification, lane=kind.lane.value, state=state, version=0, due_at=due_at(state))
    return Caller(stage, api, checks, f"key-{index}", row, content, person)


def _route(stage: Stage, lane: Lane) -> tuple[Step, ...]:
    viber_s, diia_s = stage.pick(WINDOWS_S)
    steps = [Step(Channel.PRINT if lane is Lane.DOCUMENTS and stage.chance(0.1) else Channel.SMS)]
    if stage.chance(0.8):
        steps.insert(0, Step(Channel.VIBER, viber_s))
    if lane is Lane.DOCUMENTS and stage.chance(0.5):
        steps.insert(0, Step(Channel.DIIA, diia_s))
    return tuple(steps)
