"""Examples of what the calls about webhooks take and answer, and of what receivers are sent. All of it is made up."""

from typing import Any

_ID = "0198c0de-0000-7000-8000-0000000000e1"
_EVENT_ID = "0198c0de-0000-7000-8000-0000000000e2"
_NOTIFICATION_ID = "0198c0de-0000-7000-8000-0000000000aa"
_SECRET = "whsec_dGhlLXNlY3JldC1pdHNlbGYtb2Ytb25lLXdlYmhvb2s="  # noqa: S105 - an example of a secret's looks
_EVENTS = ["notification.delivered", "notification.undelivered", "notification.expired", "notification.print_required"]

_WEBHOOK: dict[str, Any] = {
    "id": _ID,
    "url": "https://mis.example/webhooks",
    "events": _EVENTS,
    "enabled": True,
    "created_at": "2026-11-23T10:00:00.000Z",
    "disabled_at": None,
    "disabled_why": None,
    "failing_since": None,
    "resumes_at": None,
    "secrets": [{"ends_at": None}],
}
_DELIVERY: dict[str, Any] = {
    "event_id": _EVENT_ID,
    "event": "notification.delivered",
    "at": "2026-11-23T10:00:03.120Z",
    "notification_id": _NOTIFICATION_ID,
    "state": "waiting",
    "next_try_at": "2026-11-23T10:00:08.500Z",
    "tries": 1,
    "tried_at": "2026-11-23T10:00:03.310Z",
    "status": 500,
    "fault": None,
    "answered_ms": 84,
}
_CHANGE: dict[str, Any] = {
    "id": _NOTIFICATION_ID,
    "status": "delivered",
    "kind": "prescription_issued",
    "reference": "rx-2026-000001",
    "reason": None,
    "route": ["viber", "sms"],
    "delivered_by": "viber",
    "created_at": "2026-11-23T10:00:00.000Z",
    "ended_at": "2026-11-23T10:00:03.120Z",
    "valid_until": "2026-12-31T10:00:00.000Z",
    "terminal": True,
    "print_required": False,
    "print_offered": False,
    "links": {
        "self": f"/v1/notifications/{_NOTIFICATION_ID}",
        "events": f"/v1/notifications/{_NOTIFICATION_ID}/events",
        "summary": f"/v1/notifications/{_NOTIFICATION_ID}/summary",
    },
    "channel": "viber",
    "seq": 4,
}

REQUESTS: dict[str, dict[str, Any]] = {
    "NewWebhook": {
        "what ends": {"url": "https://mis.example/webhooks?from=notify", "events": _EVENTS},
        "everything": {"url": "https://mis.example/webhooks"},
    },
    "WebhookChange": {"enable it again": {"enabled": True}, "another address": {"url": "https://mis.example/hooks/2"}},
    "SecretRotation": {"both for two days": {"keep_old_hours": 48}},
    "ReplayRange": {"an outage": {"since": "2026-11-23T10:00:00Z", "until": "2026-11-23T12:00:00Z"}},
}

ANSWERS: dict[str, Any] = {
    "Webhook": _WEBHOOK,
    "WebhookWithSecret": {**_WEBHOOK, "secret": _SECRET},
    "Webhooks": {"data": [_WEBHOOK]},
    "WebhookDelivery": _DELIVERY,
    "WebhookDeliveries": {"data": [_DELIVERY], "next_cursor": None},
    "Replayed": {"replayed": 12, "next_cursor": None},
    "StatusChange": _CHANGE,
    "CloudEvent": {
        "specversion": "1.0",
        "id": _EVENT_ID,
        "source": "https://notify.example",
        "type": "ua.gov.ehealth.notify.notification.delivered",
        "subject": _NOTIFICATION_ID,
        "time": "2026-11-23T10:00:03.120Z",
        "datacontenttype": "application/json",
        "dataschema": "https://notify.example/openapi.json#/components/schemas/StatusChange",
        "data": _CHANGE,
    },
}
