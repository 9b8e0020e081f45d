"""Messages on their way into an SMSC: the queue before the window, the pace, and the parts of one message put together.

What belongs here: who may write next and who waits for which answer. What does not: the connection
(``smpp_connection``), binding and receipts (``smpp_link``), the words of SMPP (``channels.smpp``).
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from esoz_notify.channels.dialogue import OutboundMessage
from esoz_notify.channels.smpp import VALIDITY_MIN_S, SmppAccount, combine, submit_bodies, validity_period
from esoz_notify.channels.smpp_pace import Pace
from esoz_notify.channels.smpp_pdu import ShortMessage
from esoz_notify.channels.smpp_session import Session, State
from esoz_notify.core.kinds import KINDS, Lane
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Refused, Result, TryLater, Unknown
from esoz_notify.core.sms_text import REFERENCE_MAX
from esoz_notify.engine.rate_budget import RateBudget
from esoz_notify.engine.smpp_connection import Connection

ROOM_WAIT_MAX_S = 5.0
"""A part waits at most so long, and half the time of an answer, for room in the window or for the pace; then another
provider may be quicker.
"""
PART_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
"""Pauses before a part is repeated that was not taken while another part of the same message was."""
REFERENCES_MAX = 10_000

_UNREACHABLE = TryLater(Reason.UNREACHABLE, 1.0, "not bound")
_NO_ROOM = TryLater(Reason.THROTTLED, 1.0, "no room in the window in time")


class Letter:
    """One message under way, and what is known of each of its parts."""

    def __init__(self, key: str, part_count: int, *, is_code: bool) -> None:
        self.key = key
        self.is_code = is_code
        self.over = False  # nobody waits for it any more
        self.results: list[Result] = [TryLater(Reason.UNREACHABLE, 0.0, "not written")] * part_count

    def to_repeat(self) -> list[int]:
        """Parts that were not taken although others were: worth repeating, lest a person gets half a text."""
        if any(isinstance(result, Refused | Unknown) for result in self.results):
            return []
        if not any(isinstance(result, Accepted) for result in self.results):
            return []
        return [index for index, result in enumerate(self.results) if isinstance(result, TryLater)]


@dataclass(slots=True, eq=False)
class Part:
    """One part under way. ``since`` and ``valid_until`` in the loop's time."""

    letter: Letter
    index: int
    body: ShortMessage
    since: float
    valid_until: float
    answer: asyncio.Future[None]
    timer: asyncio.TimerHandle | None = None

    def settle(self, result: Result) -> None:
        """Write down what is known of the part and wake whoever waits."""
        self.letter.results[self.index] = result
        if self.timer:
            self.timer.cancel()
        if not self.answer.done():
            self.answer.set_result(None)


SmscConnection: TypeAlias = Connection[Part]


