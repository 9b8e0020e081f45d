"""The audit: what is noted of a deed, and the chain that shows when what was noted has been touched.

What belongs here: the deeds, their rules, how a row is hashed and what follows what. What does not: the table
(``store.audit``), writing, anchors' keys and reading for people (``engine.audit``).
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from esoz_notify.core.errors import InvalidInput, Problem


class Action(StrEnum):
    """What was done, and its meaning. Values are in the ledger for ever: rows are added, none is renamed."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        """Make a row of the table."""
        made = str.__new__(cls, value)
        made._value_ = value
        made.meaning = meaning
        return made

    SIGN_IN = "sign_in", "A person signed in to the pages."
    SECOND_FACTOR_FAILED = "second_factor_failed", "The password was right and the second factor was not."
    SIGN_OUT = "sign_out", "A person signed out."
    SESSION_REVOKED = "session_revoked", "Sessions of a person were ended by somebody else, or from another session."
    PASSWORD_CHANGED = "password_changed", "A person got another password."
    SECOND_FACTOR_ENROLLED = "second_factor_enrolled", "A person got a second factor."
    SECOND_FACTOR_REMOVED = "second_factor_removed", "A second factor of a person was taken away."
    SECOND_FACTOR_DEMANDED = "second_factor_demanded", "Whether a person must have a second factor was changed."
    REVEAL_PHONE = "reveal_phone", "A whole phone was shown to a person."
    REVEAL_TEXT = "reveal_text", "The text of a message was shown to a person."
    REVEAL_RECEIPT = "reveal_receipt", "A receipt was shown to a person as the provider sent it."
    PERSON_ADDED = "person_added", "Somebody was given access to the pages."
    PERSON_DISABLED = "person_disabled", "A person's access to the pages was taken away."
    PERSON_ROLE = "person_role", "A person's role was changed."
    CLIENT_CREATED = "client_created", "A caller of the API was made."
    CLIENT_ROTATED = "client_rotated", "A caller's secret was replaced or a second one given."
    CLIENT_DISABLED = "client_disabled", "A caller's access was taken away."
    CLIENT_KEYS_CHANGED = "client_keys_changed", "The public keys or certificates of a caller were changed."
    CLIENT_KEY_SHOWN = "client_key_shown", "The API key of a caller was made and shown."
    CLIENT_LIMITED = "client_limited", "How much a caller may ask for was changed."
    WEBHOOK_CREATED = "webhook_created", "A caller had an address of its own told what becomes of its notifications."
    WEBHOOK_CHANGED = "webhook_changed", "The address of a webhook, what it is told, or whether, was changed."
    WEBHOOK_DISABLED = "webhook_disabled", "A webhook is told nothing any more: so it was asked, or it failed for days."
    WEBHOOK_ENABLED = "webhook_enabled", "A disabled webhook is told again."
    WEBHOOK_ROTATED = "webhook_rotated", "A webhook got a new secret."
    WEBHOOK_REPLAYED = "webhook_replayed", "A webhook is told once more what happened."
    WEBHOOK_DELETED = "webhook_deleted", "A webhook was forgotten."
    KEY_ROTATED = "key_rotated", "A new key seals data from now on."
    KEY_RETIRED = "key_retired", "A key that seals nothing any more was taken out of use."
    PURGE = "purge", "Data whose time was over was erased."
    PRINT = "print", "A summary was printed for the first time from the pages."
    REPRINT = "reprint", "A summary was printed once more."
    RESEND = "resend", "A message was sent again by the next way."
    CANCEL = "cancel", "A notification was withdrawn."
    PROVIDER_HELD = "provider_held", "A provider was taken out of use."
    PROVIDER_RESUMED = "provider_resumed", "A provider was put back into use."
    PROVIDER_PROBED = "provider_probed", "A probe of a provider was asked for."
    CRISIS_PROPOSED = "crisis_proposed", "A crisis switch was proposed."
    CRISIS_CONFIRMED = "crisis_confirmed", "A crisis switch was confirmed by a second person."
    CRISIS_WITHDRAWN = "crisis_withdrawn", "A crisis switch was taken back."
    PATIENT_DELETED = "patient_deleted", "What was stored of a patient was erased."
    LEDGER_RESTORED = "ledger_restored", "The ledger was restored from a backup; what was in doubt was withdrawn."
    EXPORT = "export", "Data was taken out of the ledger into a file."
    POLICY_DRAFTED = "policy_drafted", "A routing policy was prepared."
    POLICY_PUBLISHED = "policy_published", "A routing policy was published by a second person, for a later day."
    POLICY_WITHDRAWN = "policy_withdrawn", "A routing policy was taken back before its day."
    TEXT_WRITTEN = "text_written", "A draft of the texts of a message was written."
    TEXT_PUBLISHED = "text_published", "Other texts of messages came into force."
    BULK_BROUGHT = "bulk_brought", "A file of many notifications was brought to the pages."
    BULK_STARTED = "bulk_started", "A file of many notifications was let go, or went on after a stop."
    BULK_STOPPED = "bulk_stopped", "The sending of a file was stopped."
    BULK_DROPPED = "bulk_dropped", "A file was given up: what was not sent of it is erased."
    VIBER_TEMPLATE_STATE = "viber_template_state", "It was noted where a Viber template is in moderation."


WHY_LENGTH_MAX = 200
DETAILS_MAX = 8
VALUE_LENGTH_MAX = 100

_UNREADABLE = frozenset({"Cc", "Cs"})
"""Categories of control characters, line breaks among them, and of halves of characters."""
_ID = re.compile(r"[a-z][a-z_]{1,30}:[A-Za-z0-9][A-Za-z0-9._@#/-]{0,99}")
_NAME = re.compile(r"[a-z][a-z_]{0,30}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PERSONAL = re.compile(r"\d{9,}|(?<!\w)(?:3[\s()-]*8[\s()-]*)?0(?:[\s()-]*\d){9}(?!\w)")
"""Phones as people write them, and tax numbers; not the numbers of documents, which go on with letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who did what to which record, and why. Never personal data: a check refuses what looks like it.

    ``actor``: ``person:LOGIN``, ``caller:ID`` or ``cli:USER@HOST``. ``subject``: ``WORD:ID``, such as
    ``notification:UUID`` (of hashes the first 8 digits). ``details``: few and short, such as ``{"no": "2"}``.
    """

    actor: str
    action: Action
    subject: str
    why: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)


def id_of(actor: str) -> str:
    """The id of an actor alone, as people are told who it was; empty when it is no ``word:id``."""
    return actor.partition(":")[2].strip()


def check(deed: Deed) -> None:
    """Refuse what may not be noted.

    Raises InvalidInput for the reason, which people write, and ValueError for the rest, which is ours; neither repeats
    what was given.
    """
    for name, value in (("actor", deed.actor), ("subject", deed.subject)):
        if not is_id(value):
            raise ValueError(f"the {name} of a deed must be word:id and no phone or tax number")
    if len(deed.details) > DETAILS_MAX or not all(_NAME.fullmatch(name) for name in deed.details):
        raise ValueError(f"the details of a deed are {DETAILS_MAX} at most, with names in small letters")
    if any(_breaks_a_rule(value, VALUE_LENGTH_MAX) for value in deed.details.values()):
        raise ValueError(f"each detail of a deed is one line of {VALUE_LENGTH_MAX} characters, no phone or tax number")
    if deed.why is not None and _breaks_a_rule(deed.why, WHY_LENGTH_MAX):
        rule = f"must be one line of {WHY_LENGTH_MAX} characters at most, without a phone or a tax number"
        raise InvalidInput([Problem("/why", "not_for_the_audit", rule)])


def is_personal(text: str) -> bool:
    """Whether a text holds what looks like a phone or a tax number; ids of ours are not taken for one."""
    return _PERSONAL.search(_UUID.sub("", text)) is not None


def visible(text: str) -> str:
    """What a reason hides, as letters that turn the line around, written out."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def is_id(text: str) -> bool:
    """Whether a text may be the id of an actor or a subject, as ``check`` has it."""
    return _ID.fullmatch(text) is not None and not is_personal(text)


