"""Notifications, patients, providers and problems: types of bodies and answers, for callers of the client.

Written by scripts/generate_docs.py from ``esoz_notify.api.shapes``: change that and run it again.
"""

from typing import Literal, NotRequired, TypedDict

Moment = str
"""RFC 3339, UTC."""

KindName = Literal[
    "confirmation_code",
    "prescription_issued",
    "prescription_rejected",
    "prescription_blocked",
    "referral_issued",
    "referral_cancelled",
    "referral_recalled",
    "device_request_issued",
    "device_request_error",
    "care_plan_created",
    "conclusion_issued",
    "conclusion_error",
    "plain_text",
]
PublicKindName = Literal[
    "confirmation_code",
    "prescription_issued",
    "prescription_rejected",
    "prescription_blocked",
    "referral_issued",
    "referral_cancelled",
    "referral_recalled",
    "device_request_issued",
    "device_request_error",
    "care_plan_created",
    "conclusion_issued",
    "conclusion_error",
]
Language = Literal["uk", "en"]
ReasonName = Literal[
    "not_on_channel",
    "blocked_by_user",
    "no_device",
    "invalid_number",
    "number_inactive",
    "stoplist",
    "absent",
    "memory_full",
    "operator",
    "country",
    "content",
    "template",
    "parameters",
    "sender",
    "not_authorised",
    "balance",
    "throttled",
    "flood",
    "duplicate",
    "validity",
    "provider_fault",
    "unreachable",
    "no_answer",
    "worker_lost",
    "unknown",
]
StatusName = Literal[
    "accepted", "in_delivery", "delivered", "undelivered", "expired", "cancelled", "print_required", "printed"
]
ChannelName = Literal["diia", "viber", "sms", "print"]


class Explanation(TypedDict):
    """Why: a stable code and a sentence in both languages."""

    code: str
    uk: str
    en: str


class Recipient(TypedDict):
    """Who is informed, and why this person by this method."""

    method: Literal["OTP", "OFFLINE", "THIRD_PERSON", "NA"] | None
    """Null: paper, for want of any."""
    relation: str
    phone: str | None
    method_id: str | None
    why: Explanation
    notes: list[Explanation]


class Skipped(TypedDict):
    """A channel of the policy that is left out for this person."""

    channel: ChannelName
    code: str
    uk: str
    en: str


class InCrisis(TypedDict):
    """The crisis switch that puts a notification on paper with its code. ``reason``: in an operator's own words."""

    code: str
    uk: str
    en: str
    id: str
    reason: str


class Links(TypedDict):
    """Where to go on, relative to the API."""

    self: str
    events: str
    summary: str


class Accepted(TypedDict):
    """An accepted notification. It is on disk: it will be delivered, or its end will be told."""

    id: str
    status: StatusName
    kind: KindName
    recipient: Recipient
    route: list[ChannelName]
    skipped: list[Skipped]
    policy: str
    reference: str | None
    valid_until: Moment
    print_required: bool
    """Print the summary now, whatever becomes of the messages."""
    crisis: InCrisis | None
    """Why it is printed beside its messages, with the code."""
    links: Links


class Invalid(TypedDict):
    """One broken rule. ``pointer``: RFC 6901, into the body, or /query/{name}."""

    pointer: str
    code: str
    detail: str


class BothLanguages(TypedDict):
    """A sentence for people."""

    uk: str
    en: str


class Offer(TypedDict):
    """What to send instead."""

    inform_with: str


class Problem(TypedDict):
    """A problem document (RFC 9457). ``code`` is stable; texts may change. No personal data is ever in it."""

    type: str
    """Urn:esoz-notify:problem: and the code."""
    title: str
    status: int
    code: str
    detail: NotRequired[str]
    instance: NotRequired[str]
    invalid: NotRequired[list[Invalid]]
    scope: NotRequired[str]
    """Insufficient_scope: the scope that is needed."""
    reason: NotRequired[str]
    """Why nobody can be informed."""
    why: NotRequired[BothLanguages]
    print_offered: NotRequired[bool]
    offer: NotRequired[Offer]
    next_at: NotRequired[Moment]
    attempts_left: NotRequired[int]
    """Checks of this code that will still be judged."""
    advice: NotRequired[Explanation]
    """What to do instead."""