class Sender:
    """Submits messages over whatever bind there is. ``on_late`` gets the key of a message and its true result.

    ``budget``: what all workers together may submit; None: this one goes by the account's rate alone.
    """

    def __init__(
        self, account: SmppAccount, on_late: Callable[[str, Result], None], budget: RateBudget | None = None
    ) -> None:
        self._account = account
        self._on_late = on_late
        self._budget = budget
        if budget is not None:
            budget.wants, budget.more = self._wanted, self.pump
        self._connection: SmscConnection | None = None
        self._room_wait_s = min(ROOM_WAIT_MAX_S, account.response_timeout_s / 2)
        self._pace = Pace(account.submit_rate_per_s if budget is None else None)
        self._codes: deque[Part] = deque()
        self._rest: deque[Part] = deque()
        self._written: set[Part] = set()
        self._pump_timer: asyncio.TimerHandle | None = None
        self._references: OrderedDict[Phone, int] = OrderedDict()
        self._first_reference = int(time.time())

    @property
    def session(self) -> Session[Part] | None:
        """The session that may be submitted to now."""
        if self._connection is None or self._connection.session.state is not State.BOUND:
            return None
        return self._connection.session

    @property
    def under_way(self) -> list[asyncio.Future[None]]:
        """Done when the parts that are written now have their answers."""
        return [part.answer for part in self._written]

    def attach(self, connection: SmscConnection) -> None:
        """Submit over this connection from now on."""
        self._connection = connection

    def detach(self) -> None:
        """Submit nothing more; what waits is given back, what is written still gets its answer. Idempotent."""
        self._connection = None
        self.refuse_waiting()

    async def submit(self, message: OutboundMessage) -> Result:
        """Submit all parts of a message and say what became of it.

        Waits for the answers, and for room in the window up to ROOM_WAIT_MAX_S; at once TryLater without a bind. Not
        idempotent: SMPP knows no repeat, so an Unknown must not be submitted here again.
        """
        if self.session is None:
            return _UNREACHABLE
        bodies = submit_bodies(self._account, message, self._reference(message.phone))
        if isinstance(bodies, Refused):
            return bodies
        letter = Letter(message.key, len(bodies), is_code=KINDS[message.kind].lane is Lane.CODES)
        valid_until = self._now() + message.validity_s
        try:
            await self._send(letter, dict(enumerate(bodies)), valid_until)
            for pause_s in PART_PAUSES_S if len(bodies) > 1 else ():
                again = letter.to_repeat()
                if not again:
                    break
                await asyncio.sleep(pause_s)
                await self._send(letter, {index: bodies[index] for index in again}, valid_until)
        finally:
            letter.over = True
        return combine(letter.results)

    def answered(self, part: Part, result: Result) -> None:
        """Take the answer to a part, and write the next."""
        self._written.discard(part)
        if isinstance(result, TryLater) and result.reason is Reason.THROTTLED:
            self._pace.throttled(self._now())
        self.learn(part, result)
        self.pump()

    def learn(self, part: Part, result: Result) -> None:
        """Settle a part; if nobody waits any more and its message is unknown no longer, tell ``on_late``."""
        letter = part.letter
        before = combine(letter.results)
        part.settle(result)
        after = combine(letter.results)
        if letter.over and isinstance(before, Unknown) and not isinstance(after, Unknown):
            self._on_late(letter.key, after)

    async def _send(self, letter: Letter, bodies: dict[int, ShortMessage], valid_until: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        parts = [Part(letter, index, body, now, valid_until, loop.create_future()) for index, body in bodies.items()]
        (self._codes if letter.is_code else self._rest).extend(parts)
        self.pump()
        for part in parts:
            if part not in self._written and not part.answer.done():
                part.timer = loop.call_later(self._room_wait_s, part.settle, _NO_ROOM)
        await asyncio.gather(*(part.answer for part in parts))

    def pump(self) -> None:
        """Write waiting parts, codes first and else the oldest, as far as the window, the pace and the budget allow."""
        session = self.session
        if session is None:
            self.refuse_waiting()
            return
        while (queue := self._codes or self._rest) and session.room:
            part = queue[0]
            now = self._now()
            if not part.answer.done():
                delay_s = self._pace.delay_s(now)
                if delay_s:
                    self._pump_later(delay_s)
                    return
                if self._budget is not None and not self._budget.take(code=part.letter.is_code):
                    return
            queue.popleft()
            if not part.answer.done():
                self._write(session, part, now)

    def _wanted(self) -> tuple[int, int]:
        """How many parts of codes and of other messages wait for the budget now, as far as the window has room."""
        room = self.session.room if self.session is not None else 0
        codes = min(len(self._codes), room)
        return codes, min(len(self._rest), room - codes)

    def _pump_later(self, delay_s: float) -> None:
        if self._pump_timer is None:
            self._pump_timer = asyncio.get_running_loop().call_later(delay_s, self._pump_again)

    def _pump_again(self) -> None:
        self._pump_timer = None
        self.pump()

    def _write(self, session: Session[Part], part: Part, now: float) -> None:
        left_s = part.valid_until - now
        if left_s < VALIDITY_MIN_S:
            part.settle(Refused(Reason.VALIDITY, "no life left"))
            return
        if now >= part.since + 1:
            part.body = replace(part.body, validity_period=validity_period(left_s))
        session.submit(part.body, part, now)
        part.letter.results[part.index] = Unknown(detail="written")
        if part.timer:
            part.timer.cancel()
        self._written.add(part)
        self._pace.sent(now)
        if self._connection:
            self._connection.wake()

    def refuse_waiting(self) -> None:
        """Give back every part that was not written: another provider may take it at once."""
        for queue in (self._codes, self._rest):
            while queue:
                queue.popleft().settle(_UNREACHABLE)

    def _reference(self, phone: Phone | None) -> int:
        """Next number of a long text to a phone: in order, so that two texts on their way to it never share one."""
        if phone is None:
            return 0
        reference = (self._references.pop(phone, self._first_reference) + 1) & REFERENCE_MAX
        self._references[phone] = reference
        if len(self._references) > REFERENCES_MAX:
            self._references.popitem(last=False)
        return reference

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
