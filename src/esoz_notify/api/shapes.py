"""The shapes of bodies and answers as the published contract describes them.

Nothing is decoded with these: what is wrong with a body is told by the engine, all of it at once. Tests hold every real
answer against them. What does not belong here: the list of calls (``contract``).
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from esoz_notify.core.channel import Channel
from esoz_notify.core.crisis_proposal import VALUE_LENGTH_MAX
from esoz_notify.core.kinds import KINDS, PUBLIC_KINDS
from esoz_notify.core.limits import PAGE_SIZE, PAGE_SIZE_MAX, REFERENCE_LENGTH_MAX
from esoz_notify.core.patient import LANGUAGES, LegalCapacity, MethodType
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.status import Outcome, Status
from esoz_notify.engine.assertions import ASSERTION_TYPE
from esoz_notify.engine.operations import WHY_LENGTH_MAX


def one_of(*values: str) -> Meta:
    """One of these texts."""
    return Meta(extra_json_schema={"enum": list(values)})


Id = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Moment = Annotated[str, Meta(description="RFC 3339, UTC", extra_json_schema={"format": "date-time"})]
KindName = Annotated[str, one_of(*KINDS)]
PublicKindName = Annotated[str, one_of(*PUBLIC_KINDS)]
Language = Annotated[str, one_of(*LANGUAGES)]
FullPhone = Annotated[str, Meta(pattern=r"^\+380[0-9]{9}$")]
MaskedPhone = Annotated[str, Meta(description="first six characters and last two", examples=["+38000*****01"])]
TaxId = Annotated[str, Meta(pattern="^[0-9]{10}$", description="RNOKPP; lets Diia find the person")]
Texts = Annotated[dict[str, str], Meta(description="names and values, all of them text")]
ReasonName = Annotated[str, one_of(*Reason)]
StatusName = Annotated[str, one_of(*Status)]
ChannelName = Annotated[str, one_of(*Channel)]
Place = Annotated[str, Meta(min_length=1, max_length=VALUE_LENGTH_MAX)]


class Exact(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An object with these members and no others."""


class InlineRecipient(Exact):
    """A person that the caller chose itself."""

    phone: FullPhone
    tax_id: TaxId | None = None
    language: Language = "uk"


class MethodChoice(Exact):
    """An authentication method in the form that ESOZ's own calls give it."""

    auth_method_id: str


class NotificationRequest(Exact):
    """What to send and to whom: exactly one of patient_id and recipient."""

    kind: PublicKindName
    data: Annotated[dict[str, str], Meta(description="what the kind needs; see the table of kinds")]
    patient_id: Annotated[Id | None, Meta(description="a patient stored by PUT /v1/patients/{patient_id}")] = None
    recipient: InlineRecipient | None = None
    inform_with: Annotated[
        str | MethodChoice | None,
        Meta(description="id of the patient's authentication method to use, or print; the default method otherwise"),
    ] = None
    summary: Annotated[
        dict[str, str] | None, Meta(description="details for the printed summary; each kind says which it must have")
    ] = None
    reference: Annotated[
        Annotated[str, Meta(min_length=1, max_length=REFERENCE_LENGTH_MAX)] | None, Meta(description="your own id")
    ] = None
    valid_until: Annotated[Moment | None, Meta(description="nothing is sent after it; each kind has a default")] = None
    notifications_off: Annotated[
        bool,
        Meta(
            description="the document's programme sends no messages (ESOZ: request_notification_disabled): the summary"
            " is printed, with the code"
        ),
    ] = False
    region: Annotated[Place | None, Meta(description="of the facility; a crisis switch may be for a region")] = None
    programme: Annotated[Place | None, Meta(description="medical programme; a switch may be for one")] = None


class Explanation(Exact):
    """Why: a stable code and a sentence in both languages."""

    code: str
    uk: str
    en: str


class Recipient(Exact):
    """Who is informed, and why this person by this method."""

    method: Annotated[Annotated[str, one_of(*MethodType)] | None, Meta(description="null: paper, for want of any")]
    relation: Annotated[str, Meta(examples=["self"])]
    phone: MaskedPhone | None
    method_id: str | None
    why: Explanation
    notes: list[Explanation]


class InCrisis(Explanation):
    """The crisis switch that puts a notification on paper with its code. ``reason``: in an operator's own words."""

    id: Id
    reason: str


class Skipped(Exact):
    """A channel of the policy that is left out for this person."""

    channel: ChannelName
    code: str
    uk: str
    en: str


class Links(Exact):
    """Where to go on, relative to the API."""

    self: str
    events: str
    summary: str


class Accepted(Exact):
    """An accepted notification. It is on disk: it will be delivered, or its end will be told."""

    id: Id
    status: StatusName
    kind: KindName
    recipient: Recipient
    route: list[ChannelName]
    skipped: list[Skipped]
    policy: str
    reference: str | None
    valid_until: Moment
    print_required: Annotated[bool, Meta(description="print the summary now, whatever becomes of the messages")]
    crisis: Annotated[InCrisis | None, Meta(description="why it is printed beside its messages, with the code")]
    links: Links


