"""Takes a text to a handset by Viber or SMS, as the handset behaves, and says how it ended. No provider's words."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from esoz_notify.lab.ground import Ground
from esoz_notify.lab.memory import Submission
from esoz_notify.lab.phones import Message, Phone
from esoz_notify.lab.timers import now, seeded

_AT_ONCE_S = 0.01


class End(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    READ = "read"
    EXPIRED = "expired"
    UNDELIVERED = "undelivered"
    NOT_A_USER = "not_a_user"
    BLOCKED = "blocked"


@dataclass(slots=True, kw_only=True, eq=False)
class Carried:
    """One message on its way. ``doomed``: how it ends whatever the handset does; ``ended_at``: when it last changed."""

    id: str
    key: str | None
    msisdn: str
    channel: str
    text: str
    valid_until: float
    doomed: str | None = None
    end: str | None = None
    ended_at: float = 0.0


Told = Callable[[Carried], None]


class Carrying:
    """Carries the messages of one provider; ``told`` hears of every change of a message's fate."""

    def __init__(self, provider: str, ground: Ground, told: Told) -> None:
        self._provider = provider
        self._memory = ground.memory
        self._timers = ground.timers
        self._random = seeded(ground.settings.seed)
        self._told = told

    def take(self, message: Carried, *, early: bool = False) -> None:
        """Accept a message and bring it to its phone; ``early``: it ends before anybody is answered."""
        self._memory.submitted(
            Submission(
                provider=self._provider,
                client_reference=message.key,
                provider_message_id=message.id,
                msisdn=message.msisdn,
                accepted_at=now(),
                text=message.text,
            )
        )
        self.route(message, early=early)

    def route(self, message: Carried, *, early: bool = False) -> None:
        """Decide by the phone as it is now; what waits for a phone comes back here when that changes."""
        if message.end is not None:
            return
        phone = self._memory.phone(message.msisdn)
        at_once = message.doomed or _refusal(message, phone)
        absent = phone.viber_silent if message.channel == "viber" else phone.sms_absent
        if at_once is not None:
            self._after(0.0 if early else _AT_ONCE_S, message, at_once)
        elif absent:
            phone.waiting.append(partial(self.route, message))
            self._after(message.valid_until - now(), message, End.EXPIRED)
        else:
            own = phone.viber_latency_ms if message.channel == "viber" else phone.sms_latency_ms
            latency_s, left_s = 0.0 if early else phone.latency_s(self._random, own), message.valid_until - now()
            late = latency_s > left_s
            self._after(left_s if late else latency_s, message, End.EXPIRED if late else End.DELIVERED)

    def _after(self, delay_s: float, message: Carried, end: str) -> None:
        if delay_s > 0:
            self._timers.later(delay_s, self._settle, message, end)
        else:
            self._settle(message, end)

    def _settle(self, message: Carried, end: str) -> None:
        if message.end is not None:
            return
        message.end, message.ended_at = end, now()
        if end == End.DELIVERED:
            phone = self._memory.phone(message.msisdn)
            shown = Message(message.channel, message.text, now(), self._provider, message.id)
            self._memory.receive(phone, shown)
            if phone.reads and message.channel == "viber":
                self._timers.later(phone.latency_s(self._random), self._read, message, shown)
        self._told(message)

    def _read(self, message: Carried, shown: Message) -> None:
        message.end, message.ended_at = End.READ, now()
        self._memory.read(message.msisdn, shown, message.ended_at)
        self._told(message)


def _refusal(message: Carried, phone: Phone) -> str | None:
    """How a phone ends a message at once; None: it does not."""
    if message.channel == "sms":
        return None if phone.sms else End.UNDELIVERED
    if not phone.viber:
        return End.NOT_A_USER
    return End.BLOCKED if phone.viber_blocked else None
