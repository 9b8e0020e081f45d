"""The shapes of one-time codes: our own calls, and the contract that ESOZ's components call today.

What belongs here: bodies and answers. What does not: the list of calls (``contract``), other shapes (``shapes``).
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from esoz_notify.api.shapes import (
    ChannelName,
    Exact,
    Explanation,
    FullPhone,
    Id,
    InlineRecipient,
    MaskedPhone,
    MethodChoice,
    Moment,
    Recipient,
    StatusName,
    one_of,
)
from esoz_notify.core.kinds import PLAIN_TEXT_LENGTH_MAX
from esoz_notify.core.verification import PURPOSES, Party, State
from esoz_notify.engine.esoz import CONTENT_HASH_LENGTH_MAX
from esoz_notify.engine.verification_request import CODE_TEXT_LENGTH_MAX, DOCTOR_LENGTH_MAX, ENTITY_LENGTH_MAX

PurposeName = Annotated[str, one_of(*PURPOSES)]
PartyName = Annotated[str, one_of(*Party)]


class VerificationRequest(Exact):
    """What is to be confirmed and by whom: exactly one of patient_id and recipient."""

    purpose: PurposeName
    entity_id: Annotated[
        str, Meta(min_length=1, max_length=ENTITY_LENGTH_MAX, description="your own id of what is confirmed")
    ]
    confirms: Annotated[
        PartyName | None, Meta(description="whose confirmation, where the purpose needs two: third_person comes first")
    ] = None
    patient_id: Annotated[Id | None, Meta(description="a patient stored by PUT /v1/patients/{patient_id}")] = None
    third_person_id: Annotated[Id | None, Meta(description="who is asked, where confirms is third_person")] = None
    recipient: InlineRecipient | None = None
    authorize_with: Annotated[
        str | MethodChoice | None, Meta(description="id of the authentication method to use; the default otherwise")
    ] = None
    doctor_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=DOCTOR_LENGTH_MAX)] | None,
        Meta(description="who asks: limits are counted for each; kept only as a keyed index"),
    ] = None


class CodeDelivery(Exact):
    """Where the message with the code is."""

    status: StatusName
    route: list[ChannelName]
    delivered_by: ChannelName | None


class VerificationLinks(Exact):
    """Where to go on, relative to the API."""

    self: str
    check: str
    resend: str
    events: str
    summary: str


class Verification(Exact):
    """A verification as it is now. The code itself is never shown."""

    id: Annotated[Id, Meta(description="also of the notification that brings the code")]
    purpose: PurposeName
    entity_id: str
    confirms: PartyName
    status: Annotated[str, one_of(*State)]
    attempts_left: int
    created_at: Moment
    expires_at: Annotated[Moment, Meta(description="moves on when the code is sent again or by the next channel")]
    verified_at: Moment | None
    next: Annotated[PartyName | None, Meta(description="whose confirmation is to be asked for now")]
    recipient: Recipient
    delivery: CodeDelivery
    advice: Annotated[Explanation | None, Meta(description="what to do; null: wait for the code")]
    links: VerificationLinks


class CodeCheck(Exact):
    """The code that the person told."""

    code: Annotated[str, Meta(min_length=1, max_length=CODE_TEXT_LENGTH_MAX)]


class VerificationAlarm(Exact):
    """A person got many codes in a day that nobody used."""

    at: Moment
    client_id: Annotated[str, Meta(description="who had the last of them sent")]
    verification_id: Id
    unrequested: int


class VerificationAlarms(Exact):
    """The last alarms, newest first."""

    data: list[VerificationAlarm]


# --- the contract that ESOZ's components call today ---------------------------------------------------------------


class EsozMeta(Exact):
    """About the answer."""

    code: int
    url: Annotated[str, Meta(description="phones in it are masked")]
    type: Annotated[str, one_of("object")]
    request_id: str


class EsozRule(Exact):
    """A broken rule."""

    rule: str
    params: list[str]
    description: str


class EsozInvalid(Exact):
    """What is wrong with one member."""

    entry: Annotated[str, Meta(examples=["$.phone_number"])]
    entry_type: Annotated[str, one_of("json_data_property")]
    rules: list[EsozRule]


class EsozError(Exact):
    """What went wrong."""

    type: Annotated[str, Meta(examples=["forbidden"])]
    message: str
    invalid: list[EsozInvalid] | UnsetType = UNSET


class EsozProblem(Exact):
    """A failure in ESOZ's envelope."""

    meta: EsozMeta
    error: EsozError


class EsozPhoneVerificationRequest(Exact):
    """Have a code sent to a phone."""

    phone_number: FullPhone
    provider: Annotated[str | UnsetType, Meta(description="taken and not used: the policy decides")] = UNSET


class EsozPhoneVerification(msgspec.Struct, kw_only=True):
    """A code of a phone. ``active``: it can still be told."""

    id: Id
    status: Annotated[str, one_of("new", "verified")]
    code_expired_at: Moment
    active: bool


class EsozPhoneVerificationAnswer(Exact):
    """In ESOZ's envelope."""

    meta: EsozMeta
    data: EsozPhoneVerification


class EsozCode(Exact):
    """The code, as a number or as text; a number that lost leading zeros gets them back."""

    code: Annotated[int | str, Meta(description="4 digits")]


class EsozVerifiedPhone(Exact):
    """A phone whose code was told rightly."""

    phone_number: FullPhone


class EsozVerifiedPhoneAnswer(Exact):
    """In ESOZ's envelope."""

    meta: EsozMeta
    data: EsozVerifiedPhone


class EsozText(Exact):
    """A text for a phone."""

    phone_number: FullPhone
    body: Annotated[str, Meta(min_length=1, max_length=PLAIN_TEXT_LENGTH_MAX)]
    type: str | UnsetType = UNSET
    provider: Annotated[str | UnsetType, Meta(description="taken and not used: the policy decides")] = UNSET


class EsozSentText(Exact):
    """A text that will be sent; ``id`` is that of its notification."""

    id: Id
    phone_number: FullPhone
    body: str
    type: str


class EsozSentTextAnswer(Exact):
    """In ESOZ's envelope."""

    meta: EsozMeta
    data: EsozSentText


class EsozFactor(Exact):
    """Have a code sent for some content, or, with ``code``, confirm it."""

    factor: FullPhone
    type: Annotated[str, one_of("SMS")]
    content_hash: Annotated[str, Meta(min_length=1, max_length=CONTENT_HASH_LENGTH_MAX)] | UnsetType = UNSET
    code: int | str | UnsetType = UNSET


class EsozFactorResult(Exact):
    """What was done."""

    result: Annotated[str, one_of("OTP sent", "Verified")]


class EsozUrgent(Exact):
    """What the caller should do now, and where the code went."""

    next_step: Annotated[str | UnsetType, one_of("REQUEST_OTP")] = UNSET
    authentication_method_current: "EsozMethod | UnsetType" = UNSET


class EsozMethod(Exact):
    """The method that is used, its phone masked."""

    type: Annotated[str, one_of("OTP")]
    number: MaskedPhone


class EsozFactorAnswer(Exact):
    """In ESOZ's envelope."""

    meta: EsozMeta
    data: EsozFactorResult
    urgent: EsozUrgent | UnsetType = UNSET