class Receipt(Exact):
    """What a provider said last about one part of a message."""

    part: int
    state: Annotated[str, one_of(*(state.name.lower() for state in ReceiptState))]
    reason: ReasonName | None


class Attempt(Exact):
    """One try by one provider."""

    no: int
    channel: ChannelName
    provider: str
    client_reference: Annotated[str, Meta(description="our reference of it at the provider")]
    outcome: Annotated[str, one_of(*Outcome)]
    reason: ReasonName | None
    detail: str | None
    calls: int
    started_at: Moment
    submitted_at: Moment | None
    ended_at: Moment | None
    receipts: list[Receipt]


class Decision(msgspec.Struct, kw_only=True):
    """One fact of the history; which other members it has depends on the fact."""

    seq: int
    at: Moment
    fact: str


class Event(Decision, kw_only=True):
    """A fact as it is streamed."""

    status: StatusName
    delivered_by: ChannelName | None


class Notification(Accepted, kw_only=True):
    """Everything about one notification. Lists leave ``decisions`` out."""

    reason: ReasonName | None
    created_at: Moment
    ended_at: Moment | None
    delivered_by: ChannelName | None
    print_offered: bool
    terminal: bool
    patient_id: Id | None
    attempts: list[Attempt]
    decisions: list[Decision] | UnsetType = UNSET


