"""The shapes of the dialects of other services: GOV.UK Notify's API and TurboSMS's HTTP API, as far as we speak them.

What belongs here: bodies and answers. What does not: the list of calls (``compat_contract``).
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from esoz_notify.api.shapes import ChannelName, Exact, Id, KindName, MaskedPhone, Moment, one_of
from esoz_notify.core.limits import REFERENCE_LENGTH_MAX

RECIPIENTS_MAX = 100
IDS_MAX = 50
SEQUENCE_LENGTH_MAX = 100

Unused = Annotated[Any, Meta(description="taken and not used: the policy decides")]
Always = Annotated[None, Meta(description="always null: an SMS has none, or we do not know it")]


class GovukSms(Exact):
    """An SMS of a template, for a phone."""

    phone_number: Annotated[
        str, Meta(description="+380 and nine digits, or as people write it", examples=["+380000000001"])
    ]
    template_id: Annotated[str, Meta(description="of GET /v2/templates, or the name of a kind")]
    personalisation: Annotated[dict[str, str] | UnsetType, Meta(description="what the kind needs")] = UNSET
    reference: Annotated[str, Meta(min_length=1, max_length=REFERENCE_LENGTH_MAX)] | UnsetType | None = UNSET
    sms_sender_id: Unused | UnsetType = UNSET


class GovukNamed(Exact):
    """Which template, and where it is. ``version``: of the text in force now; 0 is that of the release."""

    id: Id
    version: int
    uri: str


class GovukContent(Exact):
    """The words of the template with ((name)) for each datum: an answer holds no data."""

    body: str
    from_number: Always


class GovukSent(Exact):
    """It is on disk and will be sent."""

    id: Id
    reference: str | None
    content: GovukContent
    uri: str
    template: GovukNamed
    scheduled_for: Always


GOVUK_STATUSES = (
    "created", "sending", "delivered", "permanent-failure", "temporary-failure", "technical-failure", "cancelled",
)  # fmt: skip


class GovukNotification(Exact):
    """A notification as it is now."""

    id: Id
    reference: str | None
    phone_number: MaskedPhone | None
    type: Annotated[str, one_of("sms")]
    status: Annotated[str, one_of(*GOVUK_STATUSES)]
    template: GovukNamed
    body: Annotated[str, Meta(description="with ((name)) for each datum")]
    created_at: Moment
    sent_at: Moment | None
    completed_at: Moment | None
    email_address: Always
    line_1: Always
    line_2: Always
    line_3: Always
    line_4: Always
    line_5: Always
    line_6: Always
    postcode: Always
    postage: Always
    subject: Always
    created_by_name: Always
    scheduled_for: Always


class GovukLinks(Exact):
    """Where this page and the next one are."""

    current: str
    next: str | UnsetType = UNSET


class GovukNotifications(Exact):
    """A page, newest first."""

    notifications: list[GovukNotification]
    links: GovukLinks


class GovukField(Exact):
    """A datum of a template."""

    required: bool


class GovukTemplate(Exact):
    """A kind as a template."""

    id: Id
    type: Annotated[str, one_of("sms")]
    version: int
    name: KindName
    body: str
    personalisation: dict[str, GovukField]
    subject: Always
    created_at: Always
    updated_at: Always
    created_by: Always
    letter_contact_block: Always


class GovukTemplates(Exact):
    """Every kind."""

    templates: list[GovukTemplate]


class GovukPersonalisation(Exact):
    """Data to fill a template with."""

    personalisation: dict[str, str]


class GovukPreview(Exact):
    """What the SMS says."""

    id: Id
    type: Annotated[str, one_of("sms")]
    version: int
    body: str
    subject: Always


class GovukError(Exact):
    """What went wrong: a type for programs, a sentence for people."""

    error: str
    message: str


class GovukProblem(Exact):
    """A failure in GOV.UK Notify's envelope."""

    status_code: int
    errors: list[GovukError]


class TurboSmsPart(Exact):
    """One channel's part. Of two texts that of sms is sent, by whichever channel the policy says."""

    text: str | UnsetType = UNSET
    sender: Unused | UnsetType = UNSET
    ttl: Unused | UnsetType = UNSET
    is_transactional: Unused | UnsetType = UNSET


class TurboSmsSending(Exact):
    """A text for phones; sms, viber or both."""

    recipients: Annotated[list[str], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    sms: TurboSmsPart | UnsetType = UNSET
    viber: TurboSmsPart | UnsetType = UNSET
    text: Annotated[str | UnsetType, Meta(description="of parts that have none of their own")] = UNSET
    sender: Unused | UnsetType = UNSET
    sequence_id: Annotated[
        str | int | UnsetType,
        Meta(description=f"your own key of this request, {SEQUENCE_LENGTH_MAX} characters at most"),
    ] = UNSET


class TurboSmsTaken(Exact):
    """What is said of one recipient. ``phone`` null: it is none."""

    phone: str | None
    message_id: Id | None
    response_code: int
    response_status: str


class TurboSmsSent(Exact):
    """What a sending came to."""

    response_code: int
    response_status: str
    response_result: list[TurboSmsTaken] | None
    response_detail: Annotated[str | UnsetType, Meta(description="ours: the rule and the fix")] = UNSET


class TurboSmsIds(Exact):
    """Ids of messages."""

    messages: Annotated[list[str], Meta(min_length=1, max_length=IDS_MAX)]


class TurboSmsStatus(Exact):
    """What became of one message; of one that is not the caller's only the first three."""

    message_id: Id | None
    response_code: int
    response_status: str
    recipient: MaskedPhone | UnsetType | None = UNSET
    sent: Annotated[str | UnsetType | None, Meta(description="YYYY-MM-DD HH:MM:SS of Kyiv")] = UNSET
    updated: Annotated[str | UnsetType | None, Meta(description="likewise")] = UNSET
    status: str | UnsetType = UNSET
    type: ChannelName | UnsetType | None = UNSET


class TurboSmsStatuses(Exact):
    """What became of messages, in the order asked."""

    response_code: int
    response_status: str
    response_result: list[TurboSmsStatus] | None
    response_detail: str | UnsetType = UNSET


class TurboSmsProblem(Exact):
    """A failure, and the answer of a ping."""

    response_code: int
    response_status: str
    response_result: None
    response_detail: str | UnsetType = UNSET
