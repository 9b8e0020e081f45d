"""The shapes of webhooks: bodies and answers of the calls about them, and what receivers are sent.

What does not belong here: the list of calls (``contract``), signatures (docs/webhooks.md).
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from esoz_notify.api.shapes import ChannelName, Exact, Id, KindName, Links, Moment, ReasonName, StatusName, one_of
from esoz_notify.core.webhooks import CHOOSABLE, TYPE_PREFIX, Disabled, EventName, Fault, State
from esoz_notify.engine.webhook_requests import KEEP_OLD_HOURS, KEEP_OLD_HOURS_MAX, URL_LENGTH_MAX

Address = Annotated[str, Meta(min_length=1, max_length=URL_LENGTH_MAX, examples=["https://mis.example/webhooks"])]
Chosen = Annotated[
    list[Annotated[str, one_of(*CHOOSABLE)]], Meta(description="what it is told; none of them means all of them")
]


class NewWebhook(Exact):
    """An address that is to be told what becomes of your notifications."""

    url: Annotated[Address, Meta(description="https:// on the internet; its query is kept, and never shown again")]
    events: Chosen | UnsetType | None = UNSET


class WebhookChange(Exact):
    """What is to be different; what is left out stays."""

    url: Address | UnsetType | None = UNSET
    events: Chosen | UnsetType | None = UNSET
    enabled: Annotated[bool | UnsetType | None, Meta(description="false: it is told nothing")] = UNSET


class SecretRotation(Exact):
    """How long the secret before signs too."""

    keep_old_hours: Annotated[
        Annotated[float, Meta(ge=0, le=KEEP_OLD_HOURS_MAX)] | UnsetType | None,
        Meta(description=f"{KEEP_OLD_HOURS} unless it is said otherwise; 0: it ends at once"),
    ] = UNSET


class ReplayRange(Exact):
    """What is to be told again."""

    since: Annotated[Moment, Meta(description="what happened at this time or after it")]
    until: Annotated[Moment | UnsetType | None, Meta(description="and before this; until now when left out")] = UNSET
    delivered: Annotated[
        bool | UnsetType | None, Meta(description="true: also what was taken; else what failed or was held back")
    ] = UNSET
    cursor: Annotated[Id | UnsetType | None, Meta(description="next_cursor of the call before")] = UNSET


class WebhookSecret(Exact):
    """A secret that signs, itself not shown. ``ends_at`` null: until it is rotated."""

    ends_at: Moment | None


class Webhook(Exact, kw_only=True):
    """A webhook as it is now."""

    id: Id
    url: Annotated[str, Meta(description="without its query")]
    events: Chosen
    enabled: bool
    created_at: Moment
    disabled_at: Moment | None
    disabled_why: Annotated[
        Annotated[str, one_of(*Disabled)] | None,
        Meta(description="caller: you; operator: somebody here; gone: it answered 410; failing: for days"),
    ]
    failing_since: Annotated[Moment | None, Meta(description="it has taken nothing since then; null: it is well")]
    resumes_at: Annotated[Moment | None, Meta(description="it asked, by Retry-After, to be told nothing until then")]
    secrets: Annotated[list[WebhookSecret], Meta(description="those that sign, the newest first")]


class WebhookWithSecret(Webhook, kw_only=True):
    """A webhook with its new secret, which is shown this once."""

    secret: Annotated[str, Meta(description="whsec_ and base64; keep it where passwords are kept")]


class Webhooks(Exact):
    """All of yours, the oldest first."""

    data: list[Webhook]


class WebhookDelivery(Exact):
    """One event, and how telling it stands."""

    event_id: Annotated[Id, Meta(description="the header webhook-id, the same at every try")]
    event: Annotated[str, one_of(*EventName)]
    at: Annotated[Moment, Meta(description="when it happened")]
    notification_id: Id | None
    state: Annotated[str, one_of(*State)]
    next_try_at: Annotated[Moment | None, Meta(description="null: none is planned")]
    tries: Annotated[int, Meta(description="since it happened, or since the last replay")]
    tried_at: Moment | None
    status: Annotated[int | None, Meta(description="of the last answer; null: there was none")]
    fault: Annotated[Annotated[str, one_of(*Fault)] | None, Meta(description="why there was none")]
    answered_ms: Annotated[int | None, Meta(description="how long the last try took")]


class WebhookDeliveries(Exact):
    """A page of the log, what happened last first."""

    data: list[WebhookDelivery]
    next_cursor: Id | None


class Replayed(Exact):
    """How many will be told again. ``next_cursor``: there are more; call again with it."""

    replayed: int
    next_cursor: Id | None


class StatusChange(Exact):
    """What an event says of a notification: members of GET /v1/notifications/{id}, as they were when it happened."""

    id: Id
    status: StatusName
    kind: KindName
    reference: str | None
    reason: ReasonName | None
    route: list[ChannelName]
    delivered_by: ChannelName | None
    created_at: Moment
    ended_at: Moment | None
    valid_until: Moment
    terminal: bool
    print_required: bool
    print_offered: bool
    links: Links
    channel: Annotated[ChannelName, Meta(description="of the step of the route that it has come to")]
    seq: Annotated[int, Meta(description="grows with every event of a notification, in whatever order they arrive")]


class CloudEvent(Exact):
    """What a receiver is sent: CloudEvents 1.0, structured JSON, as application/cloudevents+json."""

    specversion: Annotated[str, one_of("1.0")]
    id: Annotated[Id, Meta(description="the header webhook-id; what is sent twice has it twice")]
    source: str
    type: Annotated[str, one_of(*(f"{TYPE_PREFIX}{name}" for name in CHOOSABLE))]
    subject: Annotated[Id, Meta(description="the notification")]
    time: Moment
    datacontenttype: Annotated[str, one_of("application/json")]
    dataschema: str
    data: StatusChange
    traceparent: Annotated[str | UnsetType, Meta(description="of the request that the notification came with")] = UNSET