class Search(Exact):
    """Which notifications; what is left out may be anything."""

    reference: Annotated[str, Meta(min_length=1, max_length=REFERENCE_LENGTH_MAX)] | UnsetType = UNSET
    status: StatusName | UnsetType = UNSET
    kind: KindName | UnsetType = UNSET
    phone: FullPhone | UnsetType = UNSET
    crisis: Id | UnsetType = UNSET
    cursor: Annotated[Id | UnsetType, Meta(description="next_cursor of the page before")] = UNSET
    limit: Annotated[int, Meta(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE


class Page(Exact):
    """A page of notifications, newest first. ``next_cursor`` null: there are no more."""

    data: list[Notification]
    next_cursor: Id | None


class Step(Exact):
    """A step of the route. ``window_s`` null: the last step, which goes on until the notification is over."""

    channel: ChannelName
    window_s: float | None


class Route(msgspec.Struct, kw_only=True):
    """Who would be informed and how. When nobody can be: ``status`` refused, ``reason`` and ``why``."""

    informed: bool
    status: Annotated[str, one_of(Status.ACCEPTED, Status.PRINT_REQUIRED, "refused")]
    route: list[ChannelName]
    recipient: Recipient | UnsetType = UNSET
    steps: list[Step] | UnsetType = UNSET
    skipped: list[Skipped] | UnsetType = UNSET
    policy: str | UnsetType = UNSET
    print_required: bool | UnsetType = UNSET
    crisis: InCrisis | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET
    why: Explanation | UnsetType = UNSET
    print_offered: bool | UnsetType = UNSET


class MethodDocument(msgspec.Struct, kw_only=True):
    """An authentication method, under the names that ESOZ gives its fields."""

    type: Annotated[str, one_of(*MethodType)]
    id: str | UnsetType = UNSET
    phone_number: FullPhone | UnsetType | None = UNSET
    value: Annotated[str | UnsetType | None, Meta(description="THIRD_PERSON: that person's id")] = UNSET
    alias: str | UnsetType | None = UNSET
    started_at: str | UnsetType | None = UNSET
    ended_at: str | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET
    inserted_at: str | UnsetType | None = UNSET


class ConfidantDocument(msgspec.Struct, kw_only=True):
    """A registered relation to a person who may act for the patient."""

    person_id: Id
    is_active: bool | UnsetType = UNSET
    verification_status: str | UnsetType = UNSET
    active_to: str | UnsetType | None = UNSET


class PatientDocument(msgspec.Struct, kw_only=True):
    """The minimum of a patient. ESOZ's own person may be sent as it is: what is not needed is named and not kept."""

    birth_date: Annotated[str, Meta(extra_json_schema={"format": "date"})]
    authentication_methods: list[MethodDocument] | UnsetType = UNSET
    confidants: Annotated[
        list[ConfidantDocument] | UnsetType | None, Meta(description="leave out when unknown; [] means there are none")
    ] = UNSET
    legal_capacity: Annotated[str, one_of(*LegalCapacity)] | UnsetType | None = UNSET
    tax_id: TaxId | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET


class StoredMethod(Exact):
    """A stored method, its phone masked."""

    id: str
    type: Annotated[str, one_of(*MethodType)]
    is_active: bool
    phone_number: MaskedPhone | UnsetType = UNSET
    value: str | UnsetType = UNSET
    alias: str | UnsetType = UNSET
    started_at: Moment | UnsetType = UNSET
    ended_at: Moment | UnsetType = UNSET
    inserted_at: Moment | UnsetType = UNSET


class StoredPatient(Exact):
    """A stored patient, phones and tax number masked."""

    id: Id
    birth_date: Annotated[str, Meta(extra_json_schema={"format": "date"})]
    language: Language
    authentication_methods: list[StoredMethod]
    confidants: list[ConfidantDocument] | UnsetType = UNSET
    legal_capacity: Annotated[str, one_of(*LegalCapacity)] | UnsetType = UNSET
    tax_id: Annotated[str | UnsetType, Meta(description="the last two digits")] = UNSET
    ignored: Annotated[list[str] | UnsetType, Meta(description="fields that were sent and not kept")] = UNSET


class Provider(Exact):
    """A provider as all processes share it. ``since``, ``reason``: of its circuit, which judges during a hold too."""

    name: str
    state: Annotated[
        str,
        one_of("held", "open", "half_open", "receipts_stopped", "slow", "up"),
        Meta(description="the weightiest that applies; see docs/reliability.md"),
    ]
    since: Moment
    reason: Annotated[str, Meta(description="why its circuit changed last", examples=["failure_share: no_answer"])]
    held_by: Annotated[str | None, Meta(description="client id of whoever took it out of use; null: nobody did")]
    held_why: str | None
    held_since: Moment | None
    slow: Annotated[bool, Meta(description="many receipts come late")]
    receipts_stopped: Annotated[bool, Meta(description="receipts are owed and none comes")]


class Providers(Exact):
    """Every configured provider, by name."""

    data: list[Provider]


class ProviderChange(Exact):
    """One change of a provider. ``by``: the person or client that made it; null: it was judged by its calls."""

    at: Moment
    change: Annotated[
        str,
        one_of(
            "held", "resumed", "open", "half_open", "closed", "slow", "slow_over", "receipts_stopped", "receipts_back"
        ),
    ]
    reason: str
    by: str | None


class ProviderHistory(Exact):
    """The last changes of a provider, newest first."""

    data: list[ProviderChange]


class GivenReason(Exact):
    """Why a person does it; kept for good, so nothing about a patient belongs in it."""

    reason: Annotated[str, Meta(min_length=1, max_length=WHY_LENGTH_MAX)]


class Invalid(Exact):
    """One broken rule. ``pointer``: RFC 6901, into the body, or /query/{name}."""

    pointer: str
    code: str
    detail: str


class BothLanguages(Exact):
    """A sentence for people."""

    uk: str
    en: str


class Offer(Exact):
    """What to send instead."""

    inform_with: str


class Problem(Exact):
    """A problem document (RFC 9457). ``code`` is stable; texts may change. No personal data is ever in it."""

    type: Annotated[str, Meta(description="urn:esoz-notify:problem: and the code")]
    title: str
    status: int
    code: str
    detail: str | UnsetType = UNSET
    instance: str | UnsetType = UNSET
    invalid: list[Invalid] | UnsetType = UNSET
    scope: Annotated[str | UnsetType, Meta(description="insufficient_scope: the scope that is needed")] = UNSET
    reason: Annotated[str | UnsetType, Meta(description="why nobody can be informed")] = UNSET
    why: BothLanguages | UnsetType = UNSET
    print_offered: bool | UnsetType = UNSET
    offer: Offer | UnsetType = UNSET
    next_at: Annotated[Moment | UnsetType, Meta(description="when it will be allowed")] = UNSET
    attempts_left: Annotated[int | UnsetType, Meta(description="checks of this code that will still be judged")] = UNSET
    advice: Annotated[Explanation | UnsetType, Meta(description="what to do instead")] = UNSET


class BatchResult(Exact):
    """What became of one line: ``id`` and ``notification``, or ``problem``."""

    line: Annotated[int, Meta(ge=1)]
    status: Annotated[int, Meta(description="what the call for one notification would have answered")]
    id: Id | UnsetType = UNSET
    replayed: Annotated[bool | UnsetType, Meta(description="this line was accepted by an earlier call")] = UNSET
    notification: Accepted | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class TokenRequest(Exact):
    """RFC 6749 §4.4. The id and the secret may come by HTTP Basic instead, or an assertion for both (RFC 7523)."""

    grant_type: Annotated[str, one_of("client_credentials")]
    client_id: str | UnsetType = UNSET
    client_secret: str | UnsetType = UNSET
    client_assertion_type: Annotated[str | UnsetType, Meta(description=f"{ASSERTION_TYPE}, with client_assertion")] = (
        UNSET
    )
    client_assertion: Annotated[str | UnsetType, Meta(description="a JWT that one of the client's keys signed")] = UNSET
    scope: Annotated[str | UnsetType, Meta(description="fewer scopes than the client has, with spaces")] = UNSET


class Token(Exact):
    """RFC 6749 §5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class TokenProblem(Exact):
    """RFC 6749 §5.2."""

    error: str
    error_description: str


class Check(Exact):
    """What one part says of itself."""

    ok: bool
    state: str


class Readiness(Exact):
    """Whether requests should be sent here now."""

    status: Annotated[str, one_of("ready", "not_ready")]
    checks: dict[str, Check]
    banner: Annotated[BothLanguages | UnsetType, Meta(description="only while a crisis switch is in force")] = UNSET


class Alive(Exact):
    """The process answers."""

    status: str


AnyObject = dict[str, Any]