def _breaks_a_rule(text: str, length_max: int) -> bool:
    return len(text) > length_max or is_personal(text) or any(unicodedata.category(one) in _UNREADABLE for one in text)


# --- the chain --------------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = b"esoz-notify audit 1"


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a chain: its number, and its hash, which stands for everything up to it."""

    seq: int
    hash: bytes


GENESIS = Head(0, bytes(32))
"""What the first row follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row. ``details`` is JSON exactly as it is stored. ``at`` None: a time that no row of ours can have."""

    seq: int
    at: datetime | None
    actor: str
    action: str
    subject: str
    why: str | None
    details: str
    prev: bytes
    hash: bytes


def entry(head: Head, deed: Deed, at: datetime) -> Entry:
    """Make the row of a deed that follows ``head``. Raises as ``check``."""
    check(deed)
    details = json.dumps(dict(sorted(deed.details.items())), ensure_ascii=False, separators=(",", ":"))
    fields = (head.seq + 1, at, deed.actor, deed.action.value, deed.subject, deed.why, details)
    return Entry(
        seq=head.seq + 1,
        at=at,
        actor=deed.actor,
        action=deed.action.value,
        subject=deed.subject,
        why=deed.why,
        details=details,
        prev=head.hash,
        hash=_digest(head.hash, fields),
    )


def fault(head: Head, row: Entry) -> str | None:
    """What shows that ``row`` is not what was written after ``head``; None when nothing does."""
    if row.seq != head.seq + 1:
        return "it is missing" if row.seq > head.seq else "another row has the same number"
    fields = (row.seq, row.at, row.actor, row.action, row.subject, row.why, row.details)
    if row.hash != _digest(row.prev, fields):
        return "it is not what was written"
    return None if row.prev == head.hash else "it does not follow the row before it"


def _digest(prev: bytes, fields: Sequence[object]) -> bytes:
    """SHA-256 over the hash before and every field with its length, so that no two rows are the same bytes."""
    parts = [_FORM, *(_bytes(one) for one in fields)]
    return hashlib.sha256(prev + b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


def _bytes(value: object) -> bytes:
    """One field, with a first letter that says what it is: nothing is not an empty text."""
    if isinstance(value, datetime):
        return b"t%d" % ((value - _EPOCH) // timedelta(microseconds=1))
    return b"n" if value is None else f"s{value}".encode()