class BatchResult(TypedDict):
    """What became of one line: ``id`` and ``notification``, or ``problem``."""

    line: int
    status: int
    """What the call for one notification would have answered."""
    id: NotRequired[str]
    replayed: NotRequired[bool]
    """This line was accepted by an earlier call."""
    notification: NotRequired[Accepted]
    problem: NotRequired[Problem]


class Receipt(TypedDict):
    """What a provider said last about one part of a message."""

    part: int
    state: Literal["unknown", "accepted", "submitted", "expired", "undeliverable", "rejected", "delivered", "seen"]
    reason: ReasonName | None


class Attempt(TypedDict):
    """One try by one provider."""

    no: int
    channel: ChannelName
    provider: str
    client_reference: str
    """Our reference of it at the provider."""
    outcome: Literal["submitting", "submitted", "delivered", "read", "failed", "expired", "unknown"]
    reason: ReasonName | None
    detail: str | None
    calls: int
    started_at: Moment
    submitted_at: Moment | None
    ended_at: Moment | None
    receipts: list[Receipt]


class Decision(TypedDict):
    """One fact of the history; which other members it has depends on the fact."""

    seq: int
    at: Moment
    fact: str


class Notification(TypedDict):
    """Everything about one notification. Lists leave ``decisions`` out."""

    id: str
    status: StatusName
    kind: KindName
    recipient: Recipient
    route: list[ChannelName]
    skipped: list[Skipped]
    policy: str
    reference: str | None
    valid_until: Moment
    print_required: bool
    """Print the summary now, whatever becomes of the messages."""
    crisis: InCrisis | None
    """Why it is printed beside its messages, with the code."""
    links: Links
    reason: ReasonName | None
    created_at: Moment
    ended_at: Moment | None
    delivered_by: ChannelName | None
    print_offered: bool
    terminal: bool
    patient_id: str | None
    attempts: list[Attempt]
    decisions: NotRequired[list[Decision]]


class Page(TypedDict):
    """A page of notifications, newest first. ``next_cursor`` null: there are no more."""

    data: list[Notification]
    next_cursor: str | None


class Step(TypedDict):
    """A step of the route. ``window_s`` null: the last step, which goes on until the notification is over."""

    channel: ChannelName
    window_s: float | None


class Route(TypedDict):
    """Who would be informed and how. When nobody can be: ``status`` refused, ``reason`` and ``why``."""

    informed: bool
    status: Literal["accepted", "print_required", "refused"]
    route: list[ChannelName]
    recipient: NotRequired[Recipient]
    steps: NotRequired[list[Step]]
    skipped: NotRequired[list[Skipped]]
    policy: NotRequired[str]
    print_required: NotRequired[bool]
    crisis: NotRequired[InCrisis | None]
    reason: NotRequired[str]
    why: NotRequired[Explanation]
    print_offered: NotRequired[bool]


class StoredMethod(TypedDict):
    """A stored method, its phone masked."""

    id: str
    type: Literal["OTP", "OFFLINE", "THIRD_PERSON", "NA"]
    is_active: bool
    phone_number: NotRequired[str]
    """First six characters and last two."""
    value: NotRequired[str]
    alias: NotRequired[str]
    started_at: NotRequired[Moment]
    ended_at: NotRequired[Moment]
    inserted_at: NotRequired[Moment]


class ConfidantDocument(TypedDict):
    """A registered relation to a person who may act for the patient."""

    person_id: str
    is_active: NotRequired[bool]
    verification_status: NotRequired[str]
    active_to: NotRequired[str | None]


class StoredPatient(TypedDict):
    """A stored patient, phones and tax number masked."""

    id: str
    birth_date: str
    language: Language
    authentication_methods: list[StoredMethod]
    confidants: NotRequired[list[ConfidantDocument]]
    legal_capacity: NotRequired[Literal["full", "partial", "none"]]
    tax_id: NotRequired[str]
    """The last two digits."""
    ignored: NotRequired[list[str]]
    """Fields that were sent and not kept."""


