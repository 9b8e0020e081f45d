"""What happened in the lab: phones, what they received, what providers accepted. It decides nothing about delivery."""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from esoz_notify.lab.journal import Journal, Record
from esoz_notify.lab.phones import TAX_KEY, Message, Phone, apply_patch
from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.timers import rfc3339

Watcher = Callable[[str, dict[str, object]], None]


@dataclass(slots=True, kw_only=True)
class Submission:
    """One message (or one part of an SMS) that a provider accepted: what a double would be counted on."""

    provider: str
    client_reference: str | None
    provider_message_id: str
    msisdn: str | None
    accepted_at: float
    text: str
    more: dict[str, object] | None = None
    """What only one channel has: ``part``, ``parts``, ``ref``; ``tax_id``, ``resource_id``, ``recipient_id``."""


def message_json(message: Message) -> dict[str, object]:
    """A message as the phone API shows it."""
    shown: dict[str, object] = {
        "channel": message.channel,
        "text": message.text,
        "received_at": rfc3339(message.at),
        "provider": message.provider,
        "provider_message_id": message.provider_message_id,
    }
    if message.title is not None:
        shown["title"] = message.title
    if message.read_at is not None:
        shown["read_at"] = rfc3339(message.read_at)
    return shown


def submission_json(row: Submission) -> dict[str, object]:
    """A submission as its API shows it."""
    return {
        "provider": row.provider,
        "client_reference": row.client_reference,
        "provider_message_id": row.provider_message_id,
        "msisdn": row.msisdn,
        "accepted_at": rfc3339(row.accepted_at),
        "text": row.text,
    } | (row.more or {})


class Memory:
    """Phones by number and by tax number, submissions in order. Everything that changes is told to the journal."""

    def __init__(self, settings: LabSettings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self.phones: dict[str, Phone] = {}
        self._taxpayers: dict[str, Phone] = {}
        self.submissions: deque[Submission] = deque(maxlen=settings.history_max)
        self._arrivals: deque[str] = deque()
        self.watchers: list[Watcher] = []

    def phone(self, msisdn: str) -> Phone:
        """The handset of this number, made on first use with everything on."""
        phone = self.phones.get(msisdn)
        if phone is None:
            phone = self.phones[msisdn] = Phone(msisdn=msisdn, latency_ms=self._settings.latency_ms)
        return phone

    def person(self, tax_id: str) -> Phone | None:
        """The handset of this tax number; None when nobody carries it (and the lab does not invent one)."""
        phone = self._taxpayers.get(tax_id)
        if phone is None and self._settings.diia_unknown_has_app:
            phone = self._taxpayers[tax_id] = self.phone(TAX_KEY + tax_id)
            phone.tax_id = tax_id
        return phone

    def patch(self, msisdn: str, fields: dict[str, Any]) -> Phone:
        """Make or change a phone; whatever waits for it tries again."""
        phone = self._set(msisdn, fields)
        self._journal.append("phone", {"msisdn": msisdn, "fields": fields})
        self._journal.flush()
        waiting, phone.waiting = phone.waiting, []
        for attempt in waiting:
            attempt()
        self._tell("phone", phone, {})
        return phone

    def _set(self, msisdn: str, fields: dict[str, Any]) -> Phone:
        phone = self.phone(msisdn)
        if "tax_id" in fields and phone.tax_id is not None and self._taxpayers.get(phone.tax_id) is phone:
            del self._taxpayers[phone.tax_id]
        apply_patch(phone, fields)
        if phone.tax_id is not None:
            self._taxpayers[phone.tax_id] = phone
        return phone

    def submitted(self, row: Submission) -> None:
        """A provider accepted this."""
        self.submissions.append(row)
        self._journal.append("submission", asdict(row))

    def receive(self, phone: Phone, message: Message, *, replaces: Message | None = None) -> None:
        """The phone shows the message, in place of ``replaces`` if that is still there."""
        gone = None
        if replaces is not None and replaces in phone.messages:
            phone.messages.remove(replaces)
            gone = replaces.provider_message_id
        self._keep(phone, message)
        self._journal.append("message", {"msisdn": phone.msisdn, "gone": gone, "message": asdict(message)})
        self._tell("message", phone, {"gone": gone, "message": message_json(message)} if self.watchers else {})

    def read(self, msisdn: str, message: Message, at: float) -> None:
        """The person has opened the message; nothing when it was forgotten meanwhile."""
        phone = self.phones.get(msisdn)
        if phone is None or message not in phone.messages:
            return
        message.read_at = at
        self._journal.append(
            "read",
            {"msisdn": phone.msisdn, "provider": message.provider, "id": message.provider_message_id, "at": at},
        )
        self._tell("read", phone, {"message": message_json(message)} if self.watchers else {})

    def forget(self) -> None:
        """No phones, no messages, no submissions; what providers remember of ids they have seen stays."""
        self._clear()
        self._journal.append("forget", {})
        self._journal.flush()
        self.tell("forget", {})

    def tell(self, event: str, told: dict[str, object]) -> None:
        """Have those who watch know of something that concerns no one phone."""
        for watcher in self.watchers:
            watcher(event, told)

    def _clear(self) -> None:
        self.phones.clear()
        self._taxpayers.clear()
        self.submissions.clear()
        self._arrivals.clear()

    def _keep(self, phone: Phone, message: Message) -> None:
        phone.messages.append(message)
        if self._settings.history_max is None:
            return
        self._arrivals.append(phone.msisdn)
        if len(self._arrivals) > self._settings.history_max:
            oldest = self.phones.get(self._arrivals.popleft())
            if oldest is not None and oldest.messages:
                oldest.messages.popleft()
                if not oldest.messages and not oldest.declared and not oldest.waiting:
                    self.phones.pop(oldest.msisdn, None)

    def _tell(self, event: str, phone: Phone, more: dict[str, object]) -> None:
        self.tell(event, {"msisdn": phone.msisdn} | more)

    def restore(self, kind: str, record: Record) -> bool:
        """Take back one line of the journal; False when it is somebody else's kind."""
        if kind == "phone":
            self._set(record["msisdn"], record["fields"])
        elif kind == "submission":
            self.submissions.append(Submission(**record))
        elif kind == "message":
            phone = self._restored_phone(record["msisdn"])
            phone.messages = deque(m for m in phone.messages if m.provider_message_id != record["gone"])
            self._keep(phone, Message(**record["message"]))
        elif kind == "read":
            phone = self._restored_phone(record["msisdn"])
            for message in phone.messages:
                if (message.provider, message.provider_message_id) == (record["provider"], record["id"]):
                    message.read_at = record["at"]
        elif kind == "forget":
            self._clear()
        else:
            return False
        return True

    def _restored_phone(self, msisdn: str) -> Phone:
        phone = self.phone(msisdn)
        if msisdn.startswith(TAX_KEY):
            phone.tax_id = msisdn.removeprefix(TAX_KEY)
            self._taxpayers.setdefault(phone.tax_id, phone)
        return phone
