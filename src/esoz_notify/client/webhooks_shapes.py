"""Webhooks: types of bodies and answers, for callers of the client.

Written by scripts/generate_docs.py from ``esoz_notify.api.webhooks_shapes``: change that and run it again.
"""

from typing import Literal, NotRequired, TypedDict

from esoz_notify.client.shapes import ChannelName, KindName, Links, Moment, ReasonName, StatusName


class WebhookSecret(TypedDict):
    """A secret that signs, itself not shown. ``ends_at`` null: until it is rotated."""

    ends_at: Moment | None


class WebhookWithSecret(TypedDict):
    """A webhook with its new secret, which is shown this once."""

    id: str
    url: str
    """Without its query."""
    events: list[
        Literal[
            "notification.in_delivery",
            "notification.fallback",
            "notification.delivered",
            "notification.undelivered",
            "notification.expired",
            "notification.cancelled",
            "notification.print_required",
            "notification.printed",
        ]
    ]
    """What it is told; none of them means all of them."""
    enabled: bool
    created_at: Moment
    disabled_at: Moment | None
    disabled_why: Literal["caller", "operator", "gone", "failing"] | None
    """Caller: you; operator: somebody here; gone: it answered 410; failing: for days."""
    failing_since: Moment | None
    """It has taken nothing since then; null: it is well."""
    resumes_at: Moment | None
    """It asked, by Retry-After, to be told nothing until then."""
    secrets: list[WebhookSecret]
    """Those that sign, the newest first."""
    secret: str
    """Whsec_ and base64; keep it where passwords are kept."""


class Webhook(TypedDict):
    """A webhook as it is now."""

    id: str
    url: str
    """Without its query."""
    events: list[
        Literal[
            "notification.in_delivery",
            "notification.fallback",
            "notification.delivered",
            "notification.undelivered",
            "notification.expired",
            "notification.cancelled",
            "notification.print_required",
            "notification.printed",
        ]
    ]
    """What it is told; none of them means all of them."""
    enabled: bool
    created_at: Moment
    disabled_at: Moment | None
    disabled_why: Literal["caller", "operator", "gone", "failing"] | None
    """Caller: you; operator: somebody here; gone: it answered 410; failing: for days."""
    failing_since: Moment | None
    """It has taken nothing since then; null: it is well."""
    resumes_at: Moment | None
    """It asked, by Retry-After, to be told nothing until then."""
    secrets: list[WebhookSecret]
    """Those that sign, the newest first."""


class Webhooks(TypedDict):
    """All of yours, the oldest first."""

    data: list[Webhook]


class WebhookDelivery(TypedDict):
    """One event, and how telling it stands."""

    event_id: str
    """The header webhook-id, the same at every try."""
    event: Literal[
        "notification.in_delivery",
        "notification.fallback",
        "notification.delivered",
        "notification.undelivered",
        "notification.expired",
        "notification.cancelled",
        "notification.print_required",
        "notification.printed",
        "webhook.test",
    ]
    at: Moment
    """When it happened."""
    notification_id: str | None
    state: Literal["waiting", "delivered", "failed", "disabled"]
    next_try_at: Moment | None
    """Null: none is planned."""
    tries: int
    """Since it happened, or since the last replay."""
    tried_at: Moment | None
    status: int | None
    """Of the last answer; null: there was none."""
    fault: Literal["address_refused", "not_connected", "certificate", "timed_out", "broken_off"] | None
    """Why there was none."""
    answered_ms: int | None
    """How long the last try took."""


class WebhookDeliveries(TypedDict):
    """A page of the log, what happened last first."""

    data: list[WebhookDelivery]
    next_cursor: str | None


class Replayed(TypedDict):
    """How many will be told again. ``next_cursor``: there are more; call again with it."""

    replayed: int
    next_cursor: str | None


class StatusChange(TypedDict):
    """What an event says of a notification: members of GET /v1/notifications/{id}, as they were when it happened."""

    id: str
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
    channel: ChannelName
    """Of the step of the route that it has come to."""
    seq: int
    """Grows with every event of a notification, in whatever order they arrive."""


class CloudEvent(TypedDict):
    """What a receiver is sent: CloudEvents 1.0, structured JSON, as application/cloudevents+json."""

    specversion: Literal["1.0"]
    id: str
    """The header webhook-id; what is sent twice has it twice."""
    source: str
    type: Literal[
        "ua.gov.ehealth.notify.notification.in_delivery",
        "ua.gov.ehealth.notify.notification.fallback",
        "ua.gov.ehealth.notify.notification.delivered",
        "ua.gov.ehealth.notify.notification.undelivered",
        "ua.gov.ehealth.notify.notification.expired",
        "ua.gov.ehealth.notify.notification.cancelled",
        "ua.gov.ehealth.notify.notification.print_required",
        "ua.gov.ehealth.notify.notification.printed",
    ]
    subject: str
    """The notification."""
    time: Moment
    datacontenttype: Literal["application/json"]
    dataschema: str
    data: StatusChange
    traceparent: NotRequired[str]
    """Of the request that the notification came with."""