class Provider(TypedDict):
    """A provider as all processes share it. ``since``, ``reason``: of its circuit, which judges during a hold too."""

    name: str
    state: Literal["held", "open", "half_open", "receipts_stopped", "slow", "up"]
    """The weightiest that applies; see docs/reliability.md."""
    since: Moment
    reason: str
    """Why its circuit changed last."""
    held_by: str | None
    """Client id of whoever took it out of use; null: nobody did."""
    held_why: str | None
    held_since: Moment | None
    slow: bool
    """Many receipts come late."""
    receipts_stopped: bool
    """Receipts are owed and none comes."""


class Providers(TypedDict):
    """Every configured provider, by name."""

    data: list[Provider]


class ProviderChange(TypedDict):
    """One change of a provider. ``by``: the person or client that made it; null: it was judged by its calls."""

    at: Moment
    change: Literal[
        "held", "resumed", "open", "half_open", "closed", "slow", "slow_over", "receipts_stopped", "receipts_back"
    ]
    reason: str
    by: str | None


class ProviderHistory(TypedDict):
    """The last changes of a provider, newest first."""

    data: list[ProviderChange]


class InlineRecipient(TypedDict):
    """A person that the caller chose itself."""

    phone: str
    tax_id: NotRequired[str | None]
    language: NotRequired[Language]


class MethodChoice(TypedDict):
    """An authentication method in the form that ESOZ's own calls give it."""

    auth_method_id: str


class NotificationRequest(TypedDict):
    """What to send and to whom: exactly one of patient_id and recipient."""

    kind: PublicKindName
    data: dict[str, str]
    """What the kind needs; see the table of kinds."""
    patient_id: NotRequired[str | None]
    """A patient stored by PUT /v1/patients/{patient_id}."""
    recipient: NotRequired[InlineRecipient | None]
    inform_with: NotRequired[str | MethodChoice | None]
    """Id of the patient's authentication method to use, or print; the default method otherwise."""
    summary: NotRequired[dict[str, str] | None]
    """Details for the printed summary; each kind says which it must have."""
    reference: NotRequired[str | None]
    """Your own id."""
    valid_until: NotRequired[Moment | None]
    """Nothing is sent after it; each kind has a default."""
    notifications_off: NotRequired[bool]
    """The document's programme sends no messages (ESOZ: request_notification_disabled): the summary is printed,
    with the code."""
    region: NotRequired[str | None]
    """Of the facility; a crisis switch may be for a region."""
    programme: NotRequired[str | None]
    """Medical programme; a switch may be for one."""


class Search(TypedDict):
    """Which notifications; what is left out may be anything."""

    reference: NotRequired[str]
    status: NotRequired[StatusName]
    kind: NotRequired[KindName]
    phone: NotRequired[str]
    crisis: NotRequired[str]
    cursor: NotRequired[str]
    """Next_cursor of the page before."""
    limit: NotRequired[int]


class MethodDocument(TypedDict):
    """An authentication method, under the names that ESOZ gives its fields."""

    type: Literal["OTP", "OFFLINE", "THIRD_PERSON", "NA"]
    id: NotRequired[str]
    phone_number: NotRequired[str | None]
    value: NotRequired[str | None]
    """THIRD_PERSON: that person's id."""
    alias: NotRequired[str | None]
    started_at: NotRequired[str | None]
    ended_at: NotRequired[str | None]
    is_active: NotRequired[bool]
    inserted_at: NotRequired[str | None]


class PatientDocument(TypedDict):
    """The minimum of a patient. ESOZ's own person may be sent as it is: what is not needed is named and not kept."""

    birth_date: str
    authentication_methods: NotRequired[list[MethodDocument]]
    confidants: NotRequired[list[ConfidantDocument] | None]
    """Leave out when unknown; [] means there are none."""
    legal_capacity: NotRequired[Literal["full", "partial", "none"] | None]
    tax_id: NotRequired[str | None]
    language: NotRequired[Language]
